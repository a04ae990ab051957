"""The requests that wait at one path, in the order of their priorities and ages."""

from collections.abc import Callable

from sortedcontainers import SortedKeyList

from propeller.core.fairness.amounts import Shape
from propeller.core.fairness.request import Request


class Line:
    """Requests by priority, older first; waiting makes up for priority. Kept apart by shape, since equal ones fit alike.

    The order of two requests never changes with time, since both age alike: a request's key is
    the moment it would have come at with priority 0.
    """

    def __init__(self, aging_ns: int) -> None:
        self._aging_ns = aging_ns
        self._by_shape: dict[Shape, SortedKeyList[Request]] = {}

    def _key(self, request: Request) -> tuple[int, int, str]:
        return (request.since_ns - request.priority * self._aging_ns, request.since_ns, request.id)

    def __len__(self) -> int:
        return sum(map(len, self._by_shape.values()))

    def add(self, request: Request) -> None:
        """Let it wait here. O(log n)."""
        if (requests := self._by_shape.get(request.shape)) is None:
            requests = self._by_shape[request.shape] = SortedKeyList(key=self._key)
        requests.add(request)

    def remove(self, request: Request) -> None:
        """Let it wait no longer. O(log n)."""
        requests = self._by_shape[request.shape]
        requests.remove(request)
        if not requests:
            del self._by_shape[request.shape]

    def head(self) -> Request | None:
        """The first of all."""
        return self.first(lambda _: True)

    def first(self, fits: Callable[[Shape], bool]) -> Request | None:
        """The first of those whose shape fits."""
        heads = (requests[0] for shape, requests in self._by_shape.items() if fits(shape))
        return min(heads, key=self._key, default=None)

    def place(self, request: Request) -> int:
        """How many stand before it, and 1."""
        key = self._key(request)
        return 1 + sum(requests.bisect_key_left(key) for requests in self._by_shape.values())
