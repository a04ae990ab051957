"""The digest that names a message's content."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from flytelike.codec.parse import serialise
from flytelike.model.ids import Digest

_SPAN = "flytelike.core.SourceSpan"

M = TypeVar("M", bound=Message)


def digest_of(message: Message) -> Digest:
    """Return the SHA-256 of what `message` says.

    The order of map entries doesn't matter, and source spans don't count. The message is
    left as it is.
    """
    return Digest(f"sha256:{hashlib.sha256(serialise(without_spans(message))).hexdigest()}")


def without_spans(message: M) -> M:
    """Return a copy of `message` in which no source span is set."""
    copy = type(message)()
    copy.CopyFrom(message)
    _clear(copy)
    return copy


def _clear(message: Message) -> None:
    spans, others = _plan(message.DESCRIPTOR)
    for name in spans:
        message.ClearField(name)
    for name, repeated in others:
        if repeated:
            for item in _items(getattr(message, name)):
                _clear(item)
        elif message.HasField(name):
            _clear(getattr(message, name))


def _items(field: Mapping[object, Message] | Iterable[Message]) -> Iterable[Message]:
    return field.values() if isinstance(field, Mapping) else field


@cache
def _plan(kind: Descriptor) -> tuple[tuple[str, ...], tuple[tuple[str, bool], ...]]:
    """Return the span fields of a message, and the fields below which there may be more."""
    spans: list[str] = []
    others: list[tuple[str, bool]] = []
    for field in kind.fields:
        below = _value_type(field)
        if below is None:
            continue
        if below.full_name == _SPAN:
            spans.append(field.name)
        elif _holds_spans(below, ()):
            others.append((field.name, field.is_repeated))
    return tuple(spans), tuple(others)


def _value_type(field: FieldDescriptor) -> Descriptor | None:
    """Return the message type of a field, or of a map's values."""
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        return kind.fields_by_name["value"].message_type
    return kind


def _holds_spans(kind: Descriptor, above: tuple[str, ...]) -> bool:
    """Tell whether there may be a span somewhere below a message."""
    if kind.full_name == _SPAN:
        return True
    if kind.full_name in above:
        return False
    inner = (_value_type(field) for field in kind.fields)
    return any(_holds_spans(found, (*above, kind.full_name)) for found in inner if found is not None)
