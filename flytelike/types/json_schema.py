"""JSON schemas of dataclasses, in the form that the stock SDK writes."""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

from flytelike.model.types import Json
from flytelike.types.annotated import bare, origin_of
from flytelike.types.directory import FlyteDirectory
from flytelike.types.file import FlyteFile
from flytelike.types.transformer import Hint

Fields = Callable[[type], Mapping[str, Hint]]

SIMPLE: dict[Hint, dict[str, Json]] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    timedelta: {"type": "number", "format": "time-delta"},
    dict: {"type": "object"},
}

BLOB: dict[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "path": {"anyOf": [{"type": "string"}, {"type": "string", "format": "path"}], "default": None},
        "metadata": {
            "anyOf": [
                {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "propertyNames": {"type": "string"},
                },
                {"type": "null"},
            ],
            "default": None,
        },
    },
}


def schema_of(cls: type, fields: Fields) -> dict[str, Json]:
    """Return the schema of a dataclass; `fields` gives a dataclass's annotations."""
    return of_dataclass(cls, fields, ())


def of_dataclass(cls: type, fields: Fields, seen: tuple[type, ...]) -> dict[str, Json]:
    """Return the schema of a dataclass inside of others; one inside itself is an object of any kind."""
    if cls in seen:
        return {"type": "object", "title": cls.__name__}
    defaults = {field.name: field for field in dataclasses.fields(cls)}
    properties: dict[str, Json] = {}
    required: list[Json] = []
    for name, hint in fields(cls).items():
        found = of_hint(hint, fields, (*seen, cls))
        field = defaults[name]
        if field.default is not dataclasses.MISSING:
            found = {**found, **default_of(field.default)}
        elif field.default_factory is dataclasses.MISSING:
            required.append(name)
        properties[name] = found
    schema: dict[str, Json] = {
        "type": "object",
        "title": cls.__name__,
        "properties": properties,
        "additionalProperties": False,
    }
    return {**schema, "required": required} if required else schema


def default_of(value: object) -> dict[str, Json]:
    """Return the `default` of a field, where JSON has the value."""
    if isinstance(value, Enum):
        return {"default": value.value}
    return {"default": value} if value is None or isinstance(value, bool | int | float | str) else {}


def of_hint(hint: Hint, fields: Fields, seen: tuple[type, ...]) -> dict[str, Json]:
    """Return the schema of an annotation."""
    hint = bare(hint)
    origin, arguments = origin_of(hint), typing.get_args(hint)
    if hint in SIMPLE:
        return dict(SIMPLE[hint])
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return of_dataclass(hint, fields, seen)
    if origin is list:
        return {"type": "array", "items": of_hint(arguments[0], fields, seen)}
    if origin is dict:
        inner = of_hint(arguments[1], fields, seen)
        return {"type": "object", "additionalProperties": inner, "propertyNames": {"type": "string"}}
    if origin in {typing.Union, types.UnionType}:
        return {"anyOf": [of_hint(inner, fields, seen) for inner in arguments]}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    if isinstance(hint, type) and issubclass(hint, FlyteFile | FlyteDirectory):
        return {**BLOB, "title": hint.__name__}
    return of_other(hint)


def of_other(hint: Any) -> dict[str, Json]:  # noqa: ANN401 - any annotation
    """Return the schema of what JSON knows nothing about: an object named for its class."""
    return {"type": "object", "title": getattr(hint, "__name__", str(hint))}
