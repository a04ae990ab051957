"""When errands are carried out: starts, and the aborts that call them off."""

import asyncio
from typing import cast

from flytelike.model.ids import NodePath, ResourceKind
from propeller.core.commands import AbortAttempt, StartAttempt
from propeller.core.state import ExecutionState
from propeller.engine.errands import Errands
from propeller.engine.program import Program
from propeller.engine.run import Errand, Run
from propeller.engine.troubles import Troubles
from tests.unit.propeller_engine.builders import named, request
from tests.unit.propeller_engine.fakes import FakeClock
from tests.unit.propeller_engine.world import SETTINGS, live

N0 = NodePath("n0")


class Hands:
    """Carries errands out as slowly as the test wants: those in `slow` wait until they are let go on."""

    def __init__(self) -> None:
        self.run = Run(request(), cast("Program", None), cast("ExecutionState", None), 1, 0)
        self.begun: list[str] = []
        self.slow: dict[str, asyncio.Event] = {}
        self.errands = Errands(
            self.do, lambda run, event: None, lambda run: None, FakeClock(), SETTINGS, Troubles(FakeClock())
        )

    async def do(self, _run: Run, errand: Errand) -> None:
        id_ = getattr(errand, "id", "")
        self.begun.append(id_)
        if id_ in self.slow:
            await self.slow[id_].wait()

    async def take(self, *errands: Errand) -> None:
        self.errands.add(self.run, errands)
        await self.rest()

    async def rest(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


def start(attempt: int) -> StartAttempt:
    return StartAttempt(f"n0/{attempt}/start", N0, attempt, named(ResourceKind.TASK, "t-n0"), interruptible=False)


def abort(attempt: int) -> AbortAttempt:
    return AbortAttempt(f"n0/{attempt}/abort", N0, attempt, "enough")


def test_a_start_that_is_called_off_before_its_first_step_leaves_nothing_behind() -> None:
    async def body() -> None:
        hands = Hands()
        await hands.take(start(0), abort(0))
        assert hands.begun == ["n0/0/abort"]
        assert hands.run.under_way == 0
        assert hands.run.done == ["n0/0/abort"]

    live(body())


def test_the_next_attempt_does_not_begin_before_the_last_one_is_stopped() -> None:
    async def body() -> None:
        hands = Hands()
        hands.slow["n0/0/abort"] = stopped = asyncio.Event()
        await hands.take(abort(0), start(1))
        assert hands.begun == ["n0/0/abort"]
        assert not hands.run.idle
        stopped.set()
        await hands.rest()
        assert hands.begun == ["n0/0/abort", "n0/1/start"]

    live(body())


def test_a_start_that_waits_for_an_abort_is_called_off_like_any_other() -> None:
    async def body() -> None:
        hands = Hands()
        hands.slow["n0/0/abort"] = stopped = asyncio.Event()
        await hands.take(abort(0), start(1))
        await hands.take(abort(1))
        stopped.set()
        await hands.rest()
        assert hands.begun == ["n0/0/abort", "n0/1/abort"]
        hands.run.done.clear()
        assert hands.run.idle

    live(body())
