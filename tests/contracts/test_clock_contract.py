"""What every clock does: it tells the time, and calls back once, never before the time has come."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from flytelike.controlplane.ports import SystemClock
from propeller.engine.loop_clock import LoopClock
from propeller.ports import Clock
from tests.unit.propeller_engine.fakes import FakeClock

PORTS = {"Alarm": ("LoopClock",), "Clock": ("LoopClock", "SystemClock")}
MS = 1_000_000

Body = Callable[[Clock, Callable[[int], Awaitable[None]]], Awaitable[None]]


def lived(kind: str, body: Body) -> None:
    """Run a test's body with a clock and what lets its time pass."""

    async def of_machine() -> None:
        clock = LoopClock()

        async def passes(ns: int) -> None:
            there = asyncio.Event()
            clock.call_at(clock.now_ns() + ns, there.set)
            await there.wait()

        await body(clock, passes)

    async def of_tests() -> None:
        clock = FakeClock()

        async def passes(ns: int) -> None:
            clock.advance(ns)

        await body(clock, passes)

    asyncio.run(of_machine() if kind == "machine" else of_tests())


both = pytest.mark.parametrize("kind", ["machine", "tests"])


@both
def test_it_calls_back_once_and_not_before_the_time(kind: str) -> None:
    async def body(clock: Clock, passes: Callable[[int], Awaitable[None]]) -> None:
        due_ns, rang = clock.now_ns() + 20 * MS, list[int]()
        clock.call_at(due_ns, lambda: rang.append(clock.now_ns()))
        assert rang == []
        await passes(25 * MS)
        await passes(25 * MS)
        assert len(rang) == 1
        assert rang[0] >= due_ns - MS, "but for what a loop's own clock differs from the machine's"

    lived(kind, body)


@both
def test_what_is_due_already_is_called_back_too_and_never_at_once(kind: str) -> None:
    """The caller is done with what it does before its callback runs."""

    async def body(clock: Clock, passes: Callable[[int], Awaitable[None]]) -> None:
        rang = list[str]()
        clock.call_at(clock.now_ns() - MS, lambda: rang.append("late"))
        assert rang == []
        await passes(5 * MS)
        assert rang == ["late"]

    lived(kind, body)


@both
def test_a_cancelled_alarm_stays_silent_and_may_be_cancelled_at_any_time(kind: str) -> None:
    async def body(clock: Clock, passes: Callable[[int], Awaitable[None]]) -> None:
        rang = list[str]()
        never = clock.call_at(clock.now_ns() + 2 * MS, lambda: rang.append("never"))
        once = clock.call_at(clock.now_ns() + 2 * MS, lambda: rang.append("once"))
        never.cancel()
        never.cancel()
        await passes(10 * MS)
        once.cancel()
        assert rang == ["once"]

    lived(kind, body)


@pytest.mark.parametrize("clock", [SystemClock(), LoopClock()], ids=["SystemClock", "LoopClock"])
def test_the_time_is_in_nanoseconds_since_1970(clock: SystemClock | LoopClock) -> None:
    assert abs(clock.now_ns() - time.time_ns()) < 60_000 * MS
