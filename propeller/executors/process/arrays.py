"""Orders of elements: which go to warm workers in batches, and which are attempts like those of nodes."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import PurePosixPath

from flytelike.codec.elements import element_inputs
from flytelike.model.failure import Failure
from flytelike.model.quota import GPU, MAP_ELEMENTS
from propeller.core.elements import Span
from propeller.executors.command import OURS, command_words, shows_attempt
from propeller.executors.process.element_queue import Element, ElementQueue
from propeller.executors.process.plan import Needs, WarmPlan, needs_of, plan_of
from propeller.executors.process.settings import ProcessSettings
from propeller.executors.results import Results
from propeller.ports import AttemptKey, AttemptSpec
from propeller.ports_elements import ArraySpec, ElementsOrder

Start = Callable[[AttemptSpec], Awaitable[None]]


class Arrays:
    """What is known of the arrays whose elements are to run.

    Args:
        results: Reads inputs, and stores those of elements.
        settings: Which images stand for an environment of their own, and which GPUs there are.
    """

    def __init__(self, results: Results, settings: ProcessSettings) -> None:
        self._results = results
        self._images = settings.images
        self._gpus = settings.gpus
        self._queues: dict[AttemptKey, ElementQueue] = {}
        self._attempts: dict[AttemptKey, tuple[AttemptKey, int]] = {}

    def queue(self, order: ElementsOrder) -> ElementQueue | Failure | None:
        """Return where elements of an order wait for warm workers; None if each is an attempt of its own."""
        spec = order.array
        found = self._queues.get(spec.key)
        if found is not None:
            return found
        of_all = _of_all(spec)
        needs = needs_of(of_all, {MAP_ELEMENTS: 1})
        if isinstance(needs, Failure):
            return needs
        if shows_attempt(command_words(of_all)) or spec.task.secrets or spec.task.metadata.is_eager:
            return None  # secrets are each attempt's own, and who waits for others takes no slot from them
        if self._gpus and needs.amounts.get(GPU):
            return None  # so are GPUs
        plan = plan_of(of_all, {}, self._images)
        if isinstance(plan, Failure):
            return plan
        if not isinstance(plan, WarmPlan) or PurePosixPath(plan.args[0]).name != OURS:
            return None
        queue = self._queues[spec.key] = ElementQueue(spec, plan, needs.memory_bytes, needs.amounts)
        return queue

    def forget_idle(self, queue: ElementQueue) -> None:
        """Drop what is known of an array of which nothing waits or runs."""
        if queue.idle:
            self._queues.pop(queue.spec.key, None)

    def stop(self, key: AttemptKey) -> list[AttemptKey]:
        """Let nothing of an array wait; return its attempts of their own, which are to be aborted."""
        queue = self._queues.pop(key, None)
        if queue is not None:
            queue.stop()
        return [attempt for attempt, (array, _) in self._attempts.items() if array == key]

    def withdraw(self, key: AttemptKey, elements: Collection[Element]) -> list[Element]:
        """Take elements out of their queue; return those that waited there."""
        queue = self._queues.get(key)
        return [] if queue is None else queue.withdraw(elements)

    def own_attempts(self, key: AttemptKey) -> Mapping[AttemptKey, Element]:
        """Return the elements of an array that are attempts of their own."""
        return {one: (index, one.attempt) for one, (array, index) in self._attempts.items() if array == key}

    def needs(self, spec: AttemptSpec) -> Needs | Failure:
        """Return what an attempt needs that may be an element's own."""
        return needs_of(spec, {MAP_ELEMENTS: 1} if spec.key in self._attempts else None)

    def ended(self, key: AttemptKey) -> tuple[AttemptKey, int] | None:
        """Return the array and the index of an element's attempt that ended, if it is one."""
        return self._attempts.pop(key, None)

    async def start_each(self, order: ElementsOrder, start: Start) -> None:
        """Start each element as an attempt of its own."""
        array = order.array
        for first, length, attempt in order.elements:
            for index in range(first, first + length):
                spec = array.attempt(index, attempt, interruptible=order.interruptible)
                self._attempts[spec.key] = (array.key, index)
        for span in order.elements:
            await self._start_span(order, span, start)

    async def _start_span(self, order: ElementsOrder, span: Span, start: Start) -> None:
        array = order.array
        whole = None if array.picks_own else await self._results.messages(array.inputs_uri)
        for index in range(span.first, span.first + span.length):
            spec = array.attempt(index, span.attempt, interruptible=order.interruptible)
            if spec.key not in self._attempts:
                continue  # stopped in the meantime
            if whole is not None:
                given = element_inputs(whole, array.shared, index).SerializeToString(deterministic=True)
                await self._results.put_at(spec.inputs_uri, given)
            await start(spec)


def _of_all(spec: ArraySpec) -> AttemptSpec:
    """Return what a warm worker is told of all elements: the places of the array's own documents."""
    return AttemptSpec(
        key=spec.key,
        task=spec.task,
        workflow=spec.workflow,
        launch_plan=spec.launch_plan,
        inputs_uri=spec.inputs_uri,
        output_prefix=spec.output_prefix,
        raw_output_prefix=spec.raw_output_prefix,
        deadline_ns=spec.deadline_ns,
        env=spec.env,
    )
