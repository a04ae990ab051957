"""What clients submit for registration, decoded: templates by identifier, and every fault in them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from flytelike.codec.ids import fill_identifier
from flytelike.codec.launch_plans import launch_plan_from_proto
from flytelike.codec.tasks import task_template_from_proto
from flytelike.codec.workflows import workflow_template_from_proto
from flytelike.controlplane.errors import Faults
from flytelike.controlplane.naming import check_identifier, sent_identifier
from flytelike.controlplane.priorities import check_priority
from flytelike.controlplane.schedule_rules import check_schedule
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.graph import Entity, LaunchPlanTemplate, TaskTemplate, WorkflowTemplate
from flytelike.model.ids import Identifier, ResourceKind
from flytelike_idl.admin import description_entity_pb2, launch_plan_pb2, task_pb2, workflow_pb2
from flytelike_idl.core import identifier_pb2

ENTITIES_MAX = 10_000

T = TypeVar("T")


@dataclass(slots=True)
class Submitted:
    """Entities in the order of the request, and the sub-workflows that came inside of workflows."""

    order: list[Identifier] = field(default_factory=list)
    tasks: dict[Identifier, TaskTemplate] = field(default_factory=dict)
    workflows: dict[Identifier, WorkflowTemplate] = field(default_factory=dict)
    launch_plans: dict[Identifier, LaunchPlanTemplate] = field(default_factory=dict)
    inner: dict[Identifier, WorkflowTemplate] = field(default_factory=dict)
    descriptions: dict[Identifier, description_entity_pb2.DescriptionEntity] = field(default_factory=dict)

    @property
    def entities(self) -> Iterable[Entity]:
        """Return everything that is to be compiled together."""
        inner = [template for identifier, template in self.inner.items() if identifier not in self.workflows]
        return [*self.tasks.values(), *self.workflows.values(), *inner, *self.launch_plans.values()]


def submitted(
    tasks: Sequence[task_pb2.TaskCreateRequest],
    workflows: Sequence[workflow_pb2.WorkflowCreateRequest],
    launch_plans: Sequence[launch_plan_pb2.LaunchPlanCreateRequest],
    faults: Faults,
) -> Submitted:
    """Decode what was sent, noting every fault; what cannot be decoded is left out but for its identifier."""
    out = Submitted()
    if len(tasks) + len(workflows) + len(launch_plans) > ENTITIES_MAX:
        faults.add(
            "too-many-entities", f"more than {ENTITIES_MAX} entities were sent at once", "register them in parts"
        )
        return out
    for task in tasks:
        _take_task(out, task, faults)
    for workflow in workflows:
        _take_workflow(out, workflow, faults)
    for plan in launch_plans:
        _take_launch_plan(out, plan, faults)
    return out


def _take_task(out: Submitted, request: task_pb2.TaskCreateRequest, faults: Faults) -> None:
    identifier = _identifier(out, request.id, ResourceKind.TASK, faults)
    if not request.spec.template.type:
        faults.add("missing-field", f"the task {identifier} has no type")
    if not request.spec.template.HasField("interface"):
        request.spec.template.interface.SetInParent()
    fill_identifier(_whole(identifier), request.spec.template.id)
    template = _decoded(lambda: task_template_from_proto(request.spec.template), faults)
    if template is not None:
        _put(out.tasks, identifier, replace(template, id=identifier), faults)
    _describe(out, identifier, request.spec)


def _take_workflow(out: Submitted, request: workflow_pb2.WorkflowCreateRequest, faults: Faults) -> None:
    identifier = _identifier(out, request.id, ResourceKind.WORKFLOW, faults)
    fill_identifier(_whole(identifier), request.spec.template.id)
    check_priority(request.spec.template.metadata.quality_of_service, faults)
    template = _decoded(lambda: workflow_template_from_proto(request.spec.template), faults)
    if template is not None:
        _put(out.workflows, identifier, replace(template, id=identifier), faults)
    for message in request.spec.sub_workflows:
        inner = _decoded(lambda message=message: workflow_template_from_proto(message), faults)  # type: ignore[misc]
        if inner is not None:
            out.inner.setdefault(inner.id, inner)
    _describe(out, identifier, request.spec)


def _take_launch_plan(out: Submitted, request: launch_plan_pb2.LaunchPlanCreateRequest, faults: Faults) -> None:
    identifier = _identifier(out, request.id, ResourceKind.LAUNCH_PLAN, faults)
    workflow = request.spec.workflow_id
    if not (workflow.name and workflow.version):
        faults.add("missing-field", f"the launch plan {identifier} does not say which workflow and version it runs")
        return
    check_priority(request.spec.quality_of_service, faults)
    request.spec.workflow_id.resource_type = identifier_pb2.WORKFLOW
    template = _decoded(lambda: launch_plan_from_proto(identifier, request.spec), faults)
    if template is not None:
        check_schedule(identifier, template.schedule, faults)
        workflow_id = replace(template.workflow, kind=ResourceKind.WORKFLOW)
        _put(out.launch_plans, identifier, replace(template, id=identifier, workflow=workflow_id), faults)


def _identifier(out: Submitted, message: identifier_pb2.Identifier, kind: ResourceKind, faults: Faults) -> Identifier:
    """Return an entity's identifier; stock clients leave the resource type out of some."""
    identifier = sent_identifier(message)
    check_identifier(identifier, kind, faults)
    identifier = replace(identifier, kind=kind)
    out.order.append(identifier)
    return identifier


def _whole(identifier: Identifier) -> Identifier:
    """Return the identifier with its holes filled, so that what it names can be checked all the same."""
    return replace(
        identifier,
        project=identifier.project or "-",
        domain=identifier.domain or "-",
        name=identifier.name or "-",
        version=identifier.version or "-",
        org="",
    )


def _put(into: dict[Identifier, T], identifier: Identifier, template: T, faults: Faults) -> None:
    if identifier in into:
        faults.add("duplicate-entity", f"{identifier} was sent twice")
    into[identifier] = template


def _describe(out: Submitted, identifier: Identifier, spec: task_pb2.TaskSpec | workflow_pb2.WorkflowSpec) -> None:
    if spec.HasField("description") and spec.description.ByteSize():
        out.descriptions[identifier] = spec.description


def _decoded(decode: Callable[[], T], faults: Faults) -> T | None:
    try:
        return decode()
    except DiagnosticError as error:
        faults.extend(error.diagnostics)
        return None
