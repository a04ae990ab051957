"""What compiling gives: linked, checked graphs with everything they need."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flytelike.model.graph import TaskTemplate, WorkflowTemplate
from flytelike.model.ids import Identifier, NodeId
from flytelike.model.interface import TypedInterface


@dataclass(frozen=True, slots=True)
class CompiledWorkflow:
    """A checked workflow with its edges.

    `upstream` and `downstream` hold every node, `start-node` and `end-node` included, and
    list each node's neighbours sorted. Nodes inside branches have ids of their own
    (`<branch>-<node>`); they and the failure node are in `upstream` only.
    """

    template: WorkflowTemplate
    upstream: Mapping[NodeId, tuple[NodeId, ...]]
    downstream: Mapping[NodeId, tuple[NodeId, ...]]


@dataclass(frozen=True, slots=True)
class WorkflowClosure:
    """A workflow and all it needs to run inside one execution.

    Launch plans run in executions of their own: only their interfaces are part of the closure.
    """

    primary: CompiledWorkflow
    sub_workflows: Mapping[Identifier, CompiledWorkflow]
    tasks: Mapping[Identifier, TaskTemplate]
    launch_plans: Mapping[Identifier, TypedInterface] = field(default_factory=dict)
