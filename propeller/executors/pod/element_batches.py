"""Elements of arrays in worker pods, many of them in one order where each takes a short time.

The first ones are attempts of their own. Once it is known how long an element takes, an order has as many as fit into
its time. How they end lies in the object store, below the order's own folder. The next platform looks there, too: the
mailboxes of workers tell it which orders run. An order whose process has ended leaves elements over: the one at fault,
if that is known, becomes an attempt of its own, which is judged as any other; the others run again.
"""

import asyncio
import logging
import math
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from flytelike.codec.pod_orders import BatchOrder
from flytelike.codec.worker_frames import ElementDone, ElementsDone, FrameError, FrameReader
from flytelike.storage import StorageError
from propeller.core.elements import Span, spans_of
from propeller.executors.command import command_words, rendered, shows_attempt
from propeller.executors.pod.reuse import can_share
from propeller.executors.results import Results
from propeller.executors.templates import TemplateError
from propeller.ports import AttemptKey, AttemptSpec
from propeller.ports_elements import ArraySpec, ElementResult, ElementsOrder

_LOG = logging.getLogger(__name__)

BATCH_S = 2.0
"""How long an order may take: long enough that its way costs little beside it, short enough for news to be fresh."""

BATCH_MAX = 512

BATCHES, RESULTS = "batches", "results"
"""Folders below an array's documents: of its orders, and in each of what is told of its elements."""

_SHRINK = 4
"""How much smaller orders become after one of which it is not known why it ended."""

_AGAIN_S = 1.0

Element = tuple[int, int]
"""Index and attempt."""


@dataclass(frozen=True, slots=True)
class BatchEnd:
    """How an order ended.

    `took_s` is 0 if that is not known; `place` is that of the element at fault, -1 if there is none or it is not known.
    """

    took_s: float = 0.0
    place: int = -1


RunBatch = Callable[[AttemptSpec, BatchOrder], Awaitable[BatchEnd]]
"""Has a worker run an order, and returns when it has ended. The attempt stands for the whole order."""


@dataclass(slots=True, eq=False)
class _Queue:
    """What is left of an array's elements of one kind. `alone` are those at fault for the end of an order.

    `most` is how many an order may have, `mean_s` how long an element takes, 0 if not known yet.
    """

    array: ArraySpec
    interruptible: bool
    args: tuple[str, ...]
    replicas: int
    waiting: deque[Element] = field(default_factory=deque)
    known: set[Element] = field(default_factory=set)
    alone: set[Element] = field(default_factory=set)
    runners: set["asyncio.Task[None]"] = field(default_factory=set)
    batches: set[AttemptKey] = field(default_factory=set)
    most: int = BATCH_MAX
    mean_s: float = 0.0

    def add(self, spans: Iterable[Span]) -> None:
        """Take elements, but for those that are known already."""
        for first, length, attempt in spans:
            for element in ((index, attempt) for index in range(first, first + length)):
                if element not in self.known:
                    self.known.add(element)
                    self.waiting.append(element)

    def take(self) -> tuple[Element, ...]:
        """Return the elements of the next order, or the one that is to be an attempt of its own."""
        fitting = int(BATCH_S / self.mean_s) if self.mean_s else 1
        size = max(1, min(fitting, self.most, BATCH_MAX, math.ceil(len(self.waiting) / self.replicas)))
        taken = [self.waiting.popleft()]
        while self.waiting and len(taken) < size and not {taken[0], self.waiting[0]} & self.alone:
            taken.append(self.waiting.popleft())
        return tuple(taken)

    def took(self, elements: int, seconds: float) -> None:
        """Learn how long elements took."""
        if elements and seconds > 0:
            mean_s = max(seconds / elements, 1e-6)
            self.mean_s = mean_s if not self.mean_s else 0.5 * self.mean_s + 0.5 * mean_s

    def left_over(self, elements: Sequence[Element], told: Collection[Element], place: int) -> None:
        """Have those elements of an order run again of which nothing was told."""
        left = [element for element in elements if element not in told and element in self.known]
        if not left:
            return
        if 0 <= place < len(elements) and elements[place] in left:
            self.alone.add(elements[place])
        elif not told:
            self.most = max(1, min(self.most, len(elements)) // _SHRINK)
        self.waiting.extendleft(reversed(left))

    def spec(self, element: Element, prefix: str) -> AttemptSpec:
        """Return the attempt that stands for an order which begins with an element, below a prefix of its own."""
        index, attempt = element
        spec = self.array.attempt(index, attempt, interruptible=self.interruptible)
        return replace(spec, inputs_uri=self.array.inputs_uri, output_prefix=prefix, env=self.array.env)


class ElementBatches:
    """Knows which elements wait or run in orders.

    Args:
        results: Reads what is told of elements.
        run: Has a worker run an order.
        start: Starts an element as an attempt of its own.
        tell: Told how elements of an array end.
        keep: Keeps what an element printed.
        later: Runs work beside everything else.
    """

    def __init__(
        self,
        results: Results,
        run: RunBatch,
        start: Callable[[ElementsOrder], Awaitable[None]],
        tell: Callable[[AttemptKey, Sequence[ElementResult]], None],
        keep: Callable[[AttemptKey, bytes], Awaitable[None]],
        later: Callable[[Coroutine[object, object, None]], "asyncio.Task[None]"],
    ) -> None:
        self._results = results
        self._run = run
        self._start = start
        self._tell = tell
        self._keep = keep
        self._later = later
        self._queues: dict[tuple[AttemptKey, bool], _Queue] = {}
        self._alone: dict[AttemptKey, tuple[_Queue, Element, asyncio.Event]] = {}

    def takes(self, order: ElementsOrder) -> bool:
        """Tell whether elements may share orders: those that could share workers, and need no one's eye each."""
        array = order.array
        if array.picks_own or array.deadline_ns or array.queued_ns or not array.length or array.task.metadata.is_eager:
            return False
        spec = array.attempt(0, 0)
        if not can_share(spec) or shows_attempt(command_words(spec)):
            return False
        try:
            _args(array)
        except TemplateError:
            return False
        return True

    def start(self, order: ElementsOrder, given: Iterable[tuple[AttemptKey, BatchOrder | None]]) -> None:
        """Take elements.

        Args:
            order: Which.
            given: What lies in workers' mailboxes, perhaps from a former platform: whose orders, with which elements.
        """
        array = order.array
        policy = array.task.metadata.reuse
        assert policy is not None, "asked before"
        key = (array.key, order.interruptible)
        queue = self._queues.get(key)
        if queue is None:
            queue = _Queue(array, order.interruptible, _args(array), max(1, policy.replicas))
            self._queues[key] = queue
        queue.add(order.elements)
        waiting = set(queue.waiting)
        for attempt, batch in given:
            if batch is None:
                queue.alone |= {element for element in waiting if array.attempt(*element).key == attempt}
            elif batch.results_uri.startswith(f"{array.output_prefix}/{BATCHES}/") and waiting & {*batch.elements}:
                waiting -= {*batch.elements}
                self._spawn(queue, self._follow(queue, batch, fresh=False))
        queue.waiting = deque(element for element in queue.waiting if element in waiting)
        for _ in range(min(queue.replicas, len(queue.waiting)) - len(queue.runners)):
            self._spawn(queue, self._drain(queue))

    def stop(self, key: AttemptKey) -> list[AttemptKey]:
        """Let nothing of an array be told any more; return what stands for its orders, which are to be aborted."""
        stopped: list[AttemptKey] = []
        for interruptible in (False, True):
            queue = self._queues.pop((key, interruptible), None)
            if queue is not None:
                stopped += queue.batches
                for runner in queue.runners:
                    runner.cancel()
                queue.known.clear()
                queue.waiting.clear()
        self._alone = {attempt: found for attempt, found in self._alone.items() if found[0].array.key != key}
        return stopped

    def withdraw(self, key: AttemptKey, elements: Sequence[Span]) -> list[Element]:
        """Forget those of some elements that still wait; return them."""
        asked = {(index, it.attempt) for it in elements for index in range(it.first, it.end)}
        taken: list[Element] = []
        for interruptible in (False, True):
            queue = self._queues.get((key, interruptible))
            if queue is not None:
                here = [element for element in queue.waiting if element in asked]
                queue.known.difference_update(here)
                queue.waiting = deque(element for element in queue.waiting if element not in asked)
                taken += here
        return taken

    def ended(self, key: AttemptKey, took_s: float) -> None:
        """Take in that an element has ended that was an attempt of its own."""
        found = self._alone.pop(key, None)
        if found is not None:
            queue, element, over = found
            queue.known.discard(element)
            queue.alone.discard(element)
            queue.took(1, took_s)
            over.set()

    # --- within -----------------------------------------------------------------------------

    def _spawn(self, queue: _Queue, work: Coroutine[object, object, None]) -> None:
        task = self._later(work)
        queue.runners.add(task)
        task.add_done_callback(lambda ended: self._ended(queue, ended))

    def _ended(self, queue: _Queue, task: "asyncio.Task[None]") -> None:
        """Have somebody see to what is left; forget the array once nothing is."""
        queue.runners.discard(task)
        key = (queue.array.key, queue.interruptible)
        if task.cancelled() or self._queues.get(key) is not queue:
            return
        if queue.waiting and not queue.runners:
            self._spawn(queue, self._drain(queue))
        elif not queue.known and not queue.runners:
            del self._queues[key]

    async def _drain(self, queue: _Queue) -> None:
        while queue.waiting:
            taken = queue.take()
            if len(taken) == 1:
                await self._one(queue, taken[0])
            else:
                prefix = f"{queue.array.output_prefix}/{BATCHES}/{secrets.token_hex(8)}"
                order = BatchOrder(queue.args, tuple(queue.array.shared), taken, f"{prefix}/{RESULTS}")
                await self._follow(queue, order, fresh=True)

    async def _one(self, queue: _Queue, element: Element) -> None:
        index, attempt = element
        over = asyncio.Event()
        self._alone[queue.array.attempt(index, attempt).key] = queue, element, over
        while True:
            try:
                await self._start(ElementsOrder(queue.array, spans_of([element]), queue.interruptible))
                break
            except StorageError as error:
                _LOG.warning("an element of %s starts later: %s", queue.array.key, error)
                await asyncio.sleep(_AGAIN_S)
        await over.wait()

    async def _follow(self, queue: _Queue, order: BatchOrder, *, fresh: bool) -> None:
        """Have an order run, or wait for one that runs; tell how its elements ended."""
        spec = replace(queue.spec(order.elements[0], order.results_uri.removesuffix(f"/{RESULTS}")), fresh=fresh)
        queue.batches.add(spec.key)
        try:
            end = await self._run(spec, order)
            done = await self._done(order)
        except Exception:  # noqa: BLE001 - as of an attempt: the array must go on
            _LOG.exception("an order of elements of %s cannot go on", queue.array.key)
            end, done = BatchEnd(), []  # smaller ones are tried, down to attempts, which fail with what it is
        finally:
            queue.batches.discard(spec.key)
        wanted = [one for one in done if (one.element, one.attempt) in queue.known]
        for one in wanted:
            if one.printed:
                await self._keep(queue.array.attempt(one.element, one.attempt).key, one.printed)
        told = {(one.element, one.attempt) for one in wanted}
        queue.took(len(done), end.took_s)
        took_ns = int(end.took_s / len(done) * 1e9) if done else 0
        queue.left_over(order.elements, told, end.place)
        queue.known -= told
        if told:
            results = [ElementResult(it.element, it.attempt, it.failure, it.outputs, took_ns) for it in wanted]
            self._tell(queue.array.key, results)

    async def _done(self, order: BatchOrder) -> list[ElementDone]:
        """Return what is told of an order's elements, of each once."""
        asked, found = {*order.elements}, dict[Element, ElementDone]()
        for number in count():
            document = await self._results.read(order.results_uri, str(number))
            if document is None:
                break
            try:
                frames = FrameReader().feed(document)
            except FrameError:
                break  # the author's code writes there, too
            told = [one for frame in frames if isinstance(frame, ElementsDone) for one in frame.results]
            found |= {(one.element, one.attempt): one for one in told if (one.element, one.attempt) in asked}
        return [*found.values()]


def _args(array: ArraySpec) -> tuple[str, ...]:
    """Return the arguments that hold for all elements: the places of the array's own documents."""
    spec = replace(
        array.attempt(0, 0),
        key=array.key,
        inputs_uri=array.inputs_uri,
        output_prefix=array.output_prefix,
        raw_output_prefix=array.raw_output_prefix,
        checkpoint_prefix="",
        previous_checkpoint_prefix="",
    )
    return rendered(command_words(spec), spec, {})
