"""Who waits for a place where work is run, and how many are before it."""

from dataclasses import dataclass

from flytelike.model.ids import NodePath
from flytelike.model.quota import QuotaPlace


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A limit that something waits under: how much it asks for, and what of the limit is in use.

    `held` names who uses it, the largest first, with how much: teams, projects or domains. It is freed as theirs ends.
    """

    place: QuotaPlace
    resource: str
    asked: int
    used: int
    limit: int
    held: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Queued:
    """An attempt, or the next elements of an array, that waits for a worker.

    `place` counts from 1 in a line of `of` that wait now. Who comes later and is more urgent may overtake it.
    `what` it waits for is a phrase: the limits in its way, and what of them is in use. `shortfalls` are these limits:
    without any it waits for its turn. It waits `since_ns`; 0 where that is not known.
    """

    path: NodePath
    attempt: int
    place: int
    of: int
    what: str = "a worker"
    since_ns: int = 0
    shortfalls: tuple[Shortfall, ...] = ()
