"""Stored bytes by uri: local folders, S3-compatible buckets, memory.

`Store` is the door. It digests what passes through, writes at once or not at all, and bounds
what it reads. It must not know what the bytes mean.
"""

from flytelike.storage.config import S3Config, StoreConfig
from flytelike.storage.contents import Contents
from flytelike.storage.errors import (
    AccessDenied,
    DigestMismatch,
    InvalidUri,
    NotFound,
    OutOfSpace,
    SigningUnsupported,
    StorageError,
    TooLarge,
    Unavailable,
    UnsafePath,
)
from flytelike.storage.store import Store
from flytelike.storage.stored import Head, SignedPut, Uploaded
from flytelike.storage.uri import file_uri, is_local, join
from flytelike.storage.writing import StoredWriter

__all__ = [
    "AccessDenied",
    "Contents",
    "DigestMismatch",
    "Head",
    "InvalidUri",
    "NotFound",
    "OutOfSpace",
    "S3Config",
    "SignedPut",
    "SigningUnsupported",
    "StorageError",
    "Store",
    "StoreConfig",
    "StoredWriter",
    "TooLarge",
    "Unavailable",
    "UnsafePath",
    "Uploaded",
    "file_uri",
    "is_local",
    "join",
]
