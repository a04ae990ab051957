"""Those who wait for long are told what they wait for, once, and when they go on."""

import asyncio
from collections.abc import Iterator

import pytest
from typing_extensions import override

from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.quota import ATTEMPTS
from propeller.allocation import LocalAllocator
from propeller.core.fairness import Quota, Shortage, Waiting
from propeller.engine.loop_clock import LoopClock
from propeller.executors.process import long_waits
from propeller.executors.process.long_waits import LongWaits
from propeller.ports import AttemptKey
from propeller.ports_allocation import AllocationListener, Ask, Tenants
from tests.unit.executor.builders import Listener

pytestmark = pytest.mark.anyio


class Silent(AllocationListener):
    """Does nothing with what it hears."""

    @override
    def granted(self, ask_id: str) -> None:
        pass

    @override
    def refused(self, ask_id: str, shortages: tuple[Shortage, ...]) -> None:
        raise AssertionError

    @override
    def lost(self, ask_id: str) -> None:
        raise AssertionError


class OnePlace(LocalAllocator):
    """Has one place, taken by `a`; `away` says that it cannot be asked now."""

    def __init__(self) -> None:
        super().__init__({(): Quota(limit={ATTEMPTS: 1})}, LoopClock(), Tenants())
        self.away = False
        self.asked: list[str] = []
        for name in "abc":
            self.ask(Ask(name, "p", "d", {ATTEMPTS: 1}), Silent())

    @override
    async def why(self, ask_id: str) -> Waiting | None:
        self.asked.append(ask_id)
        if self.away:
            raise ConnectionError("the database is away")
        return await super().why(ask_id)


class Told(Listener):
    """Says when something was told."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: list[str] = []
        self.news = asyncio.Event()

    @override
    def held_up(self, key: AttemptKey, why: long_waits.Diagnostic | None) -> None:
        super().held_up(key, why)
        self.reasons.append("" if why is None else why.headline)
        self.news.set()


def key(path: str) -> AttemptKey:
    return AttemptKey(ExecutionId("p", "d", "run"), NodePath(path), 0)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_waits, "TELL_S", 0.0)
    monkeypatch.setattr(long_waits, "LOOK_S", 0.001)


@pytest.fixture
async def told() -> Told:
    return Told()


@pytest.fixture
def waits(told: Told) -> Iterator[tuple[LongWaits, OnePlace]]:
    allocator = OnePlace()
    waits = LongWaits(allocator, told)
    yield waits, allocator
    waits.close()


async def test_who_waits_is_told_why_once_and_that_it_goes_on(waits: tuple[LongWaits, OnePlace], told: Told) -> None:
    lines, allocator = waits
    lines.begin("b", key("n0"))
    await asyncio.wait_for(told.news.wait(), 10)
    assert told.reasons == ["1 attempt: the platform uses 1 of 1 (place 1 of 2)"]
    allocator.asked.clear()
    told.news.clear()
    lines.begin("c", key("n1"))
    await asyncio.wait_for(told.news.wait(), 10)
    assert allocator.asked == ["c"], "b was told"
    lines.over("b")
    lines.over("b")
    assert told.events[-2:] == [("held up by waits-for-quota", key("n1")), ("goes on", key("n0"))]


async def test_who_goes_on_soon_is_not_told(waits: tuple[LongWaits, OnePlace], told: Told) -> None:
    lines, _ = waits
    lines.begin("b", key("n0"))
    lines.over("b")
    lines.begin("c", key("n1"))
    await asyncio.wait_for(told.news.wait(), 10)
    assert told.events == [("held up by waits-for-quota", key("n1"))]


async def test_what_cannot_be_asked_now_is_asked_again(
    waits: tuple[LongWaits, OnePlace], told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    lines, allocator = waits
    allocator.away = True
    lines.begin("b", key("n0"))
    while len(allocator.asked) < 2:
        await asyncio.sleep(0)
    allocator.away = False
    await asyncio.wait_for(told.news.wait(), 10)
    assert told.events == [("held up by waits-for-quota", key("n0"))]
    assert "cannot be asked" in caplog.text


async def test_nothing_is_told_once_it_is_closed(waits: tuple[LongWaits, OnePlace], told: Told) -> None:
    lines, _ = waits
    lines.begin("b", key("n0"))
    await asyncio.wait_for(told.news.wait(), 10)
    lines.close()
    lines.over("b")
    assert told.events == [("held up by waits-for-quota", key("n0"))]
