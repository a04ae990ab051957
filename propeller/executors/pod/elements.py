"""Elements of arrays: each is an attempt with a pod of its own."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple

from flytelike.codec.elements import element_inputs
from flytelike_idl.core import literals_pb2
from propeller.core.elements import Span, spans_of
from propeller.executors.results import Results
from propeller.ports import AttemptKey, AttemptSpec
from propeller.ports_elements import ElementsOrder

Start = Callable[[AttemptSpec], Awaitable[None]]


class Withdrawn(NamedTuple):
    """Elements that were taken back, and their attempts."""

    elements: Sequence[Span]
    attempts: Sequence[AttemptKey]


class ElementPods:
    """Knows which attempts are elements of which array."""

    def __init__(self, results: Results) -> None:
        """Read arrays' inputs, and store those of elements."""
        self._results = results
        self._whole: tuple[str, literals_pb2.LiteralMap] = ("", literals_pb2.LiteralMap())
        self._arrays: dict[AttemptKey, tuple[AttemptKey, int]] = {}

    async def start(self, order: ElementsOrder, start: Start) -> None:
        """Start each element of an order; what is stopped meanwhile is left out."""
        specs = list(self._specs(order))
        self._arrays |= {spec.key: (order.array.key, index) for spec, index in specs}
        array = order.array
        whole = None if array.picks_own else await self._inputs(array.inputs_uri)
        for spec, index in specs:
            if spec.key not in self._arrays:
                continue
            if whole is not None:
                given = element_inputs(whole, array.shared, index).SerializeToString(deterministic=True)
                await self._results.put_at(spec.inputs_uri, given)
            await start(spec)

    async def _inputs(self, uri: str) -> literals_pb2.LiteralMap:
        """Return the inputs of a whole array; those asked for last are kept."""
        if self._whole[0] != uri:
            self._whole = (uri, await self._results.messages(uri))
        return self._whole[1]

    def stop(self, key: AttemptKey) -> list[AttemptKey]:
        """Let nothing of an array be told any more; return its attempts, which are to be aborted."""
        stopped = [attempt for attempt, (array, _) in self._arrays.items() if array == key]
        for attempt in stopped:
            del self._arrays[attempt]
        return stopped

    def withdraw(self, key: AttemptKey, elements: Sequence[Span], waits: Callable[[AttemptKey], bool]) -> Withdrawn:
        """Forget those of some elements that still wait; return them, and their attempts, which are to be aborted."""
        asked = [
            (index, attempt)
            for attempt, (array, index) in self._arrays.items()
            if array == key and any(it.first <= index < it.end and it.attempt == attempt.attempt for it in elements)
        ]
        taken = sorted((index, attempt.attempt, attempt) for index, attempt in asked if waits(attempt))
        for _, _, attempt in taken:
            del self._arrays[attempt]
        return Withdrawn(spans_of([(index, number) for index, number, _ in taken]), [one for _, _, one in taken])

    def ended(self, key: AttemptKey) -> tuple[AttemptKey, int] | None:
        """Return the array and the index of an element's attempt that ended, if it is one."""
        return self._arrays.pop(key, None)

    def _specs(self, order: ElementsOrder) -> Iterator[tuple[AttemptSpec, int]]:
        for first, length, attempt in order.elements:
            for index in range(first, first + length):
                yield order.array.attempt(index, attempt, interruptible=order.interruptible), index
