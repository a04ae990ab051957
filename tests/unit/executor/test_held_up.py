"""Attempts that find the disk full wait for room; what is too large by itself fails."""

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from flytelike.model.failure import Failure, Fault
from flytelike.storage import OutOfSpace
from propeller.executors.process import held_up
from propeller.executors.process.held_up import HeldUp
from propeller.executors.process.outcome import DISK_FULL
from propeller.ports import AttemptKey
from tests.unit.executor.builders import Bench, Listener

pytestmark = pytest.mark.anyio
FULL = Failure(DISK_FULL, "nothing more can be written", Fault.SYSTEM, retryable=True)


class Disk:
    """A disk of which the test says how much is free."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 0
        monkeypatch.setattr(held_up, "shutil", self)
        monkeypatch.setattr(held_up, "LOOK_S", 0.001)

    def disk_usage(self, _folder: Path) -> SimpleNamespace:
        return SimpleNamespace(free=self.free)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def key(bench: Bench) -> AttemptKey:
    return bench.site.attempt("double", {"n": 1}).key


async def test_who_waits_goes_on_once_there_is_room(disk: Disk, bench: Bench, tmp_path: Path) -> None:
    gone_on: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
    listener, one, two = Listener(), key(bench), key(bench)
    waiting = HeldUp[str]([tmp_path], listener, lambda waited: gone_on.set_result(list(waited)))
    waiting.add(one, "one", FULL)
    waiting.add(two, "two", FULL)
    waiting.drop(two)
    assert (one in waiting, two in waiting) == (True, False)
    disk.free = 1 << 30
    assert await gone_on == ["one"]
    told = [("held up by disk-full", one), ("held up by disk-full", two), ("goes on", two), ("goes on", one)]
    assert listener.events == told
    waiting.close()


@pytest.mark.parametrize(
    ("free", "news", "expected"),
    [
        (0, FULL, True),
        (1 << 30, FULL, False),
        (0, replace(FULL, code="SYSTEM"), False),
        (0, None, False),
    ],
)
async def test_only_a_disk_that_is_full_holds_up(
    disk: Disk, tmp_path: Path, free: int, news: Failure | None, expected: bool
) -> None:
    disk.free = free
    assert HeldUp[str]([tmp_path], Listener(), lambda _: None).by(news) is expected
    assert not HeldUp[str]([], Listener(), lambda _: None).by(news), "whose disks nobody named"


async def test_an_attempt_that_finds_no_room_is_run_again_as_the_same_attempt(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, disks=(tmp_path,))
    results = bench.executor._results

    async def full(*_: object, **__: object) -> bool:
        raise OutOfSpace("file:///x", "no space left")

    with monkeypatch.context() as broken:
        broken.setattr(results, "of_whole_attempt", full)
        spec, other = (bench.site.attempt("double", {"n": 4}) for _ in range(2))
        for one in (spec, other):
            await bench.executor.start(one)
            await bench.executor.start(one)
    assert bench.listener.events == [("held up by disk-full", it.key) for it in (spec, other)]
    await bench.executor.abort(other.key, "enough")
    disk.free = 1 << 30
    assert await bench.listener.ended(spec.key) is None
    assert bench.listener.count("ended", other.key) == 0
    await bench.close()


async def test_a_document_that_tells_of_a_full_disk_is_no_end(bench: Bench) -> None:
    spec = bench.site.attempt("double", {"n": 4})
    await bench.executor._results.put_failure(spec.output_prefix, FULL)
    await bench.executor.start(spec)
    assert await bench.listener.ended(spec.key) is None
