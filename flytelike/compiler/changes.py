"""What changed between two versions of entities, and whether it breaks those who use them.

Versions are compared by meaning: spans, versions and the order of maps don't count. A change of
an interface breaks callers when a call that was right before would be refused now.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import TypeAlias

from flytelike.compiler.casting import castable
from flytelike.compiler.describe import describe_type
from flytelike.compiler.graph_changes import graph_changes
from flytelike.model.graph import Container, Entity, LaunchPlanTemplate, TaskTemplate, WorkflowTemplate
from flytelike.model.ids import ResourceKind
from flytelike.model.interface import Parameter, Variable
from flytelike.model.policies import Resources, TaskMetadata, WorkflowMetadata

Key: TypeAlias = tuple[ResourceKind, str]
"""An entity without its version: its kind and its dotted name."""


class Part(Enum):
    """What of an entity changed."""

    ENTITY = "entity"
    INTERFACE = "interface"
    GRAPH = "graph"
    POLICIES = "policies"
    RESOURCES = "resources"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `breaking` tells that callers which were right before are refused now."""

    kind: ResourceKind
    name: str
    part: Part
    text: str
    breaking: bool = False


def changes(old: Iterable[Entity], new: Iterable[Entity]) -> tuple[Change, ...]:
    """Return all changes, entity by entity in the order of kinds and names."""
    before, after = by_key(old), by_key(new)
    found: list[Change] = []
    for kind, name in sorted({*before, *after}):
        one, other = before.get((kind, name)), after.get((kind, name))
        if one is None:
            found.append(Change(kind, name, Part.ENTITY, "is new"))
        elif other is None:
            found.append(Change(kind, name, Part.ENTITY, "is gone", breaking=True))
        else:
            found.extend(
                Change(kind, name, part, text, breaking) for part, text, breaking in entity_changes(one, other)
            )
    return tuple(found)


def by_key(entities: Iterable[Entity]) -> dict[Key, Entity]:
    """Return entities by kind and name."""
    return {(entity.id.kind, entity.id.name): entity for entity in entities}


Found: TypeAlias = tuple[Part, str, bool]
"""What changed, in words, and whether it breaks callers."""


def entity_changes(old: Entity, new: Entity) -> Iterator[Found]:
    """Yield the changes of one entity."""
    match old, new:
        case TaskTemplate(), TaskTemplate():
            yield from input_changes(old.interface.inputs, new.interface.inputs)
            yield from output_changes(old.interface.outputs, new.interface.outputs)
            yield from policy_changes(old.metadata, new.metadata)
            yield from container_changes(old.container, new.container)
            if (old.type, old.custom) != (new.type, new.custom):
                yield Part.POLICIES, f"type `{old.type}` → `{new.type}`, or its settings", False
        case WorkflowTemplate(), WorkflowTemplate():
            yield from input_changes(old.interface.inputs, new.interface.inputs)
            yield from output_changes(old.interface.outputs, new.interface.outputs)
            yield from policy_changes(old.metadata, new.metadata)
            for text in graph_changes(old, new):
                yield Part.GRAPH, text, False
        case LaunchPlanTemplate(), LaunchPlanTemplate():
            yield from parameter_changes(old.inputs, new.inputs)
            yield from fixed_changes(old, new)
            if old.workflow.name != new.workflow.name:
                yield Part.GRAPH, f"is of the workflow `{new.workflow.name}`, was of `{old.workflow.name}`", False
            if old.schedule != new.schedule:
                before, after = (plan.schedule.words if plan.schedule else "none" for plan in (old, new))
                yield Part.POLICIES, f"schedule {before} → {after}", False
            if old.options != new.options:
                yield Part.POLICIES, "other options (labels, parallelism, environment, ...)", False
        case _:
            raise TypeError("entities of one key are of one kind")


# --- interface --------------------------------------------------------------------------


def input_changes(old: Mapping[str, Variable], new: Mapping[str, Variable]) -> Iterator[Found]:
    """Yield what changed in the inputs of a task or workflow.

    Whether an input has to be given is no property of theirs: nodes give every input of a task,
    the defaults of a workflow are its launch plan's.
    """
    yield from shared_changes(old, new)
    for name, found in new.items():
        if name not in old:
            yield Part.INTERFACE, f"input `{name}: {describe_type(found.type)}` is new", False


def parameter_changes(old: Mapping[str, Parameter], new: Mapping[str, Parameter]) -> Iterator[Found]:
    """Yield what changed for those who start a launch plan."""
    yield from shared_changes(variables(old), variables(new))
    for name, found in new.items():
        if name not in old:
            needed = "has to be given" if found.required else "may be left out"
            kind = found.variable.type
            yield Part.INTERFACE, f"input `{name}: {describe_type(kind)}` is new and {needed}", found.required
        elif found.required and not old[name].required:
            yield Part.INTERFACE, f"input `{name}` has to be given now", True
        elif old[name].required and not found.required:
            yield Part.INTERFACE, f"input `{name}` may be left out now", False
        elif found.default != old[name].default:
            yield Part.INTERFACE, f"input `{name}` has another default", False


def variables(parameters: Mapping[str, Parameter]) -> dict[str, Variable]:
    """Return the variables of parameters."""
    return {name: found.variable for name, found in parameters.items()}


def shared_changes(old: Mapping[str, Variable], new: Mapping[str, Variable]) -> Iterator[Found]:
    """Yield inputs that are gone or take other types."""
    for name, found in old.items():
        if name not in new:
            yield Part.INTERFACE, f"input `{name}: {describe_type(found.type)}` is gone", True
        elif new[name].type != found.type:
            text = f"input `{name}`: `{describe_type(found.type)}` → `{describe_type(new[name].type)}`"
            yield Part.INTERFACE, text, not castable(found.type, new[name].type)


def output_changes(old: Mapping[str, Variable], new: Mapping[str, Variable]) -> Iterator[Found]:
    """Yield what changed for those who take outputs."""
    for name, found in old.items():
        if name not in new:
            yield Part.INTERFACE, f"output `{name}: {describe_type(found.type)}` is gone", True
        elif new[name].type != found.type:
            text = f"output `{name}`: `{describe_type(found.type)}` → `{describe_type(new[name].type)}`"
            yield Part.INTERFACE, text, not castable(new[name].type, found.type)
    for name, found in new.items():
        if name not in old:
            yield Part.INTERFACE, f"output `{name}: {describe_type(found.type)}` is new", False


def fixed_changes(old: LaunchPlanTemplate, new: LaunchPlanTemplate) -> Iterator[Found]:
    """Yield what changed in the inputs that a launch plan fixes; one that callers gave before was told as gone."""
    for name in sorted(old.fixed.keys() | new.fixed.keys()):
        before, after = old.fixed.get(name), new.fixed.get(name)
        if before is None:
            yield Part.INTERFACE, f"`{name}` is fixed now", False
        elif after is None:
            yield Part.INTERFACE, f"`{name}` is fixed no more", False
        elif before != after:
            yield Part.INTERFACE, f"`{name}` is fixed to another value", False


# --- policies, resources, code ----------------------------------------------------------


def policy_changes(old: TaskMetadata | WorkflowMetadata, new: TaskMetadata | WorkflowMetadata) -> Iterator[Found]:
    """Yield the policies that changed."""
    for field in fields(old):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before != after and field.name not in {"runtime_version", "runtime_flavor"}:
            name = field.name.removesuffix("_ns").replace("_", " ")
            yield Part.POLICIES, f"{name} {policy(field.name, before)} → {policy(field.name, after)}", False


def policy(name: str, value: object) -> str:
    """Return a policy's value for people."""
    if name.endswith("_ns") and isinstance(value, int):
        return f"{value / 1e9:g}s" if value else "none"
    if isinstance(value, Enum):
        return value.name.lower()
    enabled = getattr(value, "enabled", None)
    if enabled is not None:
        return f"on (version {getattr(value, 'version', '') or 'of the code'})" if enabled else "off"
    return repr(value)


def container_changes(old: Container | None, new: Container | None) -> Iterator[Found]:
    """Yield what changed in how a task is run."""
    if old is None or new is None:
        if old is not new:
            yield Part.CODE, "runs in a container now" if old is None else "runs in no container now", False
        return
    if old.image != new.image:
        yield Part.CODE, f"image {old.image} → {new.image}", False
    if (old.command, without_code(old.args)) != (new.command, without_code(new.args)):
        yield Part.CODE, "another command", False
    before, after = code_of(old.args), code_of(new.args)
    if before != after:
        yield Part.CODE, f"code {shortened(before)} → {shortened(after)}", False
    for name in sorted(old.env.keys() | new.env.keys()):
        if old.env.get(name) != new.env.get(name):
            yield Part.POLICIES, f"environment variable {name} differs", False
    yield from resource_changes(old.resources, new.resources)


def resource_changes(old: Resources, new: Resources) -> Iterator[Found]:
    """Yield the quantities that changed."""
    for noun, before, after in (("request", old.requests, new.requests), ("limit", old.limits, new.limits)):
        for name in sorted(before.keys() | after.keys()):
            one, other = before.get(name, "none"), after.get(name, "none")
            if one != other:
                yield Part.RESOURCES, f"{name.name.lower().replace('_', ' ')} {noun} {one} → {other}", False


def code_of(args: tuple[str, ...]) -> str:
    """Return the digest of the code bundle that a command names; empty for none."""
    return args[args.index("--code") + 1] if "--code" in args[:-1] else ""


def without_code(args: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command without its code bundle."""
    if "--code" not in args:
        return args
    at = args.index("--code")
    return (*args[:at], *args[at + 2 :])


def shortened(digest: str) -> str:
    """Return the first letters of a digest."""
    return digest.removeprefix("sha256:")[:12] or "none"
