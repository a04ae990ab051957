"""Priorities of executions and launch plans: what Flyte calls their quality of service."""

from flytelike.model.priority import Priority
from flytelike_idl.core import execution_pb2 as pb

_TIERS = {
    pb.QualityOfService.HIGH: Priority.HIGH,
    pb.QualityOfService.MEDIUM: Priority.MEDIUM,
    pb.QualityOfService.LOW: Priority.LOW,
}


def priority_from_proto(message: pb.QualityOfService) -> int:
    """Return the number that is said, or else that of the tier; 0 if nothing is. It may be out of bounds."""
    if message.HasField("priority"):
        return message.priority.value
    return int(_TIERS.get(message.tier, Priority.MEDIUM))


def fill_priority(priority: int, out: pb.QualityOfService) -> None:
    """Write a priority into `out`, in place of what it said."""
    out.Clear()
    out.priority.value = priority
