"""Which priorities clients may ask for."""

from flytelike.codec.priority import priority_from_proto
from flytelike.controlplane.errors import Faults
from flytelike.model.priority import PRIORITY_MAX, is_priority
from flytelike_idl.core import execution_pb2


def check_priority(asked: execution_pb2.QualityOfService, faults: Faults) -> None:
    """Note what is wrong with the priority of an execution or a launch plan."""
    number = priority_from_proto(asked)
    if not is_priority(number):
        faults.add(
            "invalid-priority",
            f"the priority {number} does not lie between -{PRIORITY_MAX} and {PRIORITY_MAX}",
            "higher goes first; `HIGH` is 100, `LOW` -100",
        )
