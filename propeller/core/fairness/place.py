"""One place in the tree of quotas: the platform, a team, a project, a domain of it."""

from collections import Counter
from collections.abc import Collection

from propeller.core.fairness import amounts
from propeller.core.fairness.amounts import Amounts, Shape
from propeller.core.fairness.line import Line
from propeller.core.fairness.quota import Quota
from propeller.core.fairness.request import Request


class Place:
    """What is used and waits at and below a place."""

    def __init__(self, path: tuple[str, ...], quota: Quota, line: Line) -> None:
        self.path = path
        self.quota = quota
        self.line = line
        self.children: dict[str, Place] = {}
        self.used: dict[str, int] = {}
        self.order = (True, 0.0)
        self.head: tuple[Request, int] | None = None
        """The head of the line when it last did not fit, and since when it does not."""
        self._waiting: Counter[Shape] = Counter()

    def takes(self, asked: Shape, capacity: Amounts) -> None:
        """Count a grant at or below this place."""
        amounts.add(self.used, asked)
        self.rank(capacity)

    def gives_back(self, asked: Shape, capacity: Amounts) -> None:
        """Count the end of a grant at or below this place."""
        amounts.subtract(self.used, asked)
        self.rank(capacity)

    def rank(self, capacity: Amounts) -> None:
        """Work out where it stands among its siblings: guarantees first, then the smaller weighted dominant share.

        Args:
            capacity: the whole platform's limits, which shares are measured against.
        """
        guaranteed = self.quota.guaranteed
        above = not guaranteed or any(self.used.get(name, 0) >= amount for name, amount in guaranteed.items())
        share = max((used / capacity[name] for name, used in self.used.items() if capacity.get(name)), default=0.0)
        self.order = (above, share / self.quota.weight)

    def let_wait(self, asked: Shape) -> None:
        """Count one that waits at or below this place."""
        self._waiting[asked] += 1

    def let_go(self, asked: Shape) -> None:
        """Count one less."""
        self._waiting[asked] -= 1
        if not self._waiting[asked]:
            del self._waiting[asked]

    def lets_any(self, barred: Collection[str]) -> bool:
        """Whether anything waits at or below it that its own limit lets go on."""
        return any(self.lets(shape, barred) for shape in self._waiting)

    def lets(self, asked: Shape, barred: Collection[str]) -> bool:
        """Whether its own limit lets this go on beside what is used, taking nothing that is `barred`."""
        if barred and any(name in barred for name, _ in asked):
            return False
        return self.short_of(asked) is None

    def short_of(self, asked: Shape) -> str | None:
        """The first resource that its limit does not allow beside what is used; none if it fits."""
        return amounts.short_of(self.used, asked, self.quota.limit)

    def stuck_since(self, head: Request, now_ns: int) -> int:
        """Since when this head of the line does not fit; from now on if it is seen so for the first time."""
        if self.head is None or self.head[0] is not head:
            self.head = (head, now_ns)
        return self.head[1]
