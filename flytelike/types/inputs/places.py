"""Where the files, folders and tables lie that inputs name."""

from collections.abc import Callable
from pathlib import Path

from flytelike.model.types import BlobType, SchemaType, StructuredDatasetType

Stored = BlobType | StructuredDatasetType | SchemaType
Locate = Callable[[str, Stored], str]
"""Turns what was written for a file, folder or table into its uri; may upload. Raises ValueError or OSError."""


def located(text: str, kind: Stored) -> str:  # noqa: ARG001 - other ways to locate need it
    """Return a uri as it is, and a local path made absolute."""
    return text if "://" in text else str(Path(text).expanduser().absolute())
