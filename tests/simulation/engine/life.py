"""One life of the engine's process: its event loop, and how it reaches the world.

Every call to a port takes a while there and back, may fail on the way, and may be cut short by the
death of the process.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, TypeVar

from flytelike.model.ids import ExecutionId
from propeller.engine import Engine
from tests.simulation.engine.loop import Agenda, S, TurnedLoop

if TYPE_CHECKING:
    from tests.simulation.engine.weather import Weather

R = TypeVar("R")

DELAYS_NS = (None, None, None, 0, S // 1000, S // 10, 2 * S)
"""How long a way takes; None for a call that does not even yield."""


class Life:
    """A process that runs an engine until it ends or dies."""

    def __init__(self, agenda: Agenda, rng: random.Random, weather: "Weather") -> None:
        self.agenda = agenda
        self.loop = TurnedLoop(agenda)  # type: ignore[abstract] # what asyncio itself never calls here is left out
        self.engine: Engine | None = None
        self.dead = False
        self.under_way: dict[int, Callable[[], object]] = {}
        self.unheard: set[ExecutionId] = set()
        """Executions with a commit that is stored, which the engine does not know yet."""
        self._rng = rng
        self._weather = weather
        self._calls = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[object, object, None]) -> None:
        """Run something beside the engine."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def call(self, effect: Callable[[], R], away: Callable[[], Exception], *, lands_late: bool = False) -> R:
        """Go to the world, have the effect, come back."""
        self._calls += 1
        number = self._calls
        if lands_late:
            self.under_way[number] = effect
        try:
            try:
                await self.travel()
            except asyncio.CancelledError:
                if not self.dead and self._rng.random() < 0.5:
                    effect()  # Who breaks a call off does not know whether it was heard.
                raise
            lot = self._rng.random()
            if lot < self._weather.away:
                raise away()
            self.under_way.pop(number, None)
            result = effect()
            if lot > 1 - self._weather.unheard:
                raise away()
            await self.travel()
        finally:
            if not self.dead:
                self.under_way.pop(number, None)
        return result

    async def travel(self) -> None:
        """Be on the way for a while."""
        if self.dead:
            raise asyncio.CancelledError  # The dead touch nothing.
        delay_ns = self._rng.choice(DELAYS_NS)
        if delay_ns is not None:
            await self.sleep(delay_ns)

    async def sleep(self, delay_ns: int) -> None:
        """Wait in the world's time."""
        over = self.loop.create_future()
        self.agenda.later("", delay_ns, lambda: None if over.done() else over.set_result(None))
        await over
        if self.dead:
            raise asyncio.CancelledError

    def die(self) -> None:
        """Be turned no more."""
        self.dead = True
        self.loop.bury()
