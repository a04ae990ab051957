"""An executor without processes: attempts are functions on the event loop.

For tests of what stands on executors, and held to the same contract as the real ones.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from typing_extensions import override

from flytelike.model.failure import Failure, Fault
from flytelike.model.ids import ExecutionId
from flytelike.model.queued import Queued
from propeller.core.elements import Span, spans_of
from propeller.executors.ending import Ending, GaveNodes
from propeller.ports import AttemptKey, AttemptListener, AttemptSpec, Executor
from propeller.ports_elements import ElementResult, ElementsOrder

Behaviour = Callable[[AttemptSpec], Awaitable[Ending]]
"""Does an attempt's work, stores what it gives, and returns how it ended."""

_REMEMBERED = 4096


@dataclass(slots=True, eq=False)
class _Attempt:
    spec: AttemptSpec
    task: asyncio.Task[None] | None = None


class MemoryExecutor(Executor):
    """Runs a behaviour for each attempt, first come first served.

    Args:
        behaviour: What every attempt does.
        listener: Told how attempts go.
        slots: How many run at once.
        now_ns: The time, in nanoseconds since 1970.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        listener: AttemptListener,
        *,
        slots: int = 2,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._behaviour = behaviour
        self._listener = listener
        self._slots = slots
        self._now_ns = now_ns
        self._live: dict[AttemptKey, _Attempt] = {}
        self._queue: deque[_Attempt] = deque()
        self._ended: dict[AttemptKey, Ending] = {}
        self._elements: dict[AttemptKey, tuple[AttemptKey, int]] = {}
        self._running = 0
        self._closed = False

    @override
    async def start(self, spec: AttemptSpec) -> None:
        if spec.key in self._live or self._closed:
            return
        if spec.key in self._ended:
            self._tell(spec.key, self._ended[spec.key])
            return
        attempt = self._live[spec.key] = _Attempt(spec)
        self._queue.append(attempt)
        self._pump()

    @override
    async def abort(self, key: AttemptKey, reason: str) -> None:
        attempt = self._live.get(key)
        if attempt is None:
            return
        if attempt.task is None:
            del self._live[key]
        else:
            attempt.task.cancel()

    @override
    async def start_elements(self, order: ElementsOrder) -> None:
        for first, length, attempt in order.elements:
            for index in range(first, first + length):
                spec = order.array.attempt(index, attempt, interruptible=order.interruptible)
                self._elements[spec.key] = (order.array.key, index)
                await self.start(spec)

    @override
    async def abort_elements(self, key: AttemptKey, reason: str) -> None:
        for attempt, (array, _) in list(self._elements.items()):
            if array == key:
                del self._elements[attempt]
                await self.abort(attempt, reason)

    @override
    async def withdraw_elements(self, key: AttemptKey, elements: Sequence[Span]) -> Sequence[Span]:
        taken: list[tuple[int, int]] = []
        for attempt, (array, index) in list(self._elements.items()):
            live = self._live.get(attempt)
            waits = array == key and live is not None and live.task is None
            if waits and any(it.first <= index < it.end and it.attempt == attempt.attempt for it in elements):
                del self._elements[attempt], self._live[attempt]
                taken.append((index, attempt.attempt))
        return spans_of(sorted(taken))

    @override
    async def queued(self, execution: ExecutionId) -> Sequence[Queued]:
        waiting = [it.spec.key for it in self._queue if self._live.get(it.spec.key) is it]
        places = enumerate(waiting, 1)
        return [Queued(it.path, it.attempt, at, len(waiting)) for at, it in places if it.execution == execution]

    @override
    async def close(self) -> None:
        self._closed = True
        tasks = [attempt.task for attempt in self._live.values() if attempt.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._live.clear()
        self._queue.clear()

    def _pump(self) -> None:
        while self._queue and self._running < self._slots and not self._closed:
            attempt = self._queue.popleft()
            if self._live.get(attempt.spec.key) is attempt:
                self._running += 1
                attempt.task = asyncio.get_running_loop().create_task(self._run(attempt.spec))
                # Here, since a task that is cancelled before its first step runs none of its code.
                attempt.task.add_done_callback(partial(self._leave, attempt.spec.key))

    async def _run(self, spec: AttemptSpec) -> None:
        limit_s = spec.deadline_ns / 1e9 or None
        try:
            self._listener.running(spec.key, self._now_ns())
            ending: Ending = await asyncio.wait_for(self._behaviour(spec), limit_s)
        except TimeoutError:
            text = f"The attempt ran longer than its timeout of {limit_s:g} s and was stopped."
            ending = Failure("TimeoutExpired", text, Fault.USER, retryable=True)
        except asyncio.CancelledError:
            return
        self._ended[spec.key] = ending
        if len(self._ended) > _REMEMBERED:
            del self._ended[next(iter(self._ended))]
        self._live.pop(spec.key, None)
        self._tell(spec.key, ending)

    def _leave(self, key: AttemptKey, _: asyncio.Task[None]) -> None:
        self._running -= 1
        live = self._live.get(key)
        if live is not None and live.task is not None and live.task.done():
            del self._live[key]
        self._pump()

    def _tell(self, key: AttemptKey, ending: Ending) -> None:
        element = self._elements.pop(key, None)
        match ending:
            case Failure() | None if element is not None:
                result = ElementResult(element[1], key.attempt, ending)
                self._listener.elements_ended(element[0], self._now_ns(), [result])
            case None:
                self._listener.succeeded(key, self._now_ns())
            case GaveNodes():
                self._listener.expanded(key, self._now_ns())
            case Failure() as failure:
                self._listener.failed(key, self._now_ns(), failure)
