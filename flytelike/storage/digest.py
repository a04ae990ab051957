"""Digests of content: SHA-256, as `sha256:` and 64 hexadecimal digits."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from flytelike.model.ids import Digest

CHUNK_BYTES = 1024 * 1024


def of_bytes(data: bytes) -> Digest:
    """Return the digest of bytes."""
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")


def of_file(path: Path) -> Digest:
    """Return the digest of a file's content."""
    with path.open("rb") as file:
        return Digest(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}")


def of_tree(files: Iterable[tuple[str, Digest]]) -> Digest:
    """Return the digest of a folder, given its files' relative paths and digests, in any order."""
    whole = hashlib.sha256()
    for name, digest in sorted(files):
        whole.update(f"{len(name.encode())}:{name}{digest}".encode())
    return Digest(f"sha256:{whole.hexdigest()}")
