"""The store: one door to all object stores, dispatched by uri.

Local files are read and written with plain system calls, which cost a third of a trip
through obstore's runtime and can be synced; everything else goes through obstore.
Temporary files of local writes start with `.tmp-` and are never listed.
"""

import asyncio
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING

from flytelike.model.ids import Digest
from flytelike.storage import digest as digests
from flytelike.storage.config import StoreConfig
from flytelike.storage.errors import InvalidUri, NotFound, SigningUnsupported, TooLarge, translated
from flytelike.storage.uri import Location, join, parse

if TYPE_CHECKING:
    from obstore.store import MemoryStore, S3Store

TEMPORARY = ".tmp-"
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known of a stored object; `modified_ns` is nanoseconds since 1970."""

    uri: str
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Something stored: where, the digest of its content, and its size."""

    uri: str
    digest: Digest
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SignedPut:
    """An address that takes one upload by HTTP PUT, with the headers to send."""

    url: str
    headers: dict[str, str]


class Store:
    """Reads and writes objects by uri. Safe to share between threads."""

    def __init__(self, config: StoreConfig | None = None) -> None:
        """Prepare; stores are opened when first used."""
        self._config = config or StoreConfig()
        self._opened: dict[tuple[str, str], MemoryStore | S3Store] = {}

    # --- whole objects ------------------------------------------------------------------

    def get(self, uri: str, max_bytes: int | None = None) -> bytes:
        """Return an object's bytes.

        Raises:
            NotFound: nothing is there.
            TooLarge: it has more than `max_bytes` bytes; nothing is read then.
        """
        place = parse(uri)
        with translated(uri):
            if place.scheme == "file":
                with open(place.key, "rb") as file:  # noqa: PTH123 - Path.open costs more than the read
                    if max_bytes is not None and os.fstat(file.fileno()).st_size > max_bytes:
                        raise TooLarge(uri, f"larger than {max_bytes} bytes")
                    return file.read()
            if max_bytes is not None and self.head(uri).size_bytes > max_bytes:
                raise TooLarge(uri, f"larger than {max_bytes} bytes")
            import obstore  # noqa: PLC0415 - heavy

            return bytes(obstore.get(self._open(place), place.key).bytes())

    def put(self, uri: str, data: bytes, *, durable: bool = False) -> Uploaded:
        """Store bytes at once or not at all; with `durable`, a local file survives a power cut."""
        place = parse(uri)
        with translated(uri):
            if place.scheme == "file":
                with _replacing(place.key, durable=durable) as file:
                    file.write(data)
            else:
                import obstore  # noqa: PLC0415 - heavy

                obstore.put(self._open(place), place.key, data)
        return Uploaded(uri, digests.of_bytes(data), len(data))

    def exists(self, uri: str) -> bool:
        """Tell whether an object (or, locally, a folder) is there."""
        place = parse(uri)
        if place.scheme == "file":
            return os.path.exists(place.key)  # noqa: PTH110 - on the hot path
        try:
            self.head(uri)
        except NotFound:
            return False
        return True

    def head(self, uri: str) -> ObjectInfo:
        """Return an object's size and time; raises NotFound."""
        place = parse(uri)
        with translated(uri):
            if place.scheme == "file":
                found = os.stat(place.key)  # noqa: PTH116 - on the hot path
                return ObjectInfo(uri, found.st_size, found.st_mtime_ns)
            import obstore  # noqa: PLC0415 - heavy

            meta = obstore.head(self._open(place), place.key)
            return ObjectInfo(uri, meta["size"], int(meta["last_modified"].timestamp() * 1e9))

    def delete(self, uri: str) -> None:
        """Delete an object; deleting what is not there is fine."""
        place = parse(uri)
        with translated(uri):
            if place.scheme == "file":
                Path(place.key).unlink(missing_ok=True)
                return
            import obstore  # noqa: PLC0415 - heavy

            obstore.delete(self._open(place), place.key)

    def delete_below(self, prefix: str) -> None:
        """Delete everything below a folder; a folder that is not there is fine."""
        place = parse(prefix)
        if place.scheme == "file":
            with translated(prefix):
                shutil.rmtree(place.key, ignore_errors=True)
            return
        for found in list(self.list(prefix)):
            self.delete(found.uri)

    def sync(self, uri: str) -> None:
        """Make a local object and its name survive a power cut; other stores do so by themselves."""
        place = parse(uri)
        if place.scheme == "file":
            with translated(uri):
                _fsync(place.key)
                _fsync(os.path.dirname(place.key))  # noqa: PTH120 - on the hot path

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield the objects below a folder, at any depth, sorted by uri in each page."""
        place = parse(prefix)
        if place.scheme == "file":
            yield from _listed(prefix, Path(place.key))
            return
        import obstore  # noqa: PLC0415 - heavy

        base = prefix[: len(prefix) - len(place.key)]
        key = place.key.rstrip("/")
        with translated(prefix):
            for page in obstore.list(self._open(place), prefix=key or None):
                for meta in sorted(page, key=lambda found: found["path"]):
                    modified = int(meta["last_modified"].timestamp() * 1e9)
                    yield ObjectInfo(base + meta["path"], meta["size"], modified)

    # --- asynchronous twins, for servers --------------------------------------------------

    async def get_async(self, uri: str, max_bytes: int | None = None) -> bytes:
        """Return an object's bytes; small local files are read at once, the rest in a thread."""
        if parse(uri).scheme == "file":
            return self.get(uri, max_bytes)
        return await asyncio.to_thread(self.get, uri, max_bytes)

    async def put_async(self, uri: str, data: bytes, *, durable: bool = False) -> Uploaded:
        """Store bytes; unsynced local writes happen at once, the rest in a thread."""
        if parse(uri).scheme == "file" and not durable:
            return self.put(uri, data)
        return await asyncio.to_thread(self.put, uri, data, durable=durable)

    async def exists_async(self, uri: str) -> bool:
        """Tell whether an object is there."""
        if parse(uri).scheme == "file":
            return self.exists(uri)
        return await asyncio.to_thread(self.exists, uri)

    async def delete_async(self, uri: str) -> None:
        """Delete an object."""
        await asyncio.to_thread(self.delete, uri)

    # --- files and folders ----------------------------------------------------------------

    def upload_file(self, path: Path, uri: str) -> Uploaded:
        """Store a file's content and return its digest; read in chunks."""
        place = parse(uri)
        with translated(str(path)):
            if not path.is_file():
                raise NotFound(str(path), "no such file")
            digest = digests.of_file(path)
            size = path.stat().st_size
        with translated(uri):
            if place.scheme == "file":
                with path.open("rb") as source, _replacing(place.key, durable=True) as target:
                    shutil.copyfileobj(source, target, digests.CHUNK_BYTES)
            else:
                import obstore  # noqa: PLC0415 - heavy

                obstore.put(self._open(place), place.key, path)
        return Uploaded(uri, digest, size)

    def download_file(self, uri: str, path: Path) -> Path:
        """Copy an object to a local file, which appears whole or not at all."""
        place = parse(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        with translated(uri), _replacing(str(path), durable=False) as target:
            if place.scheme == "file":
                with open(place.key, "rb") as source:  # noqa: PTH123 - as in `get`
                    shutil.copyfileobj(source, target, digests.CHUNK_BYTES)
            else:
                import obstore  # noqa: PLC0415 - heavy

                for chunk in obstore.get(self._open(place), place.key).stream():
                    target.write(chunk)
        return path

    def upload_directory(self, folder: Path, uri: str) -> Uploaded:
        """Store a folder's files; links that lead out of it are refused."""
        if not folder.is_dir():
            raise NotFound(str(folder), "no such folder")
        root = folder.resolve()
        stored: list[tuple[str, Digest]] = []
        size = 0
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            if not path.resolve().is_relative_to(root):
                raise InvalidUri(str(path), "the link leads outside of the folder")
            name = path.relative_to(root).as_posix()
            done = self.upload_file(path, join(uri, name))
            stored.append((name, done.digest))
            size += done.size_bytes
        if not stored and parse(uri).scheme == "file":
            Path(parse(uri).key).mkdir(parents=True, exist_ok=True)
        return Uploaded(uri, digests.of_tree(stored), size)

    def download_directory(self, uri: str, folder: Path) -> Path:
        """Copy everything below `uri` to a local folder."""
        folder.mkdir(parents=True, exist_ok=True)
        base = uri.rstrip("/") + "/"
        for found in self.list(uri):
            self.download_file(found.uri, folder / found.uri.removeprefix(base))
        return folder

    def sign_put(self, uri: str, expires_s: int) -> SignedPut:
        """Return an address that takes an upload; raises SigningUnsupported for folders and memory."""
        place = parse(uri)
        if place.scheme != "s3":
            raise SigningUnsupported(uri, "only S3-like stores sign uploads")
        import obstore  # noqa: PLC0415 - heavy
        from obstore.store import S3Store  # noqa: PLC0415 - heavy

        with translated(uri):
            store = self._open(place)
            assert isinstance(store, S3Store)
            return SignedPut(obstore.sign(store, "PUT", place.key, timedelta(seconds=expires_s)), {})

    def local_path(self, uri: str) -> Path | None:
        """Return the path of a local object, or None for other stores."""
        place = parse(uri)
        return Path(place.key) if place.scheme == "file" else None

    def _open(self, place: Location) -> "MemoryStore | S3Store":
        """Return the obstore store for a location, opened once."""
        name = (place.scheme, place.bucket)
        if name not in self._opened:
            from obstore.store import MemoryStore, S3Store  # noqa: PLC0415 - heavy

            self._opened[name] = (
                MemoryStore() if place.scheme == "memory" else S3Store(place.bucket, config=self._config.s3_options())  # type: ignore[arg-type]
            )
        return self._opened[name]


@contextmanager
def _replacing(path: str, *, durable: bool) -> Iterator[IO[bytes]]:
    """Yield a file whose content takes the place of `path` in one step once the block is left."""
    folder, name = os.path.split(path)
    draft = f"{folder}/{TEMPORARY}{os.getpid()}-{next(_numbers)}-{name[:64]}"
    try:
        file = open(draft, "wb")  # noqa: PTH123, SIM115 - closed below, before the rename
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - on the hot path
        file = open(draft, "wb")  # noqa: PTH123, SIM115
    try:
        with file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(draft, path)  # noqa: PTH105 - on the hot path
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    if durable:
        _fsync(folder)


def _fsync(path: str) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _listed(prefix: str, root: Path) -> Iterator[ObjectInfo]:
    base = prefix.rstrip("/")
    if not root.is_dir():
        return
    for folder, names, files in os.walk(root):
        names.sort()
        for name in sorted(files):
            if name.startswith(TEMPORARY):
                continue
            path = Path(folder) / name
            found = path.stat()
            yield ObjectInfo(f"{base}/{path.relative_to(root).as_posix()}", found.st_size, found.st_mtime_ns)
