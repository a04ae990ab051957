"""Registering entities, all or none."""

from collections.abc import Sequence
from dataclasses import dataclass

from flytelike.codec.diagnostics import diagnostic_from_proto
from flytelike.codec.ids import identifier_from_proto, identifier_to_proto
from flytelike.codec.launch_plans import launch_plan_to_proto
from flytelike.codec.tasks import task_template_to_proto
from flytelike.codec.workflows import workflow_template_to_proto
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.graph import LaunchPlanTemplate, TaskTemplate, WorkflowTemplate
from flytelike.model.ids import Identifier
from flytelike.remote.client import Client
from flytelike_idl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flytelike_idl.service import registration_pb2

Outcome = registration_pb2.RegisteredEntity.Outcome


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of one entity; `difference` tells why a known version was refused."""

    id: Identifier
    outcome: str
    digest: str
    difference: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Registration:
    """What became of a whole registration."""

    entities: tuple[Registered, ...]
    diagnostics: tuple[Diagnostic, ...]


async def register(
    client: Client,
    tasks: Sequence[TaskTemplate],
    workflows: Sequence[WorkflowTemplate],
    launch_plans: Sequence[LaunchPlanTemplate],
    *,
    dry_run: bool = False,
) -> Registration:
    """Register the entities in one transaction; raises RemoteError when the call itself fails."""
    request = request_of(tasks, workflows, launch_plans, dry_run=dry_run)
    response = await client.call(client.registration.Register(request))
    return Registration(
        tuple(registered(entity) for entity in response.entities),
        tuple(diagnostic_from_proto(message) for message in response.diagnostics),
    )


def request_of(
    tasks: Sequence[TaskTemplate],
    workflows: Sequence[WorkflowTemplate],
    launch_plans: Sequence[LaunchPlanTemplate],
    *,
    dry_run: bool,
) -> registration_pb2.RegisterRequest:
    """Return the request message."""
    request = registration_pb2.RegisterRequest(dry_run=dry_run)
    for task in tasks:
        request.tasks.append(
            task_pb2.TaskCreateRequest(
                id=identifier_to_proto(task.id),
                spec=task_pb2.TaskSpec(template=task_template_to_proto(task)),
            )
        )
    for workflow in workflows:
        request.workflows.append(
            workflow_pb2.WorkflowCreateRequest(
                id=identifier_to_proto(workflow.id),
                spec=workflow_pb2.WorkflowSpec(template=workflow_template_to_proto(workflow)),
            )
        )
    for plan in launch_plans:
        request.launch_plans.append(
            launch_plan_pb2.LaunchPlanCreateRequest(id=identifier_to_proto(plan.id), spec=launch_plan_to_proto(plan))
        )
    return request


def registered(message: registration_pb2.RegisteredEntity) -> Registered:
    """Return the entity's outcome as a value."""
    return Registered(
        identifier_from_proto(message.id),
        Outcome.Name(message.outcome),
        message.digest,
        tuple(message.difference),
    )
