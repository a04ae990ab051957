"""Whole folders and large files between this machine and a store, digested as they stream."""

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from flytelike.model.ids import Digest
from flytelike.storage.digest import CHUNK_BYTES, digest_of_tree
from flytelike.storage.errors import DigestMismatch, NotFound, TooLarge, UnsafePath, from_os_error
from flytelike.storage.folder import FileSink, files_below, make_folders
from flytelike.storage.stored import Backend, Sink, Uploaded
from flytelike.storage.uri import RESERVED, file_uri

FILES_MAX = 1_000_000
"""Most files in one folder's transfer."""
TRANSFERS_AT_ONCE = 8
"""Bucket requests under way at once; each waits for the network, not for this machine."""
EMPTY_MARK = f"{RESERVED}empty"
"""An object of this name says that its folder exists and is empty: buckets have no folders."""

T = TypeVar("T")
U = TypeVar("U")


def upload_stream(source: Path, uri: str, sink: Sink) -> Uploaded:
    """Copy a local file into an open sink and commit it."""
    running, size_bytes = hashlib.sha256(), 0
    try:
        stream = source.open("rb")
    except OSError as error:
        raise from_os_error(str(source), error) from None
    with stream:
        while chunk := read_chunk(stream.read, str(source)):
            running.update(chunk)
            sink.write(chunk)
            size_bytes += len(chunk)
    sink.commit()
    return Uploaded(uri, Digest(f"sha256:{running.hexdigest()}"), size_bytes)


def download_stream(backend: Backend, uri: str, key: str, target: Path, *, expected: Digest | None = None) -> Uploaded:
    """Copy an object to a local file, which appears at once and only if the digest is the expected one."""
    running, size_bytes = hashlib.sha256(), 0
    with backend.reader(uri, key) as stream, FileSink(str(target), str(target), durable=False) as sink:
        while chunk := read_chunk(stream.read, uri):
            running.update(chunk)
            sink.write(chunk)
            size_bytes += len(chunk)
        digest = Digest(f"sha256:{running.hexdigest()}")
        if expected is not None and digest != expected:
            raise DigestMismatch(uri, f"the content's digest is {digest}, expected {expected}")
        sink.commit()
    return Uploaded(uri, digest, size_bytes)


def read_chunk(read: Callable[[int], bytes], uri: str) -> bytes:
    """Read the next bounded piece."""
    try:
        return read(CHUNK_BYTES)
    except OSError as error:
        raise from_os_error(uri, error) from None


def local_files(folder: Path) -> list[tuple[str, str]]:
    """Return `(relative path, path)` of the files to upload; refuses links that lead out."""
    found: list[tuple[str, str]] = []
    try:
        for pair in files_below(str(folder), strict=True):
            if len(found) == FILES_MAX:
                raise TooLarge(file_uri(str(folder)), f"more than {FILES_MAX} files")
            found.append(pair)
    except OSError as error:
        raise from_os_error(str(folder), error) from None
    return found


def local_target(folder: Path, relative: str) -> Path:
    """Return where a downloaded file goes; never outside `folder`."""
    parts = relative.split("/")
    if any(part in {"", ".", ".."} or "\0" in part or "\\" in part for part in parts):
        raise UnsafePath(relative, "the store names a file that cannot be written here")
    return folder.joinpath(*parts)


def download_tree(backend: Backend, uri: str, key: str, target: Path, *, at_once: int) -> int:
    """Copy all objects below a folder; returns how many. Raises NotFound when there is none."""
    found = list(backend.walk(uri, key))
    if not found and not folder_exists(backend, uri, key):
        raise NotFound(uri, "no files are stored below this")
    target.mkdir(parents=True, exist_ok=True)

    def fetch(relative: str) -> None:
        path = local_target(target, relative)
        make_folders(str(path.parent), durable=False)
        download_stream(backend, f"{uri}/{relative}", f"{key}/{relative}" if key else relative, path)

    in_parallel(fetch, [relative for relative, _ in found], at_once)
    return len(found)


def folder_exists(backend: Backend, uri: str, key: str) -> bool:
    """Return whether an empty folder was uploaded here."""
    if key.startswith("/"):
        return os.path.isdir(key)  # noqa: PTH112
    try:
        backend.head(uri, f"{key}/{EMPTY_MARK}")
    except NotFound:
        return False
    return True


def tree_digest(uri: str, parts: Iterable[tuple[str, Uploaded]]) -> Uploaded:
    """Return the folder's digest and size from those of its files."""
    known = list(parts)
    digest = digest_of_tree((relative, part.digest) for relative, part in known)
    return Uploaded(uri, digest, sum(part.size_bytes for _, part in known))


def in_parallel(function: Callable[[T], U], items: list[T], at_once: int) -> list[U]:
    """Call the function for each item, several at once; the first error is raised after the running ones end."""
    if at_once <= 1 or len(items) <= 1:
        return [function(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only buckets need it

    with ThreadPoolExecutor(max_workers=min(at_once, len(items))) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
