"""The requests that wait at one path, in the order of their priorities and ages."""

import heapq
from collections.abc import Callable
from typing import TypeAlias

from propeller.core.fairness.amounts import Shape
from propeller.core.fairness.request import Request

Key: TypeAlias = tuple[int, int, str]


class Line:
    """Requests by priority, older first; waiting makes up for priority. Those of a shape fit alike, so each has a heap.

    The order of two requests never changes with time, since both age alike: a request's key is
    the moment it would have come at with priority 0. One that leaves from within stays in its heap until it is first.
    """

    def __init__(self, aging_ns: int) -> None:
        """Let one priority be worth `aging_ns` of waiting."""
        self._aging_ns = aging_ns
        self._heaps: dict[Shape, list[tuple[Key, int, Request]]] = {}
        self._requests: dict[str, Request] = {}
        self._came = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._requests)

    def add(self, request: Request) -> None:
        """Let it wait here. O(log n)."""
        self._requests[request.id] = request
        self._came += 1
        heapq.heappush(self._heaps.setdefault(request.shape, []), (self._key(request), self._came, request))

    def remove(self, request: Request) -> None:
        """Let it wait no longer."""
        del self._requests[request.id]
        self._tidy(request.shape)

    def head(self) -> Request | None:
        """Return the first of all."""
        if len(self._heaps) == 1:
            return next(iter(self._heaps.values()))[0][-1]
        return self.first(lambda _: True)

    def first(self, fits: Callable[[Shape], bool]) -> Request | None:
        """Return the first of those whose shape fits."""
        heads = [heap[0] for shape, heap in self._heaps.items() if fits(shape)]
        return min(heads)[-1] if heads else None

    def place(self, request: Request) -> int:
        """How many stand before it, and 1. O(n): it is asked by people."""
        key = self._key(request)
        return 1 + sum(self._key(other) < key for other in self._requests.values())

    def in_order(self) -> list[Request]:
        """Return all, the first one first. O(n log n)."""
        return sorted(self._requests.values(), key=self._key)

    def _key(self, request: Request) -> Key:
        return (request.since_ns - request.priority * self._aging_ns, request.since_ns, request.id)

    def _tidy(self, shape: Shape) -> None:
        """Keep a request that waits first in a shape's heap, and no heap without one."""
        heap = self._heaps[shape]
        while heap and self._requests.get(heap[0][-1].id) is not heap[0][-1]:
            heapq.heappop(heap)
        if not heap:
            del self._heaps[shape]
