"""The history: what the world is told about, in order, once.

A record is made for each visible change. Records are numbered in the order they were decided
by the store; a sink may see one again after a crash and keeps the first.
"""

from dataclasses import dataclass
from typing import TypeAlias

from flytelike.model.failure import Failure
from flytelike.model.ids import Identifier, NodeId
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from propeller.core.events import NodePath


@dataclass(frozen=True, slots=True)
class ExecutionChanged:
    """The execution entered a phase."""

    phase: WorkflowPhase
    at_ns: int
    failure: Failure | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class NodeChanged:
    """A node entered a phase.

    `parent` is the sub-workflow node it lies in (`""` at the top), `spec_node_id` its id in
    its own workflow. `is_parent` tells that nodes lie in it. `child` tells that the node
    is an execution of its own.
    """

    path: NodePath
    parent: NodePath
    spec_node_id: NodeId
    phase: NodePhase
    at_ns: int
    failure: Failure | None = None
    is_parent: bool = False
    is_child_execution: bool = False


@dataclass(frozen=True, slots=True)
class AttemptChanged:
    """An attempt of a task node entered a phase."""

    path: NodePath
    attempt: int
    task: Identifier
    phase: TaskPhase
    at_ns: int
    failure: Failure | None = None


Record: TypeAlias = ExecutionChanged | NodeChanged | AttemptChanged
