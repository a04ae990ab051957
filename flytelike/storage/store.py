"""The one door to stored bytes: by uri, whichever kind of store it names."""

import base64
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeVar

from flytelike.model.ids import Digest
from flytelike.storage.config import StoreConfig
from flytelike.storage.digest import digest_of_stream
from flytelike.storage.errors import DigestMismatch, InvalidUri, NotFound, SigningUnsupported
from flytelike.storage.folder import Folder, take_into_folder
from flytelike.storage.stored import Head, SignedPut, Uploaded
from flytelike.storage.trees import (
    EMPTY_MARK,
    TRANSFERS_AT_ONCE,
    download_stream,
    download_tree,
    in_parallel,
    local_files,
    tree_digest,
    upload_stream,
)
from flytelike.storage.uri import Location, Scheme, parse
from flytelike.storage.writing import StoredWriter

if TYPE_CHECKING:
    from flytelike.storage.bucket import Bucket

GET_BYTES_MAX = 576 << 20
"""Default bound of what `get` reads into memory: the largest value that is kept by itself, and some room."""
INLINE_BYTES_MAX = 256 << 10
"""Local files up to this size are read and written on the event loop: a thread costs more than they do."""
EXPIRES_S_MAX = 7 * 24 * 3600
"""S3's own limit for signed addresses."""

T = TypeVar("T")


class Store:
    """Reads and writes objects in local folders, S3-compatible buckets and memory.

    Stores are opened when first named, and kept. One `Store` may be used by many threads. `memory://` is
    private to its `Store`. After a fork, a child makes its own `Store` for buckets (obstore's threads
    don't survive a fork); local folders need nothing.

    The `_async` twins exist for the platform's event loops. Buckets are truly asynchronous there;
    local files are read and written right away when they are small (about 50 µs), and in a thread
    when they are large or must be synced (about 0.4 ms and up).

    All methods raise `StorageError`s: `NotFound`, `AccessDenied`, `OutOfSpace`, `InvalidUri`,
    `Unavailable`, and those named with a method.
    """

    def __init__(self, config: StoreConfig | None = None) -> None:
        """Keep the settings, by default those of the environment; opens nothing."""
        self.config: StoreConfig = StoreConfig.from_env() if config is None else config
        self._folder = Folder()
        self._buckets: dict[tuple[Scheme, str], Bucket] = {}

    def get(self, uri: str, *, max_bytes: int = GET_BYTES_MAX) -> bytes:
        """Return an object's bytes. Raises TooLarge, before reading, when there are more than `max_bytes`."""
        location = parse(uri)
        return self._backend(location).get(uri, location.key, max_bytes)

    def put(self, uri: str, data: bytes, *, durable: bool | None = None) -> None:
        """Write an object at once: others see the old bytes or the new. `durable` overrides the settings."""
        location = parse(uri)
        self._backend(location).put(uri, location.key, data, durable=self._durable(durable))

    def head(self, uri: str) -> Head:
        """Return an object's size, time of change and, if the store knows it, digest."""
        location = parse(uri)
        return self._backend(location).head(uri, location.key)

    def exists(self, uri: str) -> bool:
        """Return whether an object lies at the uri. Folders don't count."""
        try:
            self.head(uri)
        except NotFound:
            return False
        return True

    def measure(self, uri: str) -> int | None:
        """Return the bytes of an object, or of everything below a folder; None when there is nothing."""
        try:
            return self.head(uri).size_bytes
        except NotFound:
            pass
        location = parse(uri)
        if location.scheme is Scheme.FILE and not os.path.isdir(location.key):  # noqa: PTH112 - as elsewhere here
            return None
        sizes = [head.size_bytes for head in self.list(uri)]
        return sum(sizes) if sizes or location.scheme is Scheme.FILE else None

    async def measure_async(self, uris: Collection[str]) -> Mapping[str, int]:
        """Return the bytes of objects and folders; what is missing is left out, what lies elsewhere has none."""

        def size(uri: str) -> int | None:
            try:
                return self.measure(uri)
            except InvalidUri:
                return 0  # no place of this store's

        def sizes() -> dict[str, int]:
            wanted = list(uris)
            at_once = self._at_once(wanted[0]) if wanted else 1
            found = zip(wanted, in_parallel(size, wanted, at_once), strict=True)
            return {uri: bytes_ for uri, bytes_ in found if bytes_ is not None}

        return await in_thread(sizes)

    def pack(self, folder: str, documents: Mapping[str, bytes]) -> None:
        """Write many small objects below a folder, by their paths in it, none of them synced.

        In a folder of this machine they lie in one file together (`flytelike.storage.packs`): they are read, measured
        and synced by their uris as others are, but not listed, and are deleted with the folder only. A file at the
        same uri comes before them. One process packs into a folder at a time.
        """
        location = parse(folder)
        if location.scheme is Scheme.FILE:
            self._folder.pack(folder, location.key, documents)
            return

        def put(item: tuple[str, bytes]) -> None:
            self.put(f"{folder}/{item[0]}", item[1], durable=False)

        in_parallel(put, list(documents.items()), TRANSFERS_AT_ONCE)

    async def pack_async(self, folder: str, documents: Mapping[str, bytes]) -> None:
        """Do as `pack`."""
        small = sum(map(len, documents.values())) <= INLINE_BYTES_MAX
        if small and parse(folder).scheme is Scheme.FILE:
            self.pack(folder, documents)
        elif documents:
            await in_thread(lambda: self.pack(folder, documents))

    def list(self, prefix: str) -> Iterator[Head]:
        """Yield all objects below a folder (whole path segments), sorted by key; none when it is missing."""
        location = parse(prefix)
        try:
            for _, head in self._backend(location).walk(prefix, location.key):
                yield head
        except NotFound:
            return

    def everything(self, prefix: str) -> Iterator[Head]:
        """Yield all objects below a folder of a bucket, the store's own ones too."""
        location = parse(prefix)
        backend = self._backend(location)
        assert not isinstance(backend, Folder), "folders are walked by who sweeps them"
        return backend.everything(prefix, location.key)

    def names(self, prefix: str) -> Sequence[str]:
        """Return the names of what lies directly in a folder of a bucket."""
        location = parse(prefix)
        backend = self._backend(location)
        assert not isinstance(backend, Folder), "folders are listed by who sweeps them"
        return backend.names(prefix, location.key)

    def walk(self, prefix: str) -> Iterator[tuple[str, Head]]:
        """Yield all objects below a folder with their paths in it; none when it is missing."""
        location = parse(prefix)
        try:
            yield from self._backend(location).walk(prefix, location.key)
        except NotFound:
            return

    def delete(self, uri: str) -> None:
        """Delete an object; a missing one is fine."""
        location = parse(uri)
        self._backend(location).delete(uri, location.key)

    def delete_many(self, uris: Collection[str]) -> None:
        """Delete objects, many with one call where the store can do that; missing ones are fine."""
        found: dict[Folder | Bucket, dict[str, str]] = {}
        for uri in uris:
            location = parse(uri)
            found.setdefault(self._backend(location), {})[uri] = location.key
        for backend, keys in found.items():
            if not isinstance(backend, Folder):
                backend.delete_many(keys)
                continue
            for uri, key in keys.items():
                backend.delete(uri, key)

    def upload_file(self, path: Path, uri: str, *, durable: bool | None = None) -> Uploaded:
        """Copy a local file to the store in bounded memory."""
        location = parse(uri)
        with self._backend(location).sink(uri, location.key, durable=self._durable(durable)) as sink:
            return upload_stream(path, uri, sink)

    def take_file(self, path: Path, uri: str, *, durable: bool | None = None) -> Uploaded:
        """Move a local file, a draft that nobody else knows, to the store; it is not copied where a rename will do."""
        location = parse(uri)
        if location.scheme is Scheme.FILE:
            taken = take_into_folder(path, uri, location.key, durable=self._durable(durable))
            if taken is not None:
                return taken
        try:
            return self.upload_file(path, uri, durable=durable)
        finally:
            path.unlink(missing_ok=True)

    def verify_file(self, uri: str, expected: Digest) -> None:
        """Read an object and hold it to its digest; raises DigestMismatch."""
        with self.open_read(uri) as stream:
            digest = digest_of_stream(stream)
        if digest != expected:
            raise DigestMismatch(uri, f"the content's digest is {digest}, expected {expected}")

    def download_file(self, uri: str, path: Path, *, expected: Digest | None = None) -> Uploaded:
        """Copy an object to a local file, which appears complete or not at all.

        Raises:
            DigestMismatch: the content is not the `expected` one.
        """
        location = parse(uri)
        return download_stream(self._backend(location), uri, location.key, absolute(path), expected=expected)

    def upload_directory(self, path: Path, uri: str, *, durable: bool | None = None) -> Uploaded:
        """Copy a local folder's files. The digest is of the relative paths and contents, nothing else.

        Raises:
            UnsafePath: a symbolic link leads out of the folder, nowhere, or in a circle.
            TooLarge: more than a million files.
        """
        root = uri.rstrip("/")
        files = local_files(path)
        if not files:
            self._mark_empty(root)

        def send(file: tuple[str, str]) -> tuple[str, Uploaded]:
            relative, source = file
            return relative, self.upload_file(Path(source), f"{root}/{relative}", durable=durable)

        return tree_digest(uri, in_parallel(send, files, self._at_once(root)))

    def download_directory(self, uri: str, path: Path) -> int:
        """Copy all objects below a uri into a local folder; returns how many files.

        Raises:
            UnsafePath: an object's name cannot be a path below the folder.
        """
        root = uri.rstrip("/")
        location = parse(root)
        backend = self._backend(location)
        return download_tree(backend, root, location.key, absolute(path), at_once=self._at_once(root))

    def sync(self, uri: str) -> None:
        """Make an object that was put without `durable` survive a power cut: its bytes, its name and its folder's.

        Folders above that were made long before are taken as synced. Buckets are durable anyway.
        """
        location = parse(uri)
        if location.scheme is Scheme.FILE:
            self._folder.sync(uri, location.key)

    def sync_all(self, uris: Collection[str], stopped: Callable[[], bool] = lambda: False) -> None:
        """Do as `sync` for many objects at once; those that are not there are passed over.

        It ends early, between two files, once it is `stopped`.
        """
        locations = [parse(uri) for uri in uris]
        self._folder.sync_all([found.key for found in locations if found.scheme is Scheme.FILE], stopped)

    def sync_below(self, folder: str, stopped: Callable[[], bool] = lambda: False) -> None:
        """Do as `sync` for all objects below a folder, packed ones too; ends early as `sync_all` does."""
        location = parse(folder)
        if location.scheme is Scheme.FILE:
            self._folder.sync_below(location.key, stopped)

    def open_read(self, uri: str) -> BinaryIO:
        """Open an object as a seekable file; pieces are fetched as they are read. Close it."""
        location = parse(uri)
        return self._backend(location).reader(uri, location.key)

    def open_write(self, uri: str, *, durable: bool | None = None) -> StoredWriter:
        """Open a new object as a file; it appears when closed, and not if `with` is left by an exception."""
        location = parse(uri)
        sink = self._backend(location).sink(uri, location.key, durable=self._durable(durable))
        return StoredWriter(uri, sink)

    def sign_put(
        self,
        uri: str,
        headers: Mapping[str, str] | None = None,
        *,
        content_md5: bytes = b"",
        expires_s: int = 3600,
    ) -> SignedPut:
        """Return an address that takes this one object by HTTP PUT, and the headers to send.

        `content_md5` (16 bytes) becomes a `Content-MD5` header, with which the store refuses other bytes.

        Raises:
            SigningUnsupported: local folders and memory; who serves those signs for them.
        """
        sent = dict(headers or {})
        if content_md5:
            sent["Content-MD5"] = base64.b64encode(content_md5).decode()
        return SignedPut(self._signed(uri, "PUT", expires_s), sent)

    def sign_get(self, uri: str, *, expires_s: int = 3600) -> str:
        """Return an address that gives this one object by HTTP GET. Raises SigningUnsupported as `sign_put`."""
        return self._signed(uri, "GET", expires_s)

    async def get_async(self, uri: str, *, max_bytes: int = GET_BYTES_MAX) -> bytes:
        """Do as `get`."""
        location = parse(uri)
        backend = self._backend(location)
        if not isinstance(backend, Folder):
            return await backend.get_async(uri, location.key, max_bytes)
        if max_bytes > INLINE_BYTES_MAX and local_size(location.key) > INLINE_BYTES_MAX:
            return await in_thread(lambda: backend.get(uri, location.key, max_bytes))
        return backend.get(uri, location.key, max_bytes)

    async def put_async(self, uri: str, data: bytes, *, durable: bool | None = None) -> None:
        """Do as `put`."""
        location = parse(uri)
        backend = self._backend(location)
        if not isinstance(backend, Folder):
            await backend.put_async(uri, location.key, data)
        elif self._durable(durable) or len(data) > INLINE_BYTES_MAX:
            await in_thread(lambda: self.put(uri, data, durable=durable))
        else:
            self.put(uri, data, durable=durable)

    async def put_new_async(self, uri: str, data: bytes, *, durable: bool | None = None) -> bool:
        """Write an object if none lies at the uri; tell whether it was written: of many who ask, one is told so.

        After a cut the store may be asked again by itself: who is told no reads what lies there, which may be its own.
        """
        location = parse(uri)
        backend = self._backend(location)
        if not isinstance(backend, Folder):
            return await backend.put_new_async(uri, location.key, data)
        return await in_thread(lambda: backend.put_new(uri, location.key, data, durable=self._durable(durable)))

    async def sync_async(self, uri: str) -> None:
        """Do as `sync`."""
        if parse(uri).scheme is Scheme.FILE:
            await in_thread(lambda: self.sync(uri))

    async def sync_all_async(self, uris: Collection[str]) -> None:
        """Do as `sync_all`. A slow disk does not hold up who cancels: the thread ends after the file it is at."""
        stop = threading.Event()
        try:
            await in_thread(lambda: self.sync_all(uris, stop.is_set))
        finally:
            stop.set()

    async def sync_below_async(self, folder: str) -> None:
        """Do as `sync_below`; who cancels does not wait for more than one file."""
        stop = threading.Event()
        try:
            await in_thread(lambda: self.sync_below(folder, stop.is_set))
        finally:
            stop.set()

    async def head_async(self, uri: str) -> Head:
        """Do as `head`."""
        location = parse(uri)
        backend = self._backend(location)
        if not isinstance(backend, Folder):
            return await backend.head_async(uri, location.key)
        return backend.head(uri, location.key)

    async def exists_async(self, uri: str) -> bool:
        """Do as `exists`."""
        try:
            await self.head_async(uri)
        except NotFound:
            return False
        return True

    async def list_async(self, prefix: str) -> Sequence[Head]:
        """Return all objects below a folder, sorted by key."""
        location = parse(prefix)
        backend = self._backend(location)
        if not isinstance(backend, Folder):
            return [head for _, head in await backend.walk_async(prefix, location.key)]
        return await in_thread(lambda: list(self.list(prefix)))

    async def delete_async(self, uri: str) -> None:
        """Do as `delete`."""
        location = parse(uri)
        backend = self._backend(location)
        if not isinstance(backend, Folder):
            await backend.delete_async(uri, location.key)
        else:
            backend.delete(uri, location.key)

    def _backend(self, location: Location) -> "Folder | Bucket":
        if location.scheme is Scheme.FILE:
            return self._folder
        key = (location.scheme, location.bucket)
        bucket = self._buckets.get(key)
        if bucket is None:
            # Two threads may both open one; all use the first that was kept.
            bucket = self._buckets.setdefault(key, self._opened(location))
        return bucket

    def _opened(self, location: Location) -> "Bucket":
        from flytelike.storage import bucket  # noqa: PLC0415 - loads obstore, which few processes need

        if location.scheme is Scheme.MEMORY:
            return bucket.memory_bucket()
        return bucket.s3_bucket(location.bucket, self.config.s3)

    def _durable(self, asked: bool | None) -> bool:
        return self.config.durable if asked is None else asked

    def _at_once(self, uri: str) -> int:
        return 1 if parse(uri).scheme is Scheme.FILE else TRANSFERS_AT_ONCE

    def _mark_empty(self, root: str) -> None:
        location = parse(root)
        backend = self._backend(location)
        if not isinstance(backend, Folder):
            backend.put(root, f"{location.key}/{EMPTY_MARK}", b"", durable=False)
        else:
            Path(location.key).mkdir(parents=True, exist_ok=True)

    def _signed(self, uri: str, method: Literal["GET", "PUT"], expires_s: int) -> str:
        location = parse(uri)
        backend = self._backend(location)
        if isinstance(backend, Folder):
            raise SigningUnsupported(uri, "a local folder has no addresses for others")
        if not 0 < expires_s <= EXPIRES_S_MAX:
            raise InvalidUri(uri, f"a signed address lives 1 to {EXPIRES_S_MAX} seconds, not {expires_s}")
        return backend.signed(uri, location.key, method, expires_s)


async def in_thread(function: Callable[[], T]) -> T:
    """Call the function in a thread."""
    import asyncio  # noqa: PLC0415 - 30 ms that a process without an event loop need not pay

    return await asyncio.to_thread(function)


def absolute(path: Path) -> Path:
    """Return the path from the root, without resolving links."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve would follow links


def local_size(key: str) -> int:
    """Return a local file's size; 0 when it cannot be told, which the read will."""
    try:
        return os.stat(key).st_size  # noqa: PTH116
    except OSError:
        return 0
