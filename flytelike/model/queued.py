"""Who waits for a place where work is run, and how many are before it."""

from dataclasses import dataclass

from flytelike.model.ids import NodePath


@dataclass(frozen=True, slots=True)
class Queued:
    """An attempt, or the next elements of an array, that waits for a worker.

    `place` counts from 1 in a line of `of` that wait now. Who comes later and is more urgent may overtake it.
    `what` it waits for is a phrase: the limits in its way, and what of them is in use.
    """

    path: NodePath
    attempt: int
    place: int
    of: int
    what: str = "a worker"
