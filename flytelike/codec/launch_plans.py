"""Launch plans. Their id is not part of the message: it travels beside the spec."""

from flytelike.codec.faults import inside, required
from flytelike.codec.ids import fill_identifier, identifier_from_proto
from flytelike.codec.interface import fill_parameter_map, parameter_map_from_proto
from flytelike.codec.literals import fill_literal_map, literal_map_from_proto
from flytelike.codec.parse import parse, serialise
from flytelike.codec.schedules import fill_schedule, schedule_from_proto
from flytelike.model.graph import LaunchPlanTemplate
from flytelike.model.ids import Identifier
from flytelike_idl.admin import launch_plan_pb2 as pb

_PARSED = ("workflow_id", "default_inputs", "fixed_inputs")


def launch_plan_to_proto(launch_plan: LaunchPlanTemplate) -> pb.LaunchPlanSpec:
    """Return the message of a launch plan, with all that only passes through."""
    out = parse(pb.LaunchPlanSpec, launch_plan.options)
    fill_identifier(launch_plan.workflow, out.workflow_id)
    inside("default_inputs", lambda it: fill_parameter_map(it, out.default_inputs), launch_plan.inputs)
    inside("fixed_inputs", lambda it: fill_literal_map(it, out.fixed_inputs), launch_plan.fixed)
    if launch_plan.schedule is not None:
        fill_schedule(launch_plan.schedule, out.entity_metadata.schedule)
    return out


def launch_plan_from_proto(identifier: Identifier, message: pb.LaunchPlanSpec) -> LaunchPlanTemplate:
    """Return the launch plan named `identifier`."""
    required(message, "workflow_id")
    return LaunchPlanTemplate(
        id=identifier,
        workflow=inside("workflow_id", identifier_from_proto, message.workflow_id),
        inputs=inside("default_inputs", parameter_map_from_proto, message.default_inputs),
        fixed=inside("fixed_inputs", literal_map_from_proto, message.fixed_inputs),
        options=_options(message),
        schedule=inside("entity_metadata.schedule", schedule_from_proto, message.entity_metadata.schedule),
    )


def _options(message: pb.LaunchPlanSpec) -> bytes:
    left = pb.LaunchPlanSpec()
    left.CopyFrom(message)
    for name in _PARSED:
        left.ClearField(name)  # type: ignore[arg-type]  # the stub wants literal names
    left.entity_metadata.ClearField("schedule")
    for field, value in left.ListFields():
        # Flyte's SDK sets labels, annotations and more to empty messages; they say nothing.
        kind = field.message_type
        single = kind is not None and not field.is_repeated and kind.name != "BoolValue"  # an empty one: "false"
        if single and not value.ByteSize():
            left.ClearField(field.name)  # type: ignore[arg-type]  # the stub wants literal names
    return serialise(left)
