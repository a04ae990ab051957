"""What a dynamic task gives instead of outputs: a graph to run next."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flytelike.model.graph import LaunchPlanTemplate, TaskTemplate, WorkflowTemplate
from flytelike.model.ids import Identifier
from flytelike.model.interface import TypedInterface

NODES_MAX = 10_000
"""How many nodes one dynamic task may give. A bound on what a loop without an end can do."""


@dataclass(frozen=True, slots=True)
class DynamicJob:
    """A graph as a workflow whose outputs are the task's, and the entities that it runs.

    `launch_plans` and `references` stay with the task: they are registered, and the platform looks them up.
    """

    workflow: WorkflowTemplate
    tasks: tuple[TaskTemplate, ...] = ()
    sub_workflows: tuple[WorkflowTemplate, ...] = ()
    launch_plans: tuple[LaunchPlanTemplate, ...] = ()
    references: Mapping[Identifier, TypedInterface] = field(default_factory=dict)
