"""The queue that all who need resources wait in."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from propeller.core.fairness.amounts import Shape
from propeller.core.fairness.line import Line
from propeller.core.fairness.place import Place
from propeller.core.fairness.quota import Quota
from propeller.core.fairness.request import Request
from propeller.core.fairness.use import Use
from propeller.core.fairness.waiting import Shortage, Waiting

Bars: TypeAlias = dict[Place, set[str]]
"""Resources of places that somebody has waited for too long: who comes later does not get them."""

AGING_NS = 60_000_000_000
PATIENCE_NS = 30_000_000_000
AHEAD_NS = 60_000_000_000
"""How long a grant is taken to last before any has ended."""
POSSIBLE_MAX = 10_000
"""How many places and shapes that fit are remembered."""
HELD_MAX = 5
"""How many of those who use a resource are named."""
MEMORY = 0.05
"""How much the last grant's length counts in the usual length."""


class TooLarge(ValueError):
    """A request that would not fit if nothing else ran. `shortages` has every limit in its way."""

    def __init__(self, request: Request, shortages: tuple[Shortage, ...]) -> None:
        """Keep the shortages."""
        super().__init__(f"{request.id} can never be granted: {shortages}")
        self.shortages = shortages


class FairQueue:
    """Grants requests so that limits hold, guarantees are met first and the rest is shared by weight.

    Small requests may pass one that does not fit, until it has waited `patience_ns` at the head of
    its line: from then on nobody who stands behind it in the fair order takes what it waits for.

    A grant costs by the number of places and of different shapes that wait, not by that of requests.
    """

    def __init__(
        self,
        quotas: Mapping[tuple[str, ...], Quota],
        *,
        aging_ns: int = AGING_NS,
        patience_ns: int = PATIENCE_NS,
    ) -> None:
        """Begin with nothing asked.

        Args:
            quotas: By path; `()` is the whole platform. A path without one has weight 1 and no bounds of its own.
            aging_ns: How much waiting counts as one priority.
            patience_ns: How long a request lets smaller ones pass.
        """
        self._quotas = dict(quotas)
        self._aging_ns = aging_ns
        self._patience_ns = patience_ns
        self._root = self._made(())
        self._by_path: dict[tuple[str, ...], tuple[Place, ...]] = {}
        self._possible: set[tuple[tuple[str, ...], Shape]] = set()
        """What fits where nothing else runs: it was looked at before."""
        self._exhausted = False
        """Whether nothing that waits may go on, until something is given back."""
        self._waiting: dict[str, Request] = {}
        self._granted: dict[str, tuple[Request, int]] = {}
        self._ahead_ns = float(AHEAD_NS)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def ask(self, request: Request, now_ns: int) -> None:
        """Let a request wait. One that is known already, waiting or granted, is left as it is.

        Raises:
            TooLarge: it would never be granted; it does not wait then.
        """
        if request.id in self._waiting or request.id in self._granted:
            return
        places = self._places(request.path)
        if (request.path, request.shape) not in self._possible:
            if never := tuple(each for each in _shortages(places, request, alone=True) if each.never):
                raise TooLarge(request, never)
            if len(self._possible) >= POSSIBLE_MAX:
                self._possible.clear()
            self._possible.add((request.path, request.shape))
        self._waiting[request.id] = request
        for above, place in pairwise(places):
            if not place.waits:
                place.catch_up(above.children.values(), now_ns)
        for place in places:
            place.let_wait(request.shape)
        places[-1].line.add(request)
        if self._exhausted and _innermost_short(places, request.shape) is None:
            self._exhausted = False

    def grant_unasked(self, request: Request, now_ns: int) -> bool:
        """Grant a request at once if nothing waits and it fits: what `ask` and `next_grant` would come to."""
        if self._waiting or request.id in self._granted:
            return False
        if _innermost_short(self._places(request.path), request.shape) is not None:
            return False
        self._take(request, now_ns)
        return True

    def next_grant(self, now_ns: int) -> Request | None:
        """Grant the request that is next by the fair order and fits; none when nothing that waits may go on now."""
        if self._exhausted or not self._waiting:
            return None
        bars: Bars = {}
        for place in self._in_fair_order(self._root, bars, now_ns):
            if (request := self._fitting(place, bars, now_ns)) is not None:
                self._leave_line(request)
                self._take(request, now_ns)
                return request
        self._exhausted = True
        return None

    def restore(self, request: Request, now_ns: int) -> None:
        """Count a request as granted which was granted before a restart, whatever the limits say now."""
        if request.id not in self._granted:
            self._take(request, now_ns)

    def give_back(self, request_id: str, now_ns: int) -> None:
        """End a grant. One that is not granted is left as it is: ends may be told twice."""
        if (grant := self._granted.pop(request_id, None)) is not None:
            request, since_ns = grant
            self._exhausted = False
            self._ahead_ns += MEMORY * (now_ns - since_ns - self._ahead_ns)
            for place in self._places(request.path):
                place.gives_back(request.shape, self._root.quota.limit, now_ns)

    def withdraw(self, request_id: str) -> None:
        """Let a request wait no longer, as when its execution was aborted."""
        if (request := self._waiting.get(request_id)) is not None:
            self._leave_line(request)
            self._exhausted = False

    def set_quotas(self, quotas: Mapping[tuple[str, ...], Quota], now_ns: int) -> None:
        """Count by other quotas, all of them, from now on.

        What is granted stays granted, though it may be more than the new limits now. What waits and would never fit
        any more goes on waiting: the limit may be raised again.
        """
        self._quotas = dict(quotas)
        self._possible.clear()
        self._exhausted = False
        capacity = self._quotas[()].limit if () in self._quotas else {}
        for place in _all(self._root):
            place.bound(self._quotas.get(place.path, Quota()), capacity, now_ns)

    def waiting(self) -> list[Request]:
        """Return the requests that wait, oldest asked first."""
        return list(self._waiting.values())

    def uses(self) -> Iterator[Use]:
        """Yield each place at or below which something is used or waits, those above before those below."""
        for place in _all(self._root):
            if place.used or place.waits:
                yield Use(place.path, dict(place.used), place.waiting)

    def used(self, path: tuple[str, ...]) -> dict[str, int]:
        """Return what is granted at and below a path: resource -> amount."""
        return dict(self._places(path)[-1].used)

    def why(self, request_id: str) -> Waiting | None:
        """Return what a request waits for; none when it does not wait."""
        if (request := self._waiting.get(request_id)) is None:
            return None
        line = self._places(request.path)[-1].line
        return Waiting(request.since_ns, line.place(request), len(line), self.shortages(request))

    def lines(self) -> Iterator[Sequence[Request]]:
        """Yield each line that somebody waits in, in its order. O(n log n) all together."""
        for place in _all(self._root):
            if place.line:
                yield place.line.in_order()

    def shortages(self, request: Request) -> tuple[Shortage, ...]:
        """Return every limit that a request does not fit under now."""
        return tuple(_shortages(self._places(request.path), request, alone=False))

    def _fitting(self, place: Place, bars: Bars, now_ns: int) -> Request | None:
        """Return the first of a line that fits and takes nothing barred. Bars what the head waited too long for."""
        places = self._places(place.path)
        if (head := place.line.head()) is None:
            return None
        if (wanted := _innermost_short(places, head.shape)) is None:
            place.head = None
            if not bars:
                return head
        elif not wanted[0].never_lets(head.shape) and now_ns - place.stuck_since(head, now_ns) >= self._patience_ns:
            bars.setdefault(wanted[0], set()).add(wanted[1])
        return place.line.first(lambda shape: all(each.lets(shape, bars.get(each, ())) for each in places))

    def _in_fair_order(self, place: Place, bars: Bars, now_ns: int) -> Iterator[Place]:
        """Yield the places that have a line, most deserving first at each level; not those where nothing can go on."""
        if not place.lets_any(bars.get(place, ())):
            return
        if place.line:
            yield place
        waiting = [child for child in place.children.values() if child.waits]
        if len(waiting) == 1:
            yield from self._in_fair_order(waiting[0], bars, now_ns)
            return
        order = [(*child.order(now_ns, self._ahead_ns), child) for child in waiting]
        heapq.heapify(order)
        while order and place.lets_any(bars.get(place, ())):
            yield from self._in_fair_order(heapq.heappop(order)[-1], bars, now_ns)

    def _take(self, request: Request, now_ns: int) -> None:
        self._granted[request.id] = (request, now_ns)
        for place in self._places(request.path):
            place.takes(request.shape, self._root.quota.limit, now_ns)

    def _leave_line(self, request: Request) -> None:
        del self._waiting[request.id]
        places = self._places(request.path)
        places[-1].line.remove(request)
        for place in places:
            place.let_go(request.shape)

    def _places(self, path: tuple[str, ...]) -> tuple[Place, ...]:
        """Return the places from the platform to the path, made where they are new."""
        if (known := self._by_path.get(path)) is not None:
            return known
        places = [self._root]
        for depth, name in enumerate(path, 1):
            above = places[-1]
            if name not in above.children:
                above.children[name] = self._made(path[:depth])
                if len(above.children) > 1:
                    for child in above.children.values():
                        child.compare(self._root.quota.limit)
            places.append(above.children[name])
        found = self._by_path[path] = tuple(places)
        return found

    def _made(self, path: tuple[str, ...]) -> Place:
        return Place(path, self._quotas.get(path, Quota()), Line(self._aging_ns))


def _all(place: Place) -> Iterator[Place]:
    yield place
    for child in place.children.values():
        yield from _all(child)


def _innermost_short(places: Sequence[Place], asked: Shape) -> tuple[Place, str] | None:
    for place in reversed(places):
        if (name := place.short_of(asked)) is not None:
            return place, name
    return None


def _shortages(places: Sequence[Place], request: Request, *, alone: bool) -> Iterator[Shortage]:
    """Yield every limit that the request does not fit under, beside what is used or (`alone`) by itself."""
    for place in places:
        for name, limit in place.quota.limit.items():
            asked = request.amounts.get(name, 0)
            used = 0 if alone else place.used.get(name, 0)
            if asked and used + asked > limit:
                yield Shortage(place.path, name, asked, used, limit, _held(place, name))


def _held(place: Place, name: str) -> tuple[tuple[str, int], ...]:
    held = [(child.path[-1], child.used[name]) for child in place.children.values() if name in child.used]
    return tuple(heapq.nsmallest(HELD_MAX, held, key=lambda each: (-each[1], each[0])))
