"""What an execution takes over from earlier ones, node by node."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from flytelike.model.ids import Digest, ExecutionId, NodePath

NO_GRAPH = Digest("")


class Way(IntEnum):
    """How a listed node is dealt with; the numbers are those of `propeller.ReusedNode.Way`."""

    TAKE_IF_INPUTS_EQUAL = 1
    TAKE = 2
    LEAVE_OUT = 3
    CONTINUE = 4
    KEEP_GRAPH = 5


@dataclass(frozen=True, slots=True)
class ReuseSource:
    """A node of an earlier execution, and where its inputs and outputs lie (empty for none).

    `attempt` is the one whose outputs are taken, or whose checkpoint, which lies below `raw_output_prefix`.
    `child` is the name of the execution that a launch-plan node started, `graph` what that attempt of a dynamic
    node gave.
    """

    execution: ExecutionId
    raw_output_prefix: str
    path: NodePath
    attempt: int = 0
    inputs_uri: str = ""
    output_uri: str = ""
    child: str = ""
    graph: Digest = NO_GRAPH


@dataclass(frozen=True, slots=True)
class ReusedNode:
    """A node of the new execution that does not just run. `source` is None for one that is left out."""

    way: Way
    source: ReuseSource | None = None


ReuseList: TypeAlias = Mapping[NodePath, ReusedNode]
"""By path in the new execution."""
