"""From templates to the request that registers them, within the size that a platform takes."""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from google.protobuf.message import Message

from flytelike.codec.ids import identifier_to_proto
from flytelike.codec.launch_plans import launch_plan_to_proto
from flytelike.codec.tasks import task_template_to_proto
from flytelike.codec.workflows import workflow_template_to_proto
from flytelike.model.diagnostic import Diagnostic, DiagnosticError, Label
from flytelike.model.ids import Identifier
from flytelike.sdk.documentation import Documentation
from flytelike.sdk.entities import Templates
from flytelike_idl.admin import description_entity_pb2, launch_plan_pb2, task_pb2, workflow_pb2
from flytelike_idl.core import workflow_pb2 as core_workflow_pb2
from flytelike_idl.service import registration_pb2

REQUEST_BYTES_MAX = 20 * 1024 * 1024
"""What a control plane takes in one message."""
SHOWN = 5
"""How many of the largest parts are named."""


def request_of(found: Templates) -> registration_pb2.RegisterRequest:
    """Return the request message.

    Raises:
        DiagnosticError: `spec-too-large`, with what takes the room.
    """
    request = registration_pb2.RegisterRequest()
    for task in found.tasks:
        spec = task_pb2.TaskSpec(template=task_template_to_proto(task))
        describe(spec.description, found.documentation.get(task.id))
        request.tasks.append(task_pb2.TaskCreateRequest(id=identifier_to_proto(task.id), spec=spec))
    for workflow in found.workflows:
        whole = workflow_pb2.WorkflowSpec(template=workflow_template_to_proto(workflow))
        describe(whole.description, found.documentation.get(workflow.id))
        request.workflows.append(workflow_pb2.WorkflowCreateRequest(id=identifier_to_proto(workflow.id), spec=whole))
    for plan in found.launch_plans:
        request.launch_plans.append(
            launch_plan_pb2.LaunchPlanCreateRequest(id=identifier_to_proto(plan.id), spec=launch_plan_to_proto(plan))
        )
    if request.ByteSize() > REQUEST_BYTES_MAX:
        raise DiagnosticError([too_large(request, found)])
    return request


def describe(message: description_entity_pb2.DescriptionEntity, docs: Documentation | None) -> None:
    """Fill in what the author says about an entity; nothing when that is nothing."""
    if docs is None:
        return
    if docs.short:
        message.short_description = docs.short
    if docs.long:
        message.long_description.value = docs.long
        message.long_description.format = description_entity_pb2.DESCRIPTION_FORMAT_MARKDOWN
    if docs.source:
        message.source_code.link = docs.source


def too_large(request: registration_pb2.RegisterRequest, found: Templates) -> Diagnostic:
    """Return the fault of a registration that no platform takes, with its largest parts."""
    whole = request.ByteSize()
    parts = [part for part in sorted(weights(request), key=lambda part: -part[1])[:SHOWN] if part[1] > whole / 50]
    spans = {entity.id.name: entity.span for entity in found.entities}
    span = spans.get(parts[0][0].partition(":")[0].split()[-1].strip("`"))
    return Diagnostic(
        "spec-too-large",
        f"the specs are {whole / 1e6:.1f} MB; a platform takes {REQUEST_BYTES_MAX / 1e6:.1f} MB at once",
        Label(span, "the largest part belongs to this") if span else None,
        help=(
            *(f"{size / 1e6:.1f} MB: {name}" for name, size in parts),
            "give large values as files or tables, which go to the store, or register in several steps",
        ),
    )


def weights(request: registration_pb2.RegisterRequest) -> Iterable[tuple[str, int]]:
    """Yield the parts of all specs with their sizes in bytes."""
    for task in request.tasks:
        template = task.spec.template
        yield from parts(f"task {task.id.name}", template, ("interface", "custom", "container"))
    for workflow in request.workflows:
        template_ = workflow.spec.template
        constants = sum(constant_bytes(node) for node in template_.nodes)
        rest = sum(node.ByteSize() for node in template_.nodes) - constants
        yield f"workflow {workflow.id.name}: constants given to its nodes", constants
        yield f"workflow {workflow.id.name}: {len(template_.nodes):,} nodes without constants", rest
        yield from parts(f"workflow {workflow.id.name}", template_, ("interface",))
    for plan in request.launch_plans:
        yield from parts(f"launch plan {plan.id.name}", plan.spec, ("default_inputs", "fixed_inputs"))


def parts(owner: str, message: Message, names: Iterable[str]) -> Iterable[tuple[str, int]]:
    """Yield the sizes of some fields."""
    for name in names:
        if message.HasField(name):
            yield f"{owner}: its {name.replace('_', ' ')}", getattr(message, name).ByteSize()


def constant_bytes(node: core_workflow_pb2.Node) -> int:
    """Return how much of a node is values written into the workflow."""
    return sum(binding.binding.ByteSize() for binding in node.inputs if not binding.binding.HasField("promise"))


class Identified(Protocol):
    """Something with an identifier."""

    @property
    def id(self) -> Identifier:
        """Its identifier."""


def counted(entities: Iterable[Identified]) -> str:
    """Return `8 tasks, 2 workflows, 1 launch plan`; `nothing` for none."""
    kinds = Counter(found.id.kind.name.lower().replace("_", " ") for found in entities)
    order = ("task", "workflow", "launch plan")
    return ", ".join(f"{kinds[kind]} {kind}{'s' * (kinds[kind] > 1)}" for kind in order if kinds[kind]) or "nothing"
