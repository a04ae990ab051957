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
from flytelike.types.structured.dataset import StructuredDataset
from flytelike.types.structured.frames import kind_of
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
    list: {"type": "array"},
}

PATH: dict[str, Json] = {"anyOf": [{"type": "string"}, {"type": "string", "format": "path"}], "default": None}
METADATA: dict[str, Json] = {
    "anyOf": [
        {"type": "object", "additionalProperties": {"type": "string"}, "propertyNames": {"type": "string"}},
        {"type": "null"},
    ],
    "default": None,
}
TEXT_OR_NULL: list[Json] = [{"type": "string"}, {"type": "null"}]
STORED: tuple[tuple[type, str, dict[str, Json]], ...] = (
    (FlyteFile, "FlyteFile", {"path": PATH, "metadata": METADATA}),
    (FlyteDirectory, "FlyteDirectory", {"path": PATH}),
    (
        StructuredDataset,
        "StructuredDataset",
        {"uri": {"anyOf": TEXT_OR_NULL, "default": None}, "file_format": {"anyOf": TEXT_OR_NULL, "default": ""}},
    ),
)
"""What documents say of files, folders and tables: class, title, properties."""


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
    try:
        return {"default": json_of(value)}
    except TypeError:
        return {}


def json_of(value: Any) -> Json:  # noqa: ANN401 - any default
    """Return a default as a document has it; raises TypeError where it has none."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Enum():
            return json_of(value.value)
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: json_of(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            raise TypeError


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
        key, inner = (of_hint(argument, fields, seen) for argument in arguments)
        return {"type": "object", "additionalProperties": inner, "propertyNames": key}
    if origin in {typing.Union, types.UnionType}:
        return {"anyOf": [of_hint(inner, fields, seen) for inner in arguments]}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    return of_class(hint)


def of_class(hint: Any) -> dict[str, Json]:  # noqa: ANN401 - any annotation
    """Return the schema of a class that is no dataclass."""
    if isinstance(hint, type):
        if issubclass(hint, Enum):
            return {"enum": [member.value for member in hint]}
        for kind, title, properties in STORED:
            if issubclass(hint, kind) or (kind is StructuredDataset and kind_of(hint)):
                return {"type": "object", "title": title, "properties": properties, "additionalProperties": False}
    return {"type": "object", "title": getattr(hint, "__name__", str(hint))}
