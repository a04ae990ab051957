"""Priorities of executions and launch plans: what Flyte calls their quality of service."""

from flytelike.model.priority import Priority, bounded
from flytelike_idl.core import execution_pb2 as pb

_TIERS = {
    pb.QualityOfService.HIGH: Priority.HIGH,
    pb.QualityOfService.MEDIUM: Priority.MEDIUM,
    pb.QualityOfService.LOW: Priority.LOW,
}


BUDGET_POINT_S = 60
"""How many seconds of a queueing budget are worth a point: as many as of waiting, so that of what has a budget whoever
has to begin first goes first."""


def priority_from_proto(message: pb.QualityOfService) -> int:
    """Return the priority that is said; 0 if none is. It may be out of bounds."""
    said = said_priority(message)
    return int(Priority.MEDIUM) if said is None else said


def said_priority(message: pb.QualityOfService) -> int | None:
    """Return the number that is said, or else that of the queueing budget or tier; None if nothing is said.

    A budget is how much delay an execution tolerates (Flyte's `queueing_budget`): none makes it as urgent as the tier
    HIGH, and 100 minutes as the tier MEDIUM. Only a number may be out of bounds.
    """
    if message.HasField("priority"):
        return message.priority.value
    if message.HasField("spec") and message.spec.HasField("queueing_budget"):
        return bounded(int(Priority.HIGH) - message.spec.queueing_budget.seconds // BUDGET_POINT_S)
    tier = _TIERS.get(message.tier)
    return None if tier is None else int(tier)


def fill_priority(priority: int, out: pb.QualityOfService) -> None:
    """Write a priority into `out`, in place of what it said."""
    out.Clear()
    out.priority.value = priority
