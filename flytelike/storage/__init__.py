"""Bytes by uri: a local folder, memory, or S3, on obstore. What passes through is digested.

The package must not know what the bytes mean.
"""

from flytelike.storage.config import StoreConfig
from flytelike.storage.errors import (
    AccessDenied,
    InvalidUri,
    NotFound,
    OutOfSpace,
    SigningUnsupported,
    StorageError,
    TooLarge,
)
from flytelike.storage.store import ObjectInfo, SignedPut, Store, Uploaded

__all__ = [
    "AccessDenied",
    "InvalidUri",
    "NotFound",
    "ObjectInfo",
    "OutOfSpace",
    "SignedPut",
    "SigningUnsupported",
    "StorageError",
    "Store",
    "StoreConfig",
    "TooLarge",
    "Uploaded",
]
