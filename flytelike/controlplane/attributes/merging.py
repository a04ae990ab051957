"""Which of several settings holds, field by field, and where each value comes from. Pure.

The order is Flyte's: what the request says, else its launch plan, else the setting of the workflow, of the project's
domain, of the project, and at last the platform's own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from flytelike.codec.priority import said_priority
from flytelike.controlplane.repository.attributes import Setting, Target
from flytelike.model.labels import QUEUE_LABEL
from flytelike_idl.admin import execution_pb2, launch_plan_pb2
from flytelike_idl.admin import matchable_resource_pb2 as pb

CONFIG_FIELDS = (
    "max_parallelism",
    "security_context",
    "raw_output_data_config",
    "labels",
    "annotations",
    "interruptible",
    "overwrite_cache",
    "envs",
)
"""What a setting says of executions."""
RESOURCE_FIELDS = ("cpu", "gpu", "memory", "storage", "ephemeral_storage")


@dataclass(frozen=True, slots=True)
class Value:
    """What holds, and where it comes from; `hidden` are the values that it goes before, with their sources."""

    name: str
    value: str
    source: str
    hidden: tuple[tuple[str, str], ...] = ()


def inherit_settings(spec: execution_pb2.ExecutionSpec, settings: Iterable[Setting]) -> None:
    """Fill what an execution leaves open from settings, the most specific first."""
    for setting in settings:
        config = setting.attributes.workflow_execution_config
        for name in CONFIG_FIELDS:
            if not _said(spec, name) and _said(config, name):
                _copy(config, spec, name)
        service = setting.attributes.quality_of_service
        if said_priority(spec.quality_of_service) is None and said_priority(service) is not None:
            spec.quality_of_service.CopyFrom(service)
        for tag in setting.attributes.execution_queue_attributes.tags[:1]:
            if QUEUE_LABEL not in spec.labels.values:
                spec.labels.values[QUEUE_LABEL] = tag


def task_resources(settings: Iterable[Setting]) -> pb.TaskResourceAttributes:
    """Return what tasks get when they ask for nothing, and at most: each quantity from the most specific setting."""
    merged = pb.TaskResourceAttributes()
    for setting in settings:
        said = setting.attributes.task_resource_attributes
        for name in RESOURCE_FIELDS:
            for mine, other in ((merged.defaults, said.defaults), (merged.limits, said.limits)):
                if not getattr(mine, name):
                    setattr(mine, name, getattr(other, name))
    return merged


def plugin_overrides(settings: Iterable[Setting]) -> dict[str, tuple[pb.PluginOverride, str]]:
    """Return which plugins run types of tasks, and where that is said: each type by the most specific setting."""
    found: dict[str, tuple[pb.PluginOverride, str]] = {}
    for setting in settings:
        for override in setting.attributes.plugin_overrides.overrides:
            found.setdefault(override.task_type, (override, shown_target(setting.target)))
    return found


def explained(
    plan: launch_plan_pb2.LaunchPlanSpec | None, settings: Sequence[Setting], platform: pb.WorkflowExecutionConfig
) -> Iterator[Value]:
    """Yield what holds for executions that say nothing themselves, and where it comes from."""
    for name in CONFIG_FIELDS:
        found = [] if plan is None else [(plan, "launch plan")]
        said: list[tuple[Message, str]] = [*found]
        said += [(one.attributes.workflow_execution_config, shown_target(one.target)) for one in settings]
        said.append((platform, "platform"))
        yield from _value(name, [(shown(owner, name), source) for owner, source in said if _said(owner, name)])
    services = [] if plan is None else [(plan.quality_of_service, "launch plan")]
    services += [(one.attributes.quality_of_service, shown_target(one.target)) for one in settings]
    told = [(str(number), source) for one, source in services if (number := said_priority(one)) is not None]
    yield from _value("priority", told)
    for part in ("defaults", "limits"):
        for name in RESOURCE_FIELDS:
            quantities = [
                (getattr(getattr(one.attributes.task_resource_attributes, part), name), shown_target(one.target))
                for one in settings
            ]
            yield from _value(f"task_resources.{part}.{name}", [it for it in quantities if it[0]])
    overrides: dict[str, list[tuple[str, str]]] = {}
    for one in settings:
        for override in one.attributes.plugin_overrides.overrides:
            behaviour = pb.PluginOverride.MissingPluginBehavior.Name(override.missing_plugin_behavior)
            shown_override = f"{', '.join(override.plugin_id)} (else {behaviour})"
            overrides.setdefault(override.task_type, []).append((shown_override, shown_target(one.target)))
    for type_, said_of_type in sorted(overrides.items()):
        yield from _value(f"plugin_overrides.{type_}", said_of_type)
    for kind in ("cluster_resource_attributes", "execution_queue_attributes"):
        others = [
            (_line(getattr(one.attributes, kind)), shown_target(one.target))
            for one in settings
            if one.attributes.HasField(kind)
        ]
        yield from _value(kind, others)


def shown_target(target: Target) -> str:
    """Return what a setting is made for, as people write it."""
    if target.workflow:
        return f"workflow {target.project}/{target.domain}/{target.workflow}"
    return f"domain {target.project}/{target.domain}" if target.domain else f"project {target.project}"


def shown(owner: Message, name: str) -> str:
    """Return a field as people read it."""
    value = getattr(owner, name)
    match name:
        case "labels" | "annotations":
            return ", ".join(f"{key}={text}" for key, text in sorted(value.values.items()))
        case "envs":
            return ", ".join(pair.key for pair in value.values)  # their values may be nobody's business
        case "raw_output_data_config":
            return str(value.output_location_prefix)
        case "interruptible":
            return "yes" if value.value else "no"
        case "max_parallelism":
            return str(value)
        case "overwrite_cache":
            return "yes"
        case _:
            return _line(value)


def _value(name: str, found: Sequence[tuple[str, str]]) -> Iterator[Value]:
    if found:
        (value, source), *hidden = found
        yield Value(name, value, source, tuple(hidden))


def _said(owner: Message, name: str) -> bool:
    """Tell whether a field says something. Stock clients send messages empty, which leaves them open, too."""
    if name in {"max_parallelism", "overwrite_cache"}:
        return bool(getattr(owner, name))
    if name == "interruptible":  # an explicit "no" is an empty message
        return owner.HasField(name)
    message = getattr(owner, name)
    return isinstance(message, Message) and message.ByteSize() > 0


def _copy(config: Message, spec: Message, name: str) -> None:
    value = getattr(config, name)
    if isinstance(value, Message):
        getattr(spec, name).CopyFrom(value)
    else:
        setattr(spec, name, value)


def _line(message: Message) -> str:
    return " ".join(str(message).split())
