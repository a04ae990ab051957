"""Why a request waits, as data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shortage:
    """A limit that a request does not fit under now. `path` is the place that has it, () the whole platform."""

    path: tuple[str, ...]
    resource: str
    asked: int
    used: int
    limit: int
    held: tuple[tuple[str, int], ...]
    """Who uses it: the places below (name, amount), the largest first. What frees it is that theirs ends."""

    @property
    def never(self) -> bool:
        """Whether it would not fit either if nothing else ran."""
        return self.asked > self.limit


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where a request stands. Without shortages it waits for its turn only.

    `place` counts from 1 in the line of its own path, which `length` requests wait in.
    """

    since_ns: int
    place: int
    length: int
    shortages: tuple[Shortage, ...]
