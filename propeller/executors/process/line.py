"""Who waits for a slot of the executor, and who is next.

Here is where slots are shared out, and nowhere else: the executor puts in what waits and takes out what runs.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

T = TypeVar("T")

POINT_S: Final = 60.0
"""How many seconds of waiting one point of priority is worth. So whoever waits rises, and nobody waits for ever: it is
overtaken by those only who come before its own time plus the points that they are ahead."""


class Line(Generic[T]):
    """First come, first served between projects; by priority, with ageing, inside of one.

    Each that comes brings its project one turn. When a turn comes up, the project's most urgent takes it: so the
    priorities of one project take nothing from another. The turn of one that has gone stays its project's.

    Args:
        now_s: Tells the time, in seconds; never goes back.
        gone: Tells whether somebody has stopped waiting.
    """

    __slots__ = ("_gone", "_now_s", "_projects", "_seen", "_turns")

    def __init__(self, now_s: Callable[[], float], gone: Callable[[T], bool]) -> None:
        self._now_s = now_s
        self._gone = gone
        self._turns: deque[str] = deque()
        self._projects: dict[str, list[tuple[float, int, T]]] = {}
        self._seen = 0

    def __bool__(self) -> bool:
        """Tell whether somebody may wait."""
        return bool(self._turns)

    def put(self, waiting: T, project: str, priority: int) -> None:
        """Let somebody wait. As all rise equally fast, who is before whom is known from the start."""
        self._seen += 1
        entry = (self._now_s() - priority * POINT_S, self._seen, waiting)
        heapq.heappush(self._projects.setdefault(project, []), entry)
        self._turns.append(project)

    def take(self) -> T | None:
        """Return who is next, no longer waiting; None if there is nobody."""
        while self._turns:
            project = self._turns.popleft()
            waiting = self._projects.get(project)
            while waiting:
                found = heapq.heappop(waiting)[2]
                if not waiting:
                    del self._projects[project]
                if not self._gone(found):
                    return found
        return None

    def order(self) -> list[T]:
        """Return everybody who waits, in the order in which they would be taken if nobody came meanwhile."""
        ranked = {
            project: deque(found for _, _, found in sorted(waiting, key=_turn) if not self._gone(found))
            for project, waiting in self._projects.items()
        }
        return [ranked[project].popleft() for project in self._turns if ranked.get(project)]

    def clear(self) -> list[T]:
        """Return everybody who waits, in some order; nobody does then."""
        found = list(self._all())
        self._turns.clear()
        self._projects.clear()
        return found

    def _all(self) -> Iterator[T]:
        for waiting in self._projects.values():
            for _, _, found in waiting:
                if not self._gone(found):
                    yield found


def _turn(entry: tuple[float, int, object]) -> tuple[float, int]:
    return entry[:2]
