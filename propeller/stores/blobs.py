"""The engine's blobs in the object store."""

import asyncio
import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from flytelike.storage import Contents, InvalidUri, NotFound, OutOfSpace, StorageError, Store, Unavailable
from propeller.ports import BlobsAway, BlobsFull, BlobsUnavailable


@dataclass(slots=True, eq=False)
class _Packing:
    """Documents that go into one pack, and who waits for them."""

    documents: dict[str, bytes] = field(default_factory=dict)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


class BlobsOnStore:
    """Whole small objects by uri; see the port `Blobs`."""

    def __init__(self, store: Store) -> None:
        """Read and write through `store`."""
        self._store = store
        self._contents = Contents(store)
        self._packing: dict[str, _Packing] = {}

    async def digests(self, uris: Collection[str]) -> Mapping[str, str]:
        """Return the digests of what is there."""

        def digests() -> dict[str, str]:
            found = {}
            for uri in uris:
                with contextlib.suppress(InvalidUri):  # no place of this store's
                    digest = self._contents.digest(uri)
                    if digest is not None:
                        found[uri] = str(digest)
            return found

        try:
            return await asyncio.to_thread(digests)
        except StorageError as error:
            raise _elsewhere(error) from error

    async def read(self, uri: str) -> bytes:
        """Return an object's bytes."""
        try:
            return await self._store.get_async(uri)
        except NotFound:
            raise KeyError(uri) from None
        except StorageError as error:
            raise _unavailable(error) from error

    async def write(self, uri: str, data: bytes) -> None:
        """Store bytes, not synced yet."""
        try:
            await self._store.put_async(uri, data, durable=False)
        except StorageError as error:
            raise _unavailable(error) from error

    async def pack(self, folder: str, documents: Mapping[str, bytes]) -> None:
        """Store small objects together, not synced yet; those that come in one turn of the event loop go together."""
        loop = asyncio.get_running_loop()
        packing = self._packing.get(folder)
        if packing is None:
            packing = self._packing[folder] = _Packing()
            packing.task = loop.create_task(self._pack(folder, packing), name="blobs_pack")
        stored: asyncio.Future[None] = loop.create_future()
        packing.documents.update(documents)
        packing.waiting.append(stored)
        await stored

    async def _pack(self, folder: str, packing: "_Packing") -> None:
        del self._packing[folder]
        fault: BlobsUnavailable | None = None
        try:
            await self._store.pack_async(folder, packing.documents)
        except StorageError as error:
            fault = _unavailable(error)
        for stored in packing.waiting:
            if stored.done():
                continue  # who asked was cancelled
            if fault is None:
                stored.set_result(None)
            else:
                stored.set_exception(fault)

    async def sizes(self, uris: Collection[str]) -> Mapping[str, int]:
        """Return the bytes of what is there."""
        try:
            return await self._store.measure_async(uris)
        except StorageError as error:
            raise _elsewhere(error) from error

    async def sync(self, uri: str) -> None:
        """Make an object survive a power cut."""
        try:
            await self._store.sync_async(uri)
        except NotFound:
            raise KeyError(uri) from None
        except StorageError as error:
            raise _unavailable(error) from error

    async def sync_all(self, uris: Collection[str]) -> None:
        """Make objects survive a power cut, as far as they are there."""
        try:
            await self._store.sync_all_async(uris)
        except StorageError as error:
            raise _unavailable(error) from error

    async def sync_below(self, folder: str) -> None:
        """Make all below a folder survive a power cut."""
        try:
            await self._store.sync_below_async(folder)
        except StorageError as error:
            raise _unavailable(error) from error


def _unavailable(error: StorageError) -> BlobsUnavailable:
    """Return what an error of the object store means to the engine."""
    match error:
        case OutOfSpace():
            return BlobsFull(str(error))
        case Unavailable():
            return BlobsAway(str(error))
        case _:
            return BlobsUnavailable(str(error))


def _elsewhere(error: StorageError) -> BlobsUnavailable:
    """Return the same for data that values name: it may lie in a store that never answers."""
    return BlobsFull(str(error)) if isinstance(error, OutOfSpace) else BlobsUnavailable(str(error))
