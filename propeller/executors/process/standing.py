"""Where those of an execution stand in the lines for a slot."""

from collections.abc import Iterable, Sequence

from flytelike.model.ids import ExecutionId
from flytelike.model.queued import Queued
from propeller.executors.process.element_queue import ElementQueue
from propeller.executors.process.live_attempt import LiveAttempt


def standing(lines: Iterable[Sequence[LiveAttempt | ElementQueue]], execution: ExecutionId) -> list[Queued]:
    """Return the places of an execution's attempts and arrays in lines, each given in its order."""
    return [
        Queued(who.spec.key.path, who.spec.key.attempt, place, len(line))
        for line in lines
        for place, who in enumerate(line, 1)
        if who.spec.key.execution == execution
    ]
