"""Who waits for a place where work is run, and how many are before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.quota import Amounts, PlaceUse, QuotaPlace


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A limit that something waits under: how much it asks for, and what of the limit is in use.

    `held` names who uses it, the largest first, with how much: teams, projects or domains. It is freed as theirs ends.
    An empty name, the last one, stands for those who are not to be named.
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
    without any it waits for its turn. It waits `since_ns`; 0 where that is not known. `asks` is what it needs, empty
    where that is not known.
    """

    path: NodePath
    attempt: int
    place: int
    of: int
    what: str = "a worker"
    since_ns: int = 0
    shortfalls: tuple[Shortfall, ...] = ()
    priority: int = 0
    asks: Amounts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QuotaReport:
    """What those who grant say of all of them: what is used by place, and who waits.

    `waits` are all where they are few, else the first of each line, and at least one attempt of each execution, as far
    as there are not very many. Of two reports the one with the later `at_ms` counts; it is the time of the database
    that grants lie in, since 1970.
    """

    at_ms: int
    uses: Mapping[QuotaPlace, PlaceUse]
    waits: Sequence[tuple[ExecutionId, Queued]] = ()
