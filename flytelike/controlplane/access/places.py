"""The places that a request names, wherever in it they stand.

What a message may hold is known from its type, so that only those parts are looked at in which a place can be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from flytelike.controlplane.access.roles import Place


@dataclass(frozen=True, slots=True)
class _Plan:
    """Of a type of messages: whether it names a place itself, and the fields below which one may be named."""

    project: bool
    domain: bool
    single: tuple[str, ...]
    many: tuple[str, ...]
    mapped: tuple[str, ...]


def places_in(message: Message) -> Iterator[Place]:
    """Yield the places named in a message, with repetitions; what names no project is left out."""
    plan = _plan(message.DESCRIPTOR)
    if plan.project:
        project: str = getattr(message, "project")  # noqa: B009 - a field of some messages
        if project:
            yield Place(project, getattr(message, "domain") if plan.domain else "")  # noqa: B009 - as above
    for name in plan.single:
        if message.HasField(name):
            yield from places_in(getattr(message, name))
    for name in plan.many:
        for item in getattr(message, name):
            yield from places_in(item)
    for name in plan.mapped:
        for item in getattr(message, name).values():
            yield from places_in(item)


def names_places(descriptor: Descriptor) -> bool:
    """Tell whether messages of a type can name a place."""
    plan = _plan(descriptor)
    return plan.project or bool(plan.single or plan.many or plan.mapped)


@cache
def _plan(descriptor: Descriptor) -> _Plan:
    single, many, mapped = [], [], []
    for field in descriptor.fields:
        inner = _inner(field)
        if inner is None or not _reaches(inner):
            continue
        if not field.is_repeated:
            single.append(field.name)
        elif _is_map(field):
            mapped.append(field.name)
        else:
            many.append(field.name)
    return _Plan(
        _is_text(descriptor, "project"), _is_text(descriptor, "domain"), tuple(single), tuple(many), tuple(mapped)
    )


@cache
def _closure(descriptor: Descriptor) -> frozenset[Descriptor]:
    """Return the types that a type may hold, itself included."""
    seen: set[Descriptor] = set()
    waiting = [descriptor]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        waiting.extend(inner for field in one.fields if (inner := _inner(field)) is not None)
    return frozenset(seen)


def _reaches(descriptor: Descriptor) -> bool:
    return any(_is_text(one, "project") for one in _closure(descriptor))


def _inner(field: FieldDescriptor) -> Descriptor | None:
    """Return the type of the messages of a field; for a map, that of its values."""
    message = field.message_type
    if message is None:
        return None
    if _is_map(field):
        value: Descriptor | None = message.fields_by_name["value"].message_type
        return value
    return message


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _is_text(descriptor: Descriptor, name: str) -> bool:
    field = descriptor.fields_by_name.get(name)
    return field is not None and field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated
