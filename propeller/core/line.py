"""Nodes that are ready, in the order in which they are dealt with."""

from collections import deque
from collections.abc import Callable

from propeller.core.elements import element_of
from propeller.core.plan import ArrayWork, LaunchPlanWork, Place, TaskWork


def needs_slot(place: Place) -> bool:
    """Tell whether a node counts towards `max_parallelism`.

    Only tasks, launch plans and arrays do, and what lies in an array goes with the one slot that the array has.
    """
    return isinstance(place.node.work, TaskWork | LaunchPlanWork | ArrayWork) and not element_of(place.path)


class Line:
    """First come, first served; with a `rank`, the highest priority first.

    Then nodes that need no slot go before all others: what they open may be the most urgent.
    """

    __slots__ = ("_rank", "_waiting")

    def __init__(self, rank: Callable[[Place], int | None] | None) -> None:
        """Begin empty; `rank` returns the priority of a node that needs a slot, None for one that needs none."""
        self._rank = rank
        self._waiting: dict[tuple[bool, int], deque[Place]] = {}

    def __bool__(self) -> bool:
        """Tell whether somebody waits."""
        return bool(self._waiting)

    def append(self, place: Place) -> None:
        """Let a node wait."""
        priority = None if self._rank is None else self._rank(place)
        self._waiting.setdefault((priority is None, priority or 0), deque()).append(place)

    def popleft(self) -> Place:
        """Return the next node, no longer in line. Raises `ValueError` if there is none."""
        level = max(self._waiting)
        waiting = self._waiting[level]
        place = waiting.popleft()
        if not waiting:
            del self._waiting[level]
        return place
