"""S3-compatible buckets and memory as stores, on obstore. Importing this module takes 35 ms."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Literal, Self, cast

import obstore
from obstore import exceptions
from obstore.store import MemoryStore, S3Store
from typing_extensions import Buffer, override

from flytelike.model.ids import Digest
from flytelike.storage.config import S3Config
from flytelike.storage.digest import digest_of_bytes
from flytelike.storage.errors import (
    AccessDenied,
    InvalidUri,
    NotFound,
    SigningUnsupported,
    StorageError,
    TooLarge,
    Unavailable,
)
from flytelike.storage.stored import Head
from flytelike.storage.uri import RESERVED, join

if TYPE_CHECKING:
    from obstore import ObjectMeta, ReadableFile, WritableFile
    from obstore.store import ObjectStore

DIGEST_ATTRIBUTE = "flytelike-digest"
"""The digest as metadata of the object (`x-amz-meta-flytelike-digest` in S3)."""
LIST_PAGE = 1_000


def memory_bucket() -> Bucket:
    """Return a new empty store in memory."""
    return Bucket(MemoryStore(), "memory://")


def s3_bucket(name: str, config: S3Config) -> Bucket:
    """Return the store of one S3 bucket."""
    given = {
        "endpoint": config.endpoint,
        # A server of one's own ignores the region, but the signature needs one.
        "region": config.region or ("us-east-1" if config.endpoint else ""),
        "access_key_id": config.access_key_id,
        "secret_access_key": config.secret_access_key,
        "session_token": config.session_token,
    }
    store = S3Store(
        name,
        config={key: value for key, value in given.items() if value},  # type: ignore[arg-type]
        client_options={
            "allow_http": config.endpoint.startswith("http://"),
            "timeout": timedelta(seconds=config.timeout_s),
        },
        retry_config={
            "max_retries": config.retries_max,
            "retry_timeout": timedelta(seconds=config.retry_s),
            "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=3), "base": 2},
        },
    )
    return Bucket(store, f"s3://{name}")


class Bucket:
    """Objects of one bucket; keys are paths without a leading slash."""

    def __init__(self, store: ObjectStore, root: str) -> None:
        """Wrap an obstore store whose objects' uris start with `root`."""
        self._store = store
        self._root = root

    def get(self, uri: str, key: str, max_bytes: int) -> bytes:
        """Return an object's bytes."""
        with translated(uri):
            result = obstore.get(self._store, named(uri, key))
            refuse_large(uri, result.meta["size"], max_bytes)
            return bytes(result.bytes())

    async def get_async(self, uri: str, key: str, max_bytes: int) -> bytes:
        """Return an object's bytes."""
        with translated(uri):
            result = await obstore.get_async(self._store, named(uri, key))
            refuse_large(uri, result.meta["size"], max_bytes)
            return bytes(await result.bytes_async())

    def put(self, uri: str, key: str, data: bytes, *, durable: bool) -> None:  # noqa: ARG002 - always is
        """Write an object at once; its digest becomes part of it."""
        with translated(uri):
            attributes: dict[str, str] = {DIGEST_ATTRIBUTE: digest_of_bytes(data)}
            obstore.put(self._store, named(uri, key), data, attributes=attributes)

    async def put_async(self, uri: str, key: str, data: bytes) -> None:
        """Write an object at once; its digest becomes part of it."""
        with translated(uri):
            attributes: dict[str, str] = {DIGEST_ATTRIBUTE: digest_of_bytes(data)}
            await obstore.put_async(self._store, named(uri, key), data, attributes=attributes)

    async def put_new_async(self, uri: str, key: str, data: bytes) -> bool:
        """Write an object if there is none; tell whether it was written (`If-None-Match` in S3)."""
        with translated(uri):
            attributes: dict[str, str] = {DIGEST_ATTRIBUTE: digest_of_bytes(data)}
            try:
                await obstore.put_async(self._store, named(uri, key), data, attributes=attributes, mode="create")
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
                return False
            return True

    def head(self, uri: str, key: str) -> Head:
        """Return size, time, and the digest if it was known when the object was written."""
        with translated(uri):
            result = obstore.get(self._store, named(uri, key), options={"head": True})
            return described(uri, result.meta, result.attributes)

    async def head_async(self, uri: str, key: str) -> Head:
        """Return size, time, and the digest if it was known when the object was written."""
        with translated(uri):
            result = await obstore.get_async(self._store, named(uri, key), options={"head": True})
            return described(uri, result.meta, result.attributes)

    def walk(self, uri: str, key: str) -> Iterator[tuple[str, Head]]:
        """Yield all objects below a folder, page by page. Digests are not told by a listing."""
        with translated(uri):
            pages = iter(obstore.list(self._store, key or None, chunk_size=LIST_PAGE))
        while True:
            with translated(uri):
                page = next(pages, None)
            if page is None:
                return
            yield from self._listed(page, key)

    async def walk_async(self, uri: str, key: str) -> list[tuple[str, Head]]:
        """Return all objects below a folder."""
        with translated(uri):
            pages = await obstore.list(self._store, key or None, chunk_size=LIST_PAGE).collect_async()
        return list(self._listed(pages, key))

    def everything(self, uri: str, key: str) -> Iterator[Head]:
        """Yield all objects below a folder, also those whose names are the store's own."""
        with translated(uri):
            for page in obstore.list(self._store, key or None, chunk_size=LIST_PAGE):
                for meta in page:
                    yield described(join(self._root, meta["path"]), meta, {})

    def names(self, uri: str, key: str) -> list[str]:
        """Return the names of the folders and objects directly in a folder."""
        with translated(uri):
            found = obstore.list_with_delimiter(self._store, key or None)
        paths = [*found["common_prefixes"], *(meta["path"] for meta in found["objects"])]
        named_so = {path.rstrip("/").rpartition("/")[2] for path in paths}
        return sorted(name for name in named_so if not name.startswith(RESERVED))

    def delete(self, uri: str, key: str) -> None:
        """Delete an object; a missing one is fine."""
        with contextlib.suppress(NotFound), translated(uri):
            obstore.delete(self._store, named(uri, key))

    def delete_many(self, keys: Mapping[str, str]) -> None:
        """Delete objects, by uri: a thousand with one call where the store can do that. Missing ones are fine."""
        everything = list(keys.items())
        for start in range(0, len(everything), LIST_PAGE):
            batch = everything[start : start + LIST_PAGE]
            try:
                with translated(batch[0][0]):
                    obstore.delete(self._store, [named(uri, key) for uri, key in batch])
            except NotFound:  # only memory minds, and stops there
                for uri, key in batch:
                    self.delete(uri, key)

    async def delete_async(self, uri: str, key: str) -> None:
        """Delete an object; a missing one is fine."""
        with contextlib.suppress(NotFound), translated(uri):
            await obstore.delete_async(self._store, named(uri, key))

    def reader(self, uri: str, key: str) -> BinaryIO:
        """Open an object for reading; pieces are fetched as they are read."""
        with translated(uri):
            opened = obstore.open_reader(self._store, named(uri, key))
            return cast("BinaryIO", io.BufferedReader(ObjectReader(uri, opened), buffer_size=1 << 20))

    def sink(self, uri: str, key: str, *, durable: bool) -> BucketSink:  # noqa: ARG002 - always is
        """Open a new object for writing, in parts when it is large."""
        with translated(uri):
            return BucketSink(uri, obstore.open_writer(self._store, named(uri, key)))

    def signed(self, uri: str, key: str, method: Literal["GET", "PUT"], expires_s: int) -> str:
        """Return an address for one method on one object."""
        if not isinstance(self._store, S3Store):
            raise SigningUnsupported(uri, "memory has no addresses for others")
        with translated(uri):
            return obstore.sign(self._store, method, named(uri, key), timedelta(seconds=expires_s))

    def _listed(self, page: Sequence[ObjectMeta], key: str) -> Iterator[tuple[str, Head]]:
        for meta in page:
            path = meta["path"]
            relative = path[len(key) + 1 :] if key else path
            if relative and not relative.rpartition("/")[2].startswith(RESERVED):
                yield relative, described(join(self._root, path), meta, {})


class BucketSink:
    """An object that is being written."""

    def __init__(self, uri: str, writer: WritableFile) -> None:
        """Wrap obstore's writer; nothing is visible until it is closed."""
        self._uri = uri
        self._writer: WritableFile | None = writer

    def __enter__(self) -> Self:
        """Return this sink."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Discard what was not committed."""
        self.discard()

    def write(self, data: bytes | memoryview) -> None:
        """Append the bytes."""
        assert self._writer is not None, "written after its end"
        with translated(self._uri):
            self._writer.write(bytes(data))

    def commit(self) -> None:
        """Make the object visible."""
        assert self._writer is not None, "committed twice"
        writer, self._writer = self._writer, None
        with translated(self._uri):
            writer.close()

    def discard(self) -> None:
        """Drop the writer: an unfinished upload in parts never becomes an object."""
        self._writer = None


class ObjectReader(io.RawIOBase):
    """Makes obstore's reader a Python file that other libraries accept."""

    def __init__(self, uri: str, opened: ReadableFile) -> None:
        """Wrap an open object."""
        super().__init__()
        self._uri = uri
        self._opened = opened

    @override
    def readable(self) -> bool:
        """Return True."""
        return True

    @override
    def seekable(self) -> bool:
        """Return True."""
        return True

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to an offset."""
        return self._opened.seek(offset, whence)

    @override
    def tell(self) -> int:
        """Return the offset."""
        return self._opened.tell()

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        """Fill the buffer as far as the object goes."""
        view = memoryview(buffer)
        with translated(self._uri):
            chunk = self._opened.read(len(view))
        view[: len(chunk)] = memoryview(chunk)
        return len(chunk)


def described(uri: str, meta: ObjectMeta, attributes: Mapping[str, str]) -> Head:
    """Return what obstore tells about an object."""
    digest = attributes.get(DIGEST_ATTRIBUTE)
    return Head(uri, meta["size"], nanoseconds(meta["last_modified"]), Digest(digest) if digest else None)


def nanoseconds(instant: datetime) -> int:
    """Return an instant as nanoseconds since 1970, without a detour over floats."""
    epoch = datetime.fromtimestamp(0, instant.tzinfo)
    return ((instant - epoch) // timedelta(microseconds=1)) * 1_000


def named(uri: str, key: str) -> str:
    """Return the key, or raise InvalidUri when the uri names the whole bucket."""
    if not key:
        raise InvalidUri(uri, "this is the whole store, not an object in it")
    return key


def refuse_large(uri: str, size_bytes: int, max_bytes: int) -> None:
    """Raise TooLarge when there are more bytes than allowed."""
    if size_bytes > max_bytes:
        raise TooLarge(uri, f"{size_bytes} bytes, at most {max_bytes} are allowed")


@contextlib.contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turn obstore's errors into ours."""
    try:
        yield
    except StorageError:
        raise
    except FileNotFoundError:
        raise NotFound(uri) from None
    except (ValueError, OSError) as error:
        raise InvalidUri(uri, first_line(error)) from None
    except Exception as error:
        if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
            raise AccessDenied(uri, "the store refuses the credentials") from None
        if isinstance(error, exceptions.BaseError):
            raise Unavailable(uri, first_line(error)) from None
        raise


def first_line(error: Exception) -> str:
    """Return the first line of an error's text: obstore appends debug output."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
