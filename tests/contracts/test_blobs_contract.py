"""What every store of small objects promises the engine."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flytelike.embedded.adapters import BlobsOnStore
from flytelike.storage import Store
from propeller.ports import Blobs
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
    await blobs.write_all({at("a"): b"2", at("deep/b"): b""})
    assert [await blobs.read(at(name)) for name in ("a", "deep/b")] == [b"2", b""]


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


async def test_equal_content_has_one_digest_wherever_it_lies(place: tuple[Blobs, At]) -> None:
    blobs, at = place
    await blobs.write_all({at("a"): b"x", at("b"): b"x", at("c"): b"y"})
    told = await blobs.digests([at("a"), at("b"), at("c")])
    assert told[at("a")] == told[at("b")] != told[at("c")]
