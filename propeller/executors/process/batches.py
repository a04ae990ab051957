"""Batches of elements in warm workers: given out, watched, judged when their worker ends."""

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flytelike.codec.worker_frames import ElementsDone, RunElements
from flytelike.model.failure import Failure
from propeller.core.elements import element_path
from propeller.core.plan import scope_of
from propeller.executors.process.element_queue import Element, ElementQueue
from propeller.executors.process.logs import AttemptLogs
from propeller.executors.process.memory import kernel_kills
from propeller.executors.process.outcome import (
    LOST,
    Aborted,
    OverMemory,
    Stop,
    TimedOut,
    failure_of_exit,
    failure_of_start,
    failure_of_stop,
)
from propeller.executors.process.watch import MemoryWatch
from propeller.executors.process.worker import Worker
from propeller.executors.process.workers import Workers
from propeller.ports import AttemptKey
from propeller.ports_elements import ElementResult

Tell = Callable[[AttemptKey, Sequence[ElementResult]], None]

_TAIL_BYTES = 2000


@dataclass(slots=True, eq=False)
class _Batch:
    """Elements in a worker. `at` is how many of them have been told, `since_s` when the last one was."""

    queue: ElementQueue
    worker: Worker
    elements: tuple[Element, ...]
    tell_each: bool
    at: int = 0
    since_s: float = field(default_factory=time.monotonic)
    stop: Stop | None = None
    deadline: asyncio.TimerHandle | None = None
    kill: asyncio.TimerHandle | None = None
    kernel_kills: int = 0


class Batches:
    """What runs of arrays. The executor gives it the news of workers that it `owns`.

    An element that ends its worker fails; those after it, and those before it of whose end nothing was heard,
    run again.
    """

    def __init__(
        self,
        workers: Workers,
        logs: AttemptLogs,
        watch: MemoryWatch,
        grace_s: float,
        tell: Tell,
        held_up: Callable[[object], bool],
    ) -> None:
        """Share the executor's parts; `tell` is told how elements end, `held_up` says which ends are none."""
        self._workers = workers
        self._logs = logs
        self._watch = watch
        self._grace_s = grace_s
        self._tell = tell
        self._held_up = held_up
        self._by_worker: dict[int, _Batch] = {}

    def __len__(self) -> int:
        """Return how many batches run."""
        return len(self._by_worker)

    def owns(self, worker: int) -> bool:
        """Tell whether the worker of a number runs elements."""
        return worker in self._by_worker

    def give(self, queue: ElementQueue, slots: int) -> int:
        """Give the next elements of an array to a worker; return its number."""
        elements = queue.take(slots)
        each = len(elements) == 1 or bool(queue.spec.deadline_ns)
        plan = queue.plan
        frame = RunElements(plan.args, plan.env, tuple(queue.spec.shared), elements, each)
        worker = self._workers.run_elements(plan, frame)
        batch = self._by_worker[worker.number] = _Batch(queue, worker, elements, each)
        if each:
            self._logs.begin(_key(batch, elements[0]))
        if worker.pid:
            self.started(worker)
        return worker.number

    def started(self, worker: Worker) -> None:
        """Begin to count an element's time, and its memory."""
        batch = self._by_worker[worker.number]
        batch.since_s = time.monotonic()
        batch.kernel_kills = kernel_kills()
        self._set_deadline(batch)
        if batch.queue.memory_bytes:
            self._watch.add(worker.number, worker.pid, batch.queue.memory_bytes)

    def printed(self, worker: Worker, data: bytes) -> None:
        """Keep what an element printed that is told by itself."""
        batch = self._by_worker[worker.number]
        if batch.tell_each and batch.at < len(batch.elements):
            self._logs.append(_key(batch, batch.elements[batch.at]), data)

    def elements_done(self, worker: Worker, done: ElementsDone) -> None:
        """Take in how some elements ended."""
        batch = self._by_worker[worker.number]
        if batch.stop is not None:
            return
        expected = batch.elements[batch.at : batch.at + len(done.results)]
        if tuple((it.element, it.attempt) for it in done.results) != expected:
            self._workers.signal(worker, signal.SIGKILL)  # The author's code writes to our socket.
            return
        now_s = time.monotonic()
        batch.queue.took(len(expected), now_s - batch.since_s)
        took_ns = int((now_s - batch.since_s) / len(expected) * 1e9) if expected else 0
        batch.since_s = now_s
        for result in done.results:
            self._keep_printed(batch, (result.element, result.attempt), result.printed)
        batch.at += len(expected)
        if batch.tell_each and batch.at < len(batch.elements):
            self._logs.begin(_key(batch, batch.elements[batch.at]))
            self._set_deadline(batch)
        again = [it for it in done.results if it.failure is not None and self._held_up(it.failure)]
        if again:
            batch.queue.held_up = again[0].failure
            batch.queue.give_back((it.element, it.attempt) for it in again)
        results = [
            ElementResult(it.element, it.attempt, it.failure, it.outputs, took_ns)
            for it in done.results
            if it not in again
        ]
        self._ended(batch, [(it.element, it.attempt) for it in results], results)

    def done(self, worker: Worker) -> tuple[ElementQueue, bool]:
        """Take in that the worker is through; return its array, and whether it may be used again."""
        batch = self._leave(worker)
        batch.queue.give_back(batch.elements[batch.at :] if batch.stop is None else ())
        if batch.stop is not None:
            self._stopped(batch, batch.stop)
        return batch.queue, batch.stop is None

    def ended(self, worker: Worker, status: int) -> ElementQueue:
        """Judge a worker's end: the element that ran is at fault. Returns its array."""
        batch = self._leave(worker)
        if batch.stop is not None:
            self._stopped(batch, batch.stop)
            return batch.queue
        memory_event = kernel_kills() > batch.kernel_kills
        culprit = self._culprit(batch)
        tail = self._last_words(batch, culprit)
        self._fail(batch, culprit, failure_of_exit(status, memory_event=memory_event, tail=tail))
        return batch.queue

    def not_started(self, worker: Worker, error: int, message: str) -> ElementQueue:
        """Take in that there will be no worker. Returns its array."""
        batch = self._leave(worker)
        self._fail(batch, batch.at, failure_of_start(error, message, "a worker"))
        return batch.queue

    def lost(self, worker: Worker) -> ElementQueue:
        """Take in that the worker ended together with the zygote. Returns its array."""
        batch = self._leave(worker)
        self._fail(batch, self._culprit(batch), LOST)
        return batch.queue

    def over_memory(self, worker: int, used_bytes: int, limit_bytes: int) -> None:
        """End a worker that uses more than an element may."""
        batch = self._by_worker[worker]
        if batch.stop is None:
            batch.stop = OverMemory(used_bytes, limit_bytes)
            self._workers.signal(batch.worker, signal.SIGKILL)

    def stop(self, worker: int, why: Stop) -> None:
        """Stop what runs in a worker."""
        self._stop(self._by_worker[worker], why)

    def abort(self, key: AttemptKey, reason: str) -> None:
        """Stop all that runs of an array."""
        for batch in list(self._by_worker.values()):
            if batch.queue.spec.key == key:
                self._stop(batch, Aborted(reason))

    def close(self) -> None:
        """Forget everything."""
        for batch in self._by_worker.values():
            _cancel(batch)
        self._by_worker.clear()

    # --- within -----------------------------------------------------------------------------

    def _set_deadline(self, batch: _Batch) -> None:
        limit_ns = batch.queue.spec.deadline_ns
        if batch.deadline is not None:
            batch.deadline.cancel()
        if limit_ns:
            loop = asyncio.get_running_loop()
            batch.deadline = loop.call_later(limit_ns / 1e9, self._stop, batch, TimedOut(limit_ns))

    def _stop(self, batch: _Batch, why: Stop) -> None:
        if batch.stop is not None:
            return
        batch.stop = why
        self._workers.signal(batch.worker, signal.SIGTERM)
        loop = asyncio.get_running_loop()
        batch.kill = loop.call_later(self._grace_s, self._workers.signal, batch.worker, signal.SIGKILL)

    def _stopped(self, batch: _Batch, stop: Stop) -> None:
        if isinstance(stop, Aborted):
            batch.queue.ended(batch.elements[batch.at :])
            self._end_log(batch, batch.at)
        else:
            self._fail(batch, self._culprit(batch), failure_of_stop(stop))

    def _fail(self, batch: _Batch, culprit: int, failure: Failure) -> None:
        """Fail one element of a batch whose worker is gone; the others run again."""
        left = batch.elements[batch.at :]
        if not left:
            return
        guilty = batch.elements[max(batch.at, min(culprit, len(batch.elements) - 1))]
        self._end_log(batch, batch.at)
        batch.queue.give_back(element for element in left if element != guilty)
        self._ended(batch, [guilty], [ElementResult(*guilty, failure)])

    def _culprit(self, batch: _Batch) -> int:
        """Return the place of the element that ran when the worker ended."""
        return batch.at if batch.tell_each else max(batch.at, batch.worker.place)

    def _last_words(self, batch: _Batch, culprit: int) -> str:
        """Return the last that the element at fault printed, and keep it all."""
        if batch.at >= len(batch.elements):
            return ""
        key = _key(batch, batch.elements[min(culprit, len(batch.elements) - 1)])
        if not batch.tell_each and batch.worker.printed:
            self._logs.begin(key)
            self._logs.append(key, batch.worker.printed)
            self._logs.end(key)
        return self._logs.tail(key, _TAIL_BYTES)

    def _keep_printed(self, batch: _Batch, element: Element, printed: bytes) -> None:
        key = _key(batch, element)
        if printed:
            self._logs.begin(key)
            self._logs.append(key, printed)
        if printed or batch.tell_each:
            self._logs.end(key)

    def _end_log(self, batch: _Batch, place: int) -> None:
        if batch.tell_each and place < len(batch.elements):
            self._logs.end(_key(batch, batch.elements[place]))

    def _ended(self, batch: _Batch, elements: Sequence[Element], results: Sequence[ElementResult]) -> None:
        batch.queue.ended(elements)
        if not batch.queue.stopped:
            self._tell(batch.queue.spec.key, results)

    def _leave(self, worker: Worker) -> _Batch:
        batch = self._by_worker.pop(worker.number)
        _cancel(batch)
        self._watch.remove(worker.number)
        return batch


def _key(batch: _Batch, element: Element) -> AttemptKey:
    """Return the key under which what an element prints is kept: as if it was a node."""
    key = batch.queue.spec.key
    return AttemptKey(key.execution, element_path(scope_of(key.path, key.attempt), element[0]), element[1])


def _cancel(batch: _Batch) -> None:
    for timer in (batch.deadline, batch.kill):
        if timer is not None:
            timer.cancel()
