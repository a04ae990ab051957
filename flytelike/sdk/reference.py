"""References: entities that are registered already, known here by their signature only."""

from collections.abc import Callable, Mapping
from typing import NoReturn

from typing_extensions import override

from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.ids import Identifier, ResourceKind
from flytelike.sdk.entity import NodeEntity, P, R
from flytelike.sdk.faults import fault
from flytelike.sdk.signature import plain_function


class Reference(NodeEntity[P, R]):
    """An entity registered before; the function says only what it takes and gives."""

    def __init__(self, identifier: Identifier, function: Callable[P, R]) -> None:
        """Stand for the entity that `identifier` names."""
        plain_function(function)
        super().__init__(function, f"reference {identifier.kind.name.lower().replace('_', ' ')}")
        self.identifier = identifier

    @override
    def run(self, inputs: Mapping[str, object]) -> NoReturn:
        """Refuse: the code is elsewhere."""
        raise DiagnosticError(
            [
                fault(
                    "reference-without-code",
                    f"`{self.identifier.name}` is registered elsewhere: its code isn't here to run",
                    self.signature.span,
                    "referenced here",
                    help=("execute the workflow on a platform that knows it",),
                )
            ]
        )


class ReferenceTask(Reference[P, R]):
    """A task registered before."""

    resource_kind = ResourceKind.TASK


class ReferenceWorkflow(Reference[P, R]):
    """A workflow registered before; its nodes become part of the calling execution."""

    resource_kind = ResourceKind.WORKFLOW


class ReferenceLaunchPlan(Reference[P, R]):
    """A launch plan registered before; it starts an execution of its own."""

    resource_kind = ResourceKind.LAUNCH_PLAN


def reference_task(
    project: str, domain: str, name: str, version: str
) -> Callable[[Callable[P, R]], ReferenceTask[P, R]]:
    """Make the decorated function stand for a registered task. Its body is never run."""
    identifier = Identifier(ResourceKind.TASK, project, domain, name, version)
    return lambda function: ReferenceTask(identifier, function)


def reference_workflow(
    project: str, domain: str, name: str, version: str
) -> Callable[[Callable[P, R]], ReferenceWorkflow[P, R]]:
    """Make the decorated function stand for a registered workflow. Its body is never run."""
    identifier = Identifier(ResourceKind.WORKFLOW, project, domain, name, version)
    return lambda function: ReferenceWorkflow(identifier, function)


def reference_launch_plan(
    project: str, domain: str, name: str, version: str
) -> Callable[[Callable[P, R]], ReferenceLaunchPlan[P, R]]:
    """Make the decorated function stand for a registered launch plan. Its body is never run."""
    identifier = Identifier(ResourceKind.LAUNCH_PLAN, project, domain, name, version)
    return lambda function: ReferenceLaunchPlan(identifier, function)
