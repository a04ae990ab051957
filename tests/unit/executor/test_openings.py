"""The process that makes workers is ended by somebody, whoever stops waiting for its start."""

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from propeller.executors.process import scratch, zygote
from propeller.executors.process.zygote import Zygote
from tests.unit.executor.builders import Bench


def left(began: tuple[set[str], set[int]]) -> tuple[set[str], set[int]]:
    """Return the open files and the children that were not there before."""
    files, children = held()
    return files - began[0], children - began[1]


def held() -> tuple[set[str], set[int]]:
    return set(os.listdir("/proc/self/fd")), {child.pid for child in psutil.Process().children()}


class Nobody:
    """Listens to no process."""

    def lost(self) -> None:
        raise AssertionError("it was ended on purpose")

    forked = not_forked = exited = lost


async def settled(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not ready():
            await asyncio.sleep(0)


@pytest.mark.parametrize("waits_for", ["its folder", "its process", "its first word"])
def test_a_start_that_is_broken_off_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits_for: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    launched, made = [], []
    make, launch = scratch.make, zygote._launched

    def makes() -> tuple[str, int]:
        made.append(1)
        return make()

    def launches(preload: tuple[str, ...], env: dict[str, str]) -> object:
        found = launch(preload, env)
        launched.append(1)
        return found

    monkeypatch.setattr(scratch, "make", makes)
    monkeypatch.setattr(zygote, "_launched", launches)

    async def main() -> None:
        # The loop's own thread and its files are there from now on.
        await asyncio.to_thread(lambda: None)
        began = held()
        start = asyncio.ensure_future(Zygote.start((), os.environ, Nobody()))
        match waits_for:
            case "its folder":
                await asyncio.sleep(0)
            case "its process":
                await settled(lambda: bool(made))
            case _:
                await settled(lambda: bool(launched))
                await asyncio.sleep(0.01)
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start
        assert left(began) == (set(), set())

    asyncio.run(main())
    assert list(tmp_path.iterdir()) == []


def test_an_executor_that_is_closed_as_it_opens_leaves_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        await asyncio.to_thread(lambda: None)
        began = held()
        for number in range(3):
            bench = Bench(tmp_path / str(number))
            bench.executor.warm_up()
            waiting = asyncio.ensure_future(bench.executor.open())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await bench.close()
            assert left(began) == (set(), set())

    asyncio.run(main())
