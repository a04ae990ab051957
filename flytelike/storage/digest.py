"""Content digests: SHA-256 of the bytes, as they stream by."""

import hashlib
from collections.abc import Iterable
from typing import BinaryIO

from flytelike.model.ids import Digest

CHUNK_BYTES = 1 << 20


def digest_of_bytes(data: bytes) -> Digest:
    """Return the digest of `data`."""
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")


def digest_of_stream(stream: BinaryIO) -> Digest:
    """Read the stream to its end in bounded pieces and return the digest of what was read."""
    running = hashlib.sha256()
    while chunk := stream.read(CHUNK_BYTES):
        running.update(chunk)
    return Digest(f"sha256:{running.hexdigest()}")


def digest_of_tree(files: Iterable[tuple[str, Digest]]) -> Digest:
    """Return the digest of a folder: of its files' relative paths and digests, in the paths' order.

    Names are length-prefixed, so that no two folders give the same bytes. Rights, times and
    empty folders don't count.
    """
    running = hashlib.sha256(b"flytelike folder v1\n")
    for path, digest in sorted(files):
        name = path.encode("utf-8", "surrogateescape")
        running.update(b"%d:%b %b\n" % (len(name), name, digest.encode()))
    return Digest(f"sha256:{running.hexdigest()}")
