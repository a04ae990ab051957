"""What differs between what is registered and what was sent, for people: one line a change."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from google.protobuf.message import Message

from flytelike.codec.digest import without_spans
from flytelike.codec.parse import parse
from flytelike.controlplane.compiling import Prepared
from flytelike.controlplane.repository.rows import EntityRow
from flytelike.model.ids import ResourceKind
from flytelike.storage import Store
from flytelike_idl.admin import launch_plan_pb2
from flytelike_idl.core import compiler_pb2

LINES_MAX = 20
VALUE_CHARACTERS_MAX = 60


def difference_lines(store: Store, row: EntityRow, prepared: Prepared) -> tuple[str, ...]:
    """Return what differs between a registered version and the one that was sent."""
    new = prepared.entity
    match new.id.kind:
        case ResourceKind.TASK:
            old_message: Message = parse(compiler_pb2.CompiledTask, row.body).template
            new_message: Message = parse(compiler_pb2.CompiledTask, new.body).template
        case ResourceKind.WORKFLOW:
            old_message = parse(compiler_pb2.CompiledWorkflowClosure, store.get(row.closure_uri))
            new_message = parse(compiler_pb2.CompiledWorkflowClosure, prepared.closure)
        case _:
            old_message = parse(launch_plan_pb2.LaunchPlan, row.body).spec
            new_message = parse(launch_plan_pb2.LaunchPlan, new.body).spec
    return difference(old_message, new_message)


def difference(old: Message, new: Message) -> tuple[str, ...]:
    """Return the differences of two messages of one kind, source spans apart; a long list is cut."""
    lines = list(islice(_messages(without_spans(old), without_spans(new), ""), LINES_MAX + 1))
    return (*lines[:LINES_MAX], "...") if len(lines) > LINES_MAX else tuple(lines)


def _messages(old: Message, new: Message, path: str) -> Iterator[str]:
    for field in old.DESCRIPTOR.fields:
        step = f"{path}.{field.name}" if path else field.name
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before == after and (not field.has_presence or old.HasField(field.name) == new.HasField(field.name)):
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            yield from _keyed(dict(before), dict(after), step)
        elif field.is_repeated:
            yield from _repeated(before, after, step)
        elif field.message_type is not None:
            yield from _single(field.name, old, new, step)
        else:
            yield f"{step}: {_shown(before)} -> {_shown(after)}"


def _single(name: str, old: Message, new: Message, path: str) -> Iterator[str]:
    if not old.HasField(name):
        yield f"{path}: added {_shown(getattr(new, name))}"
    elif not new.HasField(name):
        yield f"{path}: removed {_shown(getattr(old, name))}"
    else:
        yield from _messages(getattr(old, name), getattr(new, name), path)


def _repeated(old: Sequence[object], new: Sequence[object], path: str) -> Iterator[str]:
    """Compare lists: by name where their items have one, else by position."""
    if not any(isinstance(item, Message) for item in (*old, *new)):
        yield f"{path}: {_shown(list(old))} -> {_shown(list(new))}"
        return
    yield from _keyed(_by_name(old), _by_name(new), path)


def _keyed(old: Mapping[object, object], new: Mapping[object, object], path: str) -> Iterator[str]:
    for key in [*old, *(key for key in new if key not in old)]:
        step = f"{path}[{key}]"
        before, after = old.get(key), new.get(key)
        if before is None:
            yield f"{step}: added {_shown(after)}"
        elif after is None:
            yield f"{step}: removed {_shown(before)}"
        elif isinstance(before, Message) and isinstance(after, Message):
            yield from _messages(before, after, step)
        elif before != after:
            yield f"{step}: {_shown(before)} -> {_shown(after)}"


def _by_name(items: Sequence[object]) -> dict[object, object]:
    return {_name(item) or index: item for index, item in enumerate(items)}


def _name(item: object) -> str:
    """Return what tells an item from its neighbours: a node's id, a binding's variable, a key, an entity's name."""
    for attribute in ("id", "var", "key", "name"):
        value = getattr(item, attribute, "")
        if isinstance(value, str) and value:
            return value
        if name := getattr(value, "name", ""):
            return str(name)
    template = getattr(item, "template", None)
    return _name(template) if template is not None else ""


def _shown(value: object) -> str:
    text = " ".join(str(value).split()) if isinstance(value, Message) else repr(value)
    text = text or "{}"
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[: VALUE_CHARACTERS_MAX - 3] + "..."
