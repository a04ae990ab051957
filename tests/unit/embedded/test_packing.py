"""The engine's blobs: small documents that come at once go into one pack, by one write."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from flytelike.storage import OutOfSpace, Store, StoreConfig
from propeller.ports import BlobsFull
from propeller.stores.blobs import BlobsOnStore

pytestmark = pytest.mark.anyio


class CountingStore(Store):
    """A store that counts how often it is given something to pack, and fails when told to."""

    def __init__(self) -> None:
        super().__init__(StoreConfig())
        self.calls: list[int] = []
        self.full = False

    async def pack_async(self, folder: str, documents: Mapping[str, bytes]) -> None:
        self.calls.append(len(documents))
        if self.full:
            raise OutOfSpace(folder, "the disk is full")
        await super().pack_async(folder, documents)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_documents_that_come_at_once_are_written_once(tmp_path: Path) -> None:
    store = CountingStore()
    blobs = BlobsOnStore(store)
    await asyncio.gather(*(blobs.pack(f"{tmp_path}/e", {f"n{n}/data/inputs.pb": b"%d" % n}) for n in range(20)))
    await blobs.pack(f"{tmp_path}/e", {"n20/data/inputs.pb": b"20"})
    assert store.calls == [20, 1]
    assert [await blobs.read(f"{tmp_path}/e/n{n}/data/inputs.pb") for n in (0, 19, 20)] == [b"0", b"19", b"20"]


async def test_all_are_told_when_the_disk_is_full(tmp_path: Path) -> None:
    store = CountingStore()
    store.full = True
    blobs = BlobsOnStore(store)
    packing = (blobs.pack(f"{tmp_path}/e", {f"n{n}": b""}) for n in range(3))
    told = await asyncio.gather(*packing, return_exceptions=True)
    assert [type(error) for error in told] == [BlobsFull] * 3
    store.full = False
    await blobs.pack(f"{tmp_path}/e", {"n0": b"again"})
    assert await blobs.read(f"{tmp_path}/e/n0") == b"again"


async def test_who_is_cancelled_takes_nobody_along(tmp_path: Path) -> None:
    blobs = BlobsOnStore(CountingStore())
    first = asyncio.ensure_future(blobs.pack(f"{tmp_path}/e", {"a": b"1"}))
    second = asyncio.ensure_future(blobs.pack(f"{tmp_path}/e", {"b": b"2"}))
    await asyncio.sleep(0)
    first.cancel()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await blobs.read(f"{tmp_path}/e/b") == b"2"
