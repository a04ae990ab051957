"""JSON schemas of records, in the form that the stock SDK writes for dataclasses."""

import dataclasses
import types
import typing
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

from flytelike.model.types import Json
from flytelike.types.annotated import bare, origin_of
from flytelike.types.directory import FlyteDirectory
from flytelike.types.file import FlyteFile
from flytelike.types.pydantic_model import inlined, is_model, schema_of_model
from flytelike.types.records import NO_DEFAULT, is_record, record_of
from flytelike.types.stored_schema import stored_schema
from flytelike.types.structured.dataset import StructuredDataset
from flytelike.types.structured.frames import kind_of
from flytelike.types.transformer import Hint

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

STORED = (FlyteFile, FlyteDirectory, StructuredDataset)


def schema_of(hint: Hint) -> dict[str, Json]:
    """Return the schema of a record."""
    return of_record(hint, ())


def of_record(hint: Hint, seen: tuple[Hint, ...]) -> dict[str, Json]:
    """Return the schema of a record inside of others; one inside itself is an object of any kind."""
    record = record_of(hint)
    assert record is not None
    if hint in seen:
        return {"type": "object", "title": record.title}
    properties: dict[str, Json] = {}
    required: list[Json] = []
    for name, field in record.fields.items():
        found = of_hint(field.hint, (*seen, hint))
        if field.default is not NO_DEFAULT:
            found = {**found, **default_of(field.default)}
        elif field.required:
            required.append(name)
        properties[name] = found
    schema: dict[str, Json] = {
        "type": "object",
        "title": record.title,
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


def of_hint(hint: Hint, seen: tuple[Hint, ...]) -> dict[str, Json]:
    """Return the schema of an annotation."""
    hint = bare(hint)
    origin, arguments = origin_of(hint), typing.get_args(hint)
    if hint in SIMPLE:
        return dict(SIMPLE[hint])
    if is_record(hint):
        return of_record(hint, seen)
    if origin is list:
        return {"type": "array", "items": of_hint(arguments[0], seen)}
    if origin is dict:
        key, inner = (of_hint(argument, seen) for argument in arguments)
        return {"type": "object", "additionalProperties": inner, "propertyNames": key}
    if origin in {typing.Union, types.UnionType}:
        return {"anyOf": [of_hint(inner, seen) for inner in arguments]}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    return of_class(hint)


def of_class(hint: Any) -> dict[str, Json]:  # noqa: ANN401 - any annotation
    """Return the schema of a class that is no dataclass."""
    if isinstance(hint, type):
        if issubclass(hint, Enum):
            return {"enum": [member.value for member in hint]}
        if kind_of(hint):
            return stored_schema(StructuredDataset.__name__)
        for stored in STORED:
            if issubclass(hint, stored):
                return stored_schema(stored.__name__)
        if is_model(hint):
            return inlined(schema_of_model(hint))
    return {"type": "object", "title": getattr(hint, "__name__", str(hint))}
