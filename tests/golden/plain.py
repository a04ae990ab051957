"""Dataclasses as JSON that people can read: a class by its name, with the fields that differ from their defaults.

A field that is added later with a default is not seen in what was written before: that is why old files stay true.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any, TypeAlias, get_type_hints

from flytelike.model import caching, failure
from propeller.core import events, header

Plain: TypeAlias = "None | bool | int | float | str | list[Plain] | dict[str, Plain]"

_READABLE = {
    kind.__name__: kind
    for module in (events, failure, caching, header)
    for kind in vars(module).values()
    if isinstance(kind, type) and is_dataclass(kind)
}


def to_plain(value: object) -> Plain:
    """Return a value of the core as JSON."""
    if isinstance(value, Enum):
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        told = {it.name: to_plain(getattr(value, it.name)) for it in fields(value) if not _usual(it, value)}
        return {type(value).__name__: told}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} cannot be kept in a golden file")


def from_plain(told: Any) -> Any:  # noqa: ANN401 - whatever `to_plain` was given
    """Return an event, a failure, a note or limits out of JSON."""
    if isinstance(told, list):
        return tuple(map(from_plain, told))
    if isinstance(told, dict) and len(told) == 1 and (name := next(iter(told))) in _READABLE:
        kind = _READABLE[name]
        hints = get_type_hints(kind)
        return kind(**{field: _field(hints[field], item) for field, item in told[name].items()})
    return told


def _field(hint: object, told: Any) -> Any:  # noqa: ANN401 - whatever the field holds
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint[told]
    return from_plain(told)


def _usual(field: "Field[Any]", value: object) -> bool:
    found = getattr(value, field.name)
    if field.default_factory is not MISSING:
        return bool(found == field.default_factory())
    return field.default is not MISSING and type(found) is type(field.default) and found == field.default
