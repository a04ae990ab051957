"""One place in the tree of quotas: the platform, a team, a project, a domain of it."""

from collections.abc import Collection

from propeller.core.fairness import amounts
from propeller.core.fairness.amounts import Amounts, Shape
from propeller.core.fairness.line import Line
from propeller.core.fairness.quota import Quota
from propeller.core.fairness.request import Request


class Place:
    """What is used and waits at and below a place, and how much it has had.

    What it has had is its weighted dominant share added up over time. Whoever has had least is next, so that shares
    hold over time on a machine of one slot too. Nobody saves up while nothing of theirs waits, and nobody pays
    later for what others left idle: see `catch_up`.
    """

    def __init__(self, path: tuple[str, ...], quota: Quota, line: Line) -> None:
        """Begin with nothing."""
        self.path = path
        self.quota = quota
        self.line = line
        self.children: dict[str, Place] = {}
        self.used: dict[str, int] = {}
        self.share = 0.0
        """The share it uses of the resource that it uses most of, over its weight."""
        self.head: tuple[Request, int] | None = None
        """The head of the line when it last did not fit, and since when it does not."""
        self._below_guarantee = bool(quota.guaranteed)
        self._compared = False
        self._had = 0.0
        self._had_at_ns = 0
        self._waiting: dict[Shape, int] = {}

    @property
    def waits(self) -> bool:
        """Whether somebody waits at or below it."""
        return bool(self._waiting)

    @property
    def waiting(self) -> int:
        """How many wait at and below it."""
        return sum(self._waiting.values())

    def had(self, now_ns: int) -> float:
        """How much it has had, in nanoseconds of the whole platform over its weight."""
        if now_ns > self._had_at_ns:
            if self._had_at_ns:
                self._had += self.share * (now_ns - self._had_at_ns)
            self._had_at_ns = now_ns
        return self._had

    def order(self, now_ns: int, ahead_ns: float) -> tuple[bool, float, float, tuple[str, ...]]:
        """Return where it stands among its siblings, the smallest first.

        Those below their guarantee come first; then who will have had least in `ahead_ns`, if what it uses now goes
        on until then: so what was granted a moment ago counts already.
        """
        had = self.had(now_ns)
        return (not self._below_guarantee, had + self.share * ahead_ns, self.share, self.path)

    def catch_up(self, siblings: Collection["Place"], now_ns: int) -> None:
        """Begin to wait as an equal: with no less than those who have waited, and no more than anybody."""
        others = [place for place in siblings if place is not self]
        waited = [place.had(now_ns) for place in others if place.waits]
        floor = min(waited) if waited else max((place.had(now_ns) for place in others), default=0.0)
        self._had = max(self.had(now_ns), floor)

    def takes(self, asked: Shape, capacity: Amounts, now_ns: int) -> None:
        """Count a grant at or below this place."""
        if self._compared:
            self.had(now_ns)
        amounts.add(self.used, asked)
        if self._compared:
            self._rank(capacity)

    def gives_back(self, asked: Shape, capacity: Amounts, now_ns: int) -> None:
        """Count the end of a grant at or below this place."""
        if self._compared:
            self.had(now_ns)
        amounts.subtract(self.used, asked)
        if self._compared:
            self._rank(capacity)

    def compare(self, capacity: Amounts) -> None:
        """Count what it has from now on: it has siblings. One without is always the next one of its kind."""
        if not self._compared:
            self._compared = True
            self._rank(capacity)

    def bound(self, quota: Quota, capacity: Amounts, now_ns: int) -> None:
        """Count by another quota, or another capacity of the whole platform, from now on."""
        self.had(now_ns)
        self.quota = quota
        self._rank(capacity)

    def _rank(self, capacity: Amounts) -> None:
        """Work out its share of the whole platform's limits, and whether it has its guarantee."""
        used = self.used
        guaranteed = self.quota.guaranteed
        self._below_guarantee = bool(guaranteed) and all(
            used.get(name, 0) < least for name, least in guaranteed.items()
        )
        share = 0.0
        for name, amount in used.items():
            whole = capacity.get(name)
            if whole and amount > share * whole:
                share = amount / whole
        self.share = share / self.quota.weight

    def let_wait(self, asked: Shape) -> None:
        """Count one that waits at or below this place."""
        self._waiting[asked] = self._waiting.get(asked, 0) + 1

    def let_go(self, asked: Shape) -> None:
        """Count one less."""
        left = self._waiting[asked] - 1
        if left:
            self._waiting[asked] = left
        else:
            del self._waiting[asked]

    def lets_any(self, barred: Collection[str]) -> bool:
        """Whether anything waits at or below it that its own limit lets go on."""
        if not (self.quota.limit or barred):
            return bool(self._waiting)
        return any(self.lets(shape, barred) for shape in self._waiting)

    def lets(self, asked: Shape, barred: Collection[str]) -> bool:
        """Whether its own limit lets this go on beside what is used, taking nothing that is `barred`."""
        if barred and any(name in barred for name, _ in asked):
            return False
        return self.short_of(asked) is None

    def short_of(self, asked: Shape) -> str | None:
        """Return the first resource that its limit does not allow beside what is used; none if it fits."""
        return amounts.short_of(self.used, asked, self.quota.limit)

    def never_lets(self, asked: Shape) -> bool:
        """Whether its own limit would not let this go on either if nothing else ran."""
        return amounts.short_of({}, asked, self.quota.limit) is not None

    def stuck_since(self, head: Request, now_ns: int) -> int:
        """Since when this head of the line does not fit; from now on if it is seen so for the first time."""
        if self.head is None or self.head[0] is not head:
            self.head = (head, now_ns)
        return self.head[1]
