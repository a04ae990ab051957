"""What a launch plan or a task amounts to when it is run: a workflow, its parameters and options."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.message import Message
from sqlalchemy import Connection

from flytelike.codec.interface import interface_from_proto, parameter_map_from_proto
from flytelike.codec.literals import literal_map_from_proto
from flytelike.codec.parse import parse
from flytelike.controlplane.errors import not_found
from flytelike.controlplane.naming import KIND_NAMES
from flytelike.controlplane.repository.entities import find_entity
from flytelike.controlplane.repository.rows import EntityRow
from flytelike.model.ids import Identifier, ResourceKind
from flytelike.model.interface import Parameter
from flytelike.model.literals import LiteralMap
from flytelike_idl.admin import execution_pb2, launch_plan_pb2
from flytelike_idl.core import interface_pb2

INHERITED = (
    "labels",
    "annotations",
    "security_context",
    "quality_of_service",
    "raw_output_data_config",
    "cluster_assignment",
    "interruptible",
    "envs",
)
"""Options that a request takes over from its launch plan, each as a whole, unless it says its own."""


@dataclass(frozen=True, slots=True)
class Runnable:
    """A workflow with what may be given and what is fixed."""

    workflow: Identifier
    row: EntityRow
    parameters: Mapping[str, Parameter]
    fixed: LiteralMap = field(default_factory=dict)
    options: launch_plan_pb2.LaunchPlanSpec = field(default_factory=launch_plan_pb2.LaunchPlanSpec)


def runnable_task(workflow: Identifier, row: EntityRow) -> Runnable:
    """Return what the workflow made for a task amounts to: all inputs are required."""
    interface = interface_from_proto(parse(interface_pb2.TypedInterface, row.body))
    return Runnable(workflow, row, {name: Parameter(variable) for name, variable in interface.inputs.items()})


def runnable_launch_plan(connection: Connection, identifier: Identifier) -> Runnable:
    """Return what a registered launch plan amounts to; raises Refusal NOT_FOUND."""
    plan_row = find_entity(connection, identifier)
    if plan_row is None:
        raise not_found(KIND_NAMES[identifier.kind], identifier, "register it first")
    plan = parse(launch_plan_pb2.LaunchPlan, plan_row.body)
    target = plan.spec.workflow_id
    workflow = Identifier(ResourceKind.WORKFLOW, target.project, target.domain, target.name, target.version)
    row = find_entity(connection, workflow)
    if row is None:
        raise not_found(KIND_NAMES[workflow.kind], workflow)
    return Runnable(
        workflow,
        row,
        parameter_map_from_proto(plan.closure.expected_inputs),
        literal_map_from_proto(plan.spec.fixed_inputs),
        plan.spec,
    )


def inherit(
    spec: execution_pb2.ExecutionSpec, options: launch_plan_pb2.LaunchPlanSpec | execution_pb2.ExecutionSpec
) -> None:
    """Fill what `spec` leaves open from a launch plan, or from a parent execution.

    Stock clients send many of these messages empty, which leaves them open too.
    """
    for name in INHERITED:
        own, other = _message(spec, name), _message(options, name)
        # An explicit "not interruptible" is an empty message too, so there presence counts.
        said = _has(spec, name) if name == "interruptible" else own.ByteSize() > 0
        if not said and _has(options, name):
            own.CopyFrom(other)
    spec.max_parallelism = spec.max_parallelism or options.max_parallelism
    spec.overwrite_cache = spec.overwrite_cache or options.overwrite_cache
    if isinstance(options, execution_pb2.ExecutionSpec):
        spec.skip_cache = spec.skip_cache or options.skip_cache


def _message(owner: Message, name: str) -> Message:
    message = getattr(owner, name)
    assert isinstance(message, Message)
    return message


def _has(owner: Message, name: str) -> bool:
    return owner.HasField(name)
