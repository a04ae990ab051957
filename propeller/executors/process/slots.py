"""Who waits for a slot of the executor, who may begin, and who holds one."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from typing_extensions import override

from flytelike.model.ids import ExecutionId
from flytelike.model.queued import Queued
from flytelike.model.quota import CPU, GPU, MEMORY
from propeller.core.fairness import Amounts, Shortage, shortfalls, shown_shortages
from propeller.executors.process.devices import Devices, told_of
from propeller.executors.process.eager_slots import EagerSlots
from propeller.executors.process.element_queue import ElementQueue
from propeller.executors.process.line import Line
from propeller.executors.process.live_attempt import LiveAttempt
from propeller.executors.process.long_waits import LongWaits
from propeller.executors.process.settings import ProcessSettings
from propeller.ports import AttemptKey, AttemptListener
from propeller.ports_allocation import AllocationListener, Allocator, Ask

_CUT = frozenset({CPU, MEMORY, GPU})
QUEUED_MAX = 200
"""How many of those that wait are looked at: who asks wants some of them."""

Who: TypeAlias = LiveAttempt | ElementQueue


class SlotsListener(Protocol):
    """Told of slots."""

    def slot_free(self) -> None:
        """Tell that somebody may begin."""

    def slot_refused(self, who: Who, shortages: tuple[Shortage, ...]) -> None:
        """Tell that somebody can never begin."""

    def slot_lost(self, worker: int) -> None:
        """Tell that what a worker runs must end, since its grant is lost."""


class Slots(AllocationListener):
    """Asks an allocator for what attempts and batches of elements need.

    Eager tasks hold processes while they wait for others, which must find a slot; theirs are kept apart, and no
    allocator is asked for them.

    Args:
        allocator: Says who is next.
        settings: What this machine has. Who asks for more processors, memory or GPUs is given all of them: a spec
            that was written for a large machine runs on a small one, alone.
        listener: Told when somebody may begin.
        attempts: Told what those who wait for long wait for.
    """

    def __init__(
        self, allocator: Allocator, settings: ProcessSettings, listener: SlotsListener, attempts: AttemptListener
    ) -> None:
        self._allocator = allocator
        self._machine = settings.machine
        self._eager_slots = settings.eager_slots
        self._listener = listener
        self._eager = self._no_eager()
        self._waiting: dict[str, Who] = {}
        self._ready: deque[str] = deque()
        self._asks: dict[Who, str] = {}
        self._held: dict[int, str | LiveAttempt] = {}
        self._devices = Devices(settings.gpus)
        self._devices_held: dict[int, tuple[str, ...]] = {}
        self._asked = 0
        self._long = LongWaits(allocator, attempts)

    def __bool__(self) -> bool:
        """Tell whether somebody may begin."""
        return bool(self._ready or self._eager)

    def put(self, attempt: LiveAttempt) -> None:
        """Let an attempt wait."""
        spec = attempt.spec
        if attempt.eager:
            self._eager.wait(attempt, attempt.level, spec.key.execution.project, spec.priority)
        else:
            self._ask(attempt, spec.key, attempt.amounts, spec.priority)

    def put_elements(self, queue: ElementQueue) -> None:
        """Let an array wait for a slot for its next elements, once."""
        if queue and queue not in self._asks:
            self._ask(queue, queue.spec.key, queue.amounts, queue.spec.priority)

    def take(self) -> Who | None:
        """Return who begins, to be told with `hold` or `withdraw`; None when all who might have gone."""
        if self._eager:
            return self._eager.take()
        while self._ready:
            if (who := self._waiting.pop(self._ready.popleft(), None)) is not None:
                return who
        return None

    def devices(self, attempt: LiveAttempt) -> Mapping[str, str]:
        """Return variables that name the GPUs that are an attempt's own until it leaves its worker; it begins now."""
        if not attempt.eager and (count := attempt.amounts.get(GPU, 0)):
            attempt.devices = self._devices.take(count)
        return told_of(attempt.devices)

    def hold(self, who: Who, worker: int) -> None:
        """Note in which worker somebody runs. An array may wait for its next slot from now on."""
        if isinstance(who, LiveAttempt) and who.devices:
            self._devices_held[worker] = who.devices
        if isinstance(who, LiveAttempt) and who.eager:
            self._eager.hold(who.level)
            self._held[worker] = who
        else:
            self._held[worker] = self._asks.pop(who)

    def leave(self, worker: int) -> None:
        """Give a worker's slot back: what ran there has ended."""
        if (devices := self._devices_held.pop(worker, None)) is not None:
            self._devices.give_back(devices)
        match self._held.pop(worker, None):
            case str() as name:
                self._allocator.give_back(name)
            case LiveAttempt() as caller:
                self._eager.leave(caller.level)
            case None:
                pass

    def withdraw(self, who: Who) -> None:
        """Let somebody wait no longer."""
        if (name := self._asks.pop(who, None)) is not None:
            self._waiting.pop(name, None)
            self._long.over(name)
            self._allocator.give_back(name)

    def drain(self) -> list[Who]:
        """Return everybody who waits; nobody does then."""
        waiting = list(self._waiting.values())
        for who in waiting:
            self.withdraw(who)
        return [*waiting, *self._eager.drain()]

    async def queued(self, execution: ExecutionId) -> Sequence[Queued]:
        """Return those of an execution that wait, with their places in line."""
        found = [
            Queued(who.spec.key.path, who.spec.key.attempt, place, len(line))
            for line in self._eager.orders()
            for place, who in enumerate(line, 1)
            if who.spec.key.execution == execution
        ]
        for who, name in [it for it in self._asks.items() if it[0].spec.key.execution == execution][:QUEUED_MAX]:
            if (waiting := await self._allocator.why(name)) is not None:
                what = shown_shortages(waiting.shortages)
                key, since_ns, short = who.spec.key, waiting.since_ns, shortfalls(waiting.shortages)
                found.append(Queued(key.path, key.attempt, waiting.place, waiting.length, what, since_ns, short))
        return found

    def clear(self) -> None:
        """Give everything back, and tell nothing more."""
        self._long.close()
        self.drain()
        for worker in list(self._held):
            self.leave(worker)
        self._eager = self._no_eager()

    @override
    def granted(self, ask_id: str) -> None:
        self._long.over(ask_id)
        self._ready.append(ask_id)
        self._listener.slot_free()

    @override
    def refused(self, ask_id: str, shortages: tuple[Shortage, ...]) -> None:
        if (who := self._waiting.pop(ask_id, None)) is not None:
            del self._asks[who]
            self._long.over(ask_id)
            self._listener.slot_refused(who, shortages)

    @override
    def lost(self, ask_id: str) -> None:
        worker = next((worker for worker, held in self._held.items() if held == ask_id), None)
        if worker is not None:
            self._listener.slot_lost(worker)

    def _ask(self, who: Who, key: AttemptKey, amounts: Amounts, priority: int) -> None:
        self._asked += 1
        execution = key.execution
        name = f"{execution.project}/{execution.domain}/{execution.name}/{key.path}/{key.attempt}#{self._asked}"
        self._asks[who] = name
        self._waiting[name] = who
        self._long.begin(name, key)
        fitting = {
            resource: min(amount, self._machine.get(resource, amount)) if resource in _CUT else amount
            for resource, amount in amounts.items()
        }
        self._allocator.ask(Ask(name, execution.project, execution.domain, fitting, priority), self)

    def _no_eager(self) -> EagerSlots[LiveAttempt]:
        return EagerSlots(self._eager_slots, lambda: Line(time.monotonic, lambda attempt: attempt.stop is not None))
