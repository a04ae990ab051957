"""Slots of eager tasks: shared so that those who wait always leave one to whom they wait for.

A running eager task holds its process while it waits for its calls. What it calls lies one level deeper, and so does
whatever that waits for: waiting leads downwards only. So where each level has a slot of its own, the deepest level
always goes on, and then the one above it; no number of callers can keep their calls from starting.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from propeller.executors.process.line import Line

T = TypeVar("T")

LEFT_BELOW = 4
"""Callers of all levels down to the n-th leave one slot in `LEFT_BELOW ** (n + 1)` to the levels below, so that calls
go on side by side too."""

SLOT_BYTES = 24 << 20
"""What an eager task that only waits needs, with some room: some 17 MB were measured."""

SLOTS_MIN, SLOTS_MAX = 8, 128


def slots_for(memory_bytes: int) -> int:
    """Return how many eager tasks may wait at once where a quarter of a machine's memory is theirs."""
    return min(SLOTS_MAX, max(SLOTS_MIN, memory_bytes // 4 // SLOT_BYTES))


class EagerSlots(Generic[T]):
    """Who runs and who waits, by level: how many callers lie above.

    Args:
        slots: How many run at once, and one more for each level that finds all of them taken.
        line: Makes the line that those of a level wait in.
    """

    def __init__(self, slots: int, line: Callable[[], Line[T]]) -> None:
        self._slots = slots
        self._line = line
        self._taken: Counter[int] = Counter()
        self._waiting: dict[int, Line[T]] = {}

    def __bool__(self) -> bool:
        """Tell whether somebody waits who could run now."""
        return self._free() is not None

    def wait(self, who: T, level: int, project: str, priority: int) -> None:
        """Let somebody wait for a slot."""
        if level not in self._waiting:
            self._waiting[level] = self._line()
        self._waiting[level].put(who, project, priority)

    def take(self) -> T | None:
        """Return who runs next, without a slot yet: of the deepest level that may, the next in line.

        None when all in that line have gone.

        Raises IndexError when nobody may.
        """
        level = self._free()
        if level is None:
            raise IndexError("nobody who waits may run")
        waiting = self._waiting[level]
        who = waiting.take()
        if not waiting:
            del self._waiting[level]
        return who

    def hold(self, level: int) -> None:
        """Take a slot."""
        self._taken[level] += 1

    def leave(self, level: int) -> None:
        """Give a slot back."""
        self._taken[level] -= 1
        if not self._taken[level]:
            del self._taken[level]

    def drain(self) -> Iterator[T]:
        """Yield all who wait; none does afterwards."""
        waiting, self._waiting = self._waiting, {}
        for level in sorted(waiting):
            yield from waiting[level].clear()

    def orders(self) -> Iterator[list[T]]:
        """Yield who waits, level by level, in the order in which they would be taken."""
        for waiting in self._waiting.values():
            yield waiting.order()

    def _free(self) -> int | None:
        """Return the deepest level of which somebody waits and may run."""
        return next((level for level in sorted(self._waiting, reverse=True) if self._admits(level)), None)

    def _admits(self, level: int) -> bool:
        if not self._taken[level]:
            return True
        above = sum(count for other, count in self._taken.items() if other <= level)
        share = self._slots - self._slots // LEFT_BELOW ** (level + 1)
        return above < share and self._taken.total() < self._slots
