"""What every store of small objects promises the engine."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flytelike.storage import Store
from propeller.ports import Blobs
from propeller.stores.blobs import BlobsOnStore
from tests.unit.propeller_engine.fakes import FakeBlobs

pytestmark = pytest.mark.anyio
PORTS = {"Blobs": ("BlobsOnStore", "FakeBlobs")}
At = Callable[[str], str]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["fake", "folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Blobs, At]:
    """A store, and where an object of a name lies in it."""
    if request.param == "fake":
        return FakeBlobs(), lambda name: f"mem://{name}"
    return BlobsOnStore(Store()), lambda name: f"file://{tmp_path}/{name}"


async def test_what_is_written_is_read_and_the_last_counts(place: tuple[Blobs, At]) -> None:
    blobs, at = place
    await blobs.write(at("a"), b"1")
    await blobs.write(at("a"), b"2")
    await blobs.write(at("deep/b"), b"")
    assert [await blobs.read(at(name)) for name in ("a", "deep/b")] == [b"2", b""]


async def test_what_is_packed_is_read_by_its_own_uri_and_what_is_written_comes_before_it(
    place: tuple[Blobs, At],
) -> None:
    blobs, at = place
    await blobs.write(at("run/a"), b"written")
    await blobs.pack(at("run"), {"a": b"packed", "b": b"1", "deep/c": b""})
    await blobs.pack(at("run"), {"b": b"2"})
    assert [await blobs.read(at(f"run/{name}")) for name in ("a", "b", "deep/c")] == [b"written", b"2", b""]
    await blobs.sync_all([at("run/b")])
    assert await blobs.sizes([at("run/b"), at("run/deep/c"), at("run/d")]) == {at("run/b"): 1, at("run/deep/c"): 0}


async def test_what_is_not_there_is_told_apart(place: tuple[Blobs, At]) -> None:
    blobs, at = place
    await blobs.write(at("a"), b"abc")
    with pytest.raises(KeyError):
        await blobs.read(at("none"))
    with pytest.raises(KeyError):
        await blobs.sync(at("none"))
    await blobs.sync(at("a"))
    await blobs.sync_all([at("a"), at("none")])
    assert await blobs.sizes([at("a"), at("none")]) == {at("a"): 3}
    assert list(await blobs.digests([at("a"), at("none")])) == [at("a")]


async def test_all_below_a_folder_is_synced_whether_it_is_written_or_packed_or_missing(place: tuple[Blobs, At]) -> None:
    blobs, at = place
    await blobs.sync_below(at("run"))
    await blobs.write(at("run/deep/a"), b"1")
    await blobs.pack(at("run"), {"b": b"2"})
    await blobs.sync_below(at("run"))
    assert [await blobs.read(at(f"run/{name}")) for name in ("deep/a", "b")] == [b"1", b"2"]


async def test_equal_content_has_one_digest_wherever_it_lies(place: tuple[Blobs, At]) -> None:
    blobs, at = place
    await blobs.write(at("a"), b"x")
    await blobs.pack(at("run"), {"b": b"x"})
    await blobs.write(at("c"), b"y")
    told = await blobs.digests([at("a"), at("run/b"), at("c")])
    assert told[at("a")] == told[at("run/b")] != told[at("c")]
