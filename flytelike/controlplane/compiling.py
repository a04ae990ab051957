"""From templates to what is kept: compile against what the registry holds, and digest.

Nothing that a client claims to have compiled is believed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from flytelike.codec.closures import (
    closure_from_proto,
    closure_to_proto,
    task_closure_from_proto,
    task_closure_to_proto,
)
from flytelike.codec.digest import digest_of
from flytelike.codec.ids import identifier_to_proto
from flytelike.codec.interface import (
    interface_from_proto,
    interface_to_proto,
    parameter_map_to_proto,
    variable_map_to_proto,
)
from flytelike.codec.launch_plans import launch_plan_from_proto, launch_plan_to_proto
from flytelike.codec.parse import parse, serialise
from flytelike.compiler import Compiled, Rejected
from flytelike.compiler import compile as compile_entities
from flytelike.compiler.callee import launch_plan_inputs
from flytelike.controlplane.naming import GENERATED_PREFIX
from flytelike.controlplane.repository.entities import NewEntity, find_entity
from flytelike.controlplane.submitted import Submitted
from flytelike.model.closure import WorkflowClosure
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.graph import LaunchPlanTemplate, TaskTemplate
from flytelike.model.ids import Digest, Identifier
from flytelike.model.interface import TypedInterface
from flytelike.storage import Store
from flytelike_idl.admin import launch_plan_pb2
from flytelike_idl.core import compiler_pb2, interface_pb2


@dataclass(frozen=True, slots=True)
class Prepared:
    """An entity ready to be kept, with the closure of a workflow."""

    entity: NewEntity
    closure: bytes = b""


@dataclass(frozen=True, slots=True)
class Preparation:
    """Everything prepared, in no order; when `diagnostics` holds errors, nothing is."""

    prepared: Mapping[Identifier, Prepared]
    diagnostics: tuple[Diagnostic, ...]


class KnownEntities:
    """What was registered before, read as the compiler asks for it."""

    def __init__(self, connection: Connection, store: Store) -> None:
        """Read through `connection`, closures from `store`."""
        self._connection = connection
        self._store = store

    def task(self, identifier: Identifier) -> TaskTemplate | None:
        """Return a registered task."""
        row = find_entity(self._connection, identifier)
        return None if row is None else task_closure_from_proto(parse(compiler_pb2.CompiledTask, row.body))

    def workflow(self, identifier: Identifier) -> WorkflowClosure | None:
        """Return a registered workflow with all it needs."""
        row = find_entity(self._connection, identifier)
        if row is None:
            return None
        data = self._store.get(row.closure_uri)
        return closure_from_proto(parse(compiler_pb2.CompiledWorkflowClosure, data))

    def launch_plan(self, identifier: Identifier) -> LaunchPlanTemplate | None:
        """Return a registered launch plan."""
        row = find_entity(self._connection, identifier)
        if row is None:
            return None
        return launch_plan_from_proto(identifier, parse(launch_plan_pb2.LaunchPlan, row.body).spec)

    def interface(self, workflow: Identifier) -> TypedInterface | None:
        """Return a registered workflow's interface."""
        row = find_entity(self._connection, workflow)
        return None if row is None else interface_from_proto(parse(interface_pb2.TypedInterface, row.body))


def prepare(sent: Submitted, known: KnownEntities, closures: str) -> Preparation:
    """Compile what was sent.

    Args:
        sent: the templates.
        known: what was registered before.
        closures: the uri of the folder where closures lie.
    """
    outcome = compile_entities(sent.entities, known)
    if isinstance(outcome, Rejected):
        return Preparation({}, tuple(outcome.diagnostics))
    return Preparation(_prepared(sent, outcome, known, closures), tuple(outcome.warnings))


def _prepared(sent: Submitted, compiled: Compiled, known: KnownEntities, closures: str) -> dict[Identifier, Prepared]:
    out = {identifier: prepared_task(sent, sent.tasks[identifier]) for identifier in sent.tasks}
    for identifier in sent.workflows:
        out[identifier] = prepared_workflow(sent, compiled.workflows[identifier], closures)
    for identifier, plan in sent.launch_plans.items():
        compiled_workflow = compiled.workflows.get(plan.workflow)
        interface = (
            compiled_workflow.primary.template.interface if compiled_workflow else known.interface(plan.workflow)
        )
        assert interface is not None, "the compiler refuses launch plans of unknown workflows"
        out[identifier] = prepared_launch_plan(plan, interface)
    return out


def prepared_task(sent: Submitted, task: TaskTemplate) -> Prepared:
    """Return a task ready to be kept."""
    message = task_closure_to_proto(task)
    return Prepared(
        NewEntity(task.id, digest_of(message), serialise(message), summary_of(sent, task.id), type=task.type)
    )


def prepared_workflow(sent: Submitted, closure: WorkflowClosure, closures: str) -> Prepared:
    """Return a workflow ready to be kept; its closure is to be stored at `closure_uri`."""
    template = closure.primary.template
    message = closure_to_proto(closure)
    digest = digest_of(message)
    entity = NewEntity(
        template.id,
        digest,
        serialise(interface_to_proto(template.interface)),
        summary_of(sent, template.id),
        closure_uri=closure_uri(closures, digest),
        system_generated=template.id.name.startswith(GENERATED_PREFIX),
        priority=template.metadata.priority,
    )
    return Prepared(entity, serialise(message))


def prepared_launch_plan(plan: LaunchPlanTemplate, interface: TypedInterface) -> Prepared:
    """Return a launch plan ready to be kept, with what it expects of callers."""
    spec = launch_plan_to_proto(plan)
    message = launch_plan_pb2.LaunchPlan(id=identifier_to_proto(plan.id), spec=spec)
    message.closure.expected_inputs.CopyFrom(parameter_map_to_proto(launch_plan_inputs(plan, interface)))
    message.closure.expected_outputs.CopyFrom(variable_map_to_proto(interface.outputs))
    return Prepared(NewEntity(plan.id, digest_of(spec), serialise(message), workflow=plan.workflow))


def closure_uri(closures: str, digest: Digest) -> str:
    """Return where the closure with this digest lies."""
    letters = digest.removeprefix("sha256:")
    return f"{closures}/{letters[:2]}/{letters}.pb"


def summary_of(sent: Submitted, identifier: Identifier) -> str:
    """Return the short description an entity was sent with."""
    described = sent.descriptions.get(identifier)
    return described.short_description if described is not None else ""
