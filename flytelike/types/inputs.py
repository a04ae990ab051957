"""Literals from what people type: JSON, YAML and flags, by literal type alone; and back for printing.

Registered entities are executed without their Python code, so everything here is driven
by the literal type (and, for STRUCT, its JSON schema). All faults are collected, each with
the path to it.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, assert_never

import msgpack

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.literals import (
    VOID,
    Binary,
    Blob,
    Collection,
    ErrorValue,
    GenericStruct,
    Instant,
    Literal,
    Map,
    Offloaded,
    Primitive,
    SchemaValue,
    Span,
    StructuredDataset,
    UnionValue,
    Void,
)
from flytelike.model.types import (
    BlobType,
    CollectionType,
    EnumType,
    Json,
    JsonText,
    LiteralType,
    MapType,
    SchemaType,
    SimpleKind,
    SimpleType,
    StructuredDatasetType,
    UnionType,
)
from flytelike.types.primitives import EPOCH, INT64_MAX, instant, span

Outcome = Literal | list[Diagnostic]

DURATION = re.compile(
    r"(?P<sign>-)?P?T?(?:(?P<d>\d+(?:\.\d+)?)d)?T?(?:(?P<h>\d+(?:\.\d+)?)h)?"
    r"(?:(?P<m>\d+(?:\.\d+)?)m)?(?:(?P<s>\d+(?:\.\d+)?)s)?",
    re.IGNORECASE,
)


def parse_text(text: str, kind: LiteralType, path: str = "$") -> Outcome:
    """Return the literal that one flag's text gives, or its faults.

    Strings, dates, durations, enums and uris are taken as they stand; everything else is
    JSON (`[1, 2]`, `{"a": 1}`, `true`).
    """
    if takes_text(kind.kind):
        return literal_from_json(text, kind, path)
    if isinstance(kind.kind, UnionType):
        return text_of_union(text, kind.kind, path)
    try:
        value = json.loads(text)
    except ValueError:
        return fault(path, f"expected {expected(kind)}, got {text!r}")
    return literal_from_json(value, kind, path)


def takes_text(kind: object) -> bool:
    """Tell whether a flag's text is the value itself."""
    return isinstance(kind, EnumType | BlobType | StructuredDatasetType | SchemaType) or (
        isinstance(kind, SimpleType) and kind.simple in {SimpleKind.STRING, SimpleKind.DATETIME, SimpleKind.DURATION}
    )


def text_of_union(text: str, union: UnionType, path: str) -> Outcome:
    """Return the literal of the first variant that takes the text; those that take any text come last."""
    for variant in sorted(union.variants, key=lambda found: takes_text(found.kind)):
        outcome = parse_text(text, variant, path)
        if not isinstance(outcome, list):
            return Literal(UnionValue(outcome, variant))
    return fault(path, f"expected {expected(LiteralType(union))}, got {text!r}")


def literal_from_json(
    value: Any,  # noqa: ANN401 - JSON or YAML
    kind: LiteralType,
    path: str = "$",
) -> Outcome:
    """Return the literal that JSON or YAML data give, or all faults with their paths."""
    match kind.kind:
        case SimpleType(simple):
            return simple_literal(value, simple, kind, path)
        case EnumType(values):
            return Literal(Primitive(value)) if value in values else fault(path, wrong(kind, value))
        case CollectionType(element):
            return collection(value, element, kind, path)
        case MapType(inner):
            return mapping(value, inner, kind, path)
        case UnionType(variants):
            for variant in variants:
                outcome = literal_from_json(value, variant, path)
                if not isinstance(outcome, list):
                    return Literal(UnionValue(outcome, variant))
            return fault(path, wrong(kind, value))
        case BlobType() | StructuredDatasetType() | SchemaType() if not isinstance(value, str):
            return fault(path, wrong(kind, value))
        case BlobType() as blob:
            return Literal(Blob(located(value), blob))
        case StructuredDatasetType() as table:
            form = StructuredDatasetType(table.columns, table.format or "parquet")
            return Literal(StructuredDataset(located(value), form))
        case SchemaType() as schema:
            return Literal(SchemaValue(located(value), schema))
        case _ as never:
            assert_never(never)


def simple_literal(value: Any, simple: SimpleKind, kind: LiteralType, path: str) -> Outcome:  # noqa: ANN401
    """Return the literal of a simple type."""
    match simple:
        case SimpleKind.INTEGER if type(value) is int and -INT64_MAX - 1 <= value <= INT64_MAX:
            return Literal(Primitive(value))
        case SimpleKind.FLOAT if type(value) in {int, float}:
            return Literal(Primitive(float(value)))
        case SimpleKind.STRING if isinstance(value, str):
            return Literal(Primitive(value))
        case SimpleKind.BOOLEAN if isinstance(value, bool):
            return Literal(Primitive(value))
        case SimpleKind.NONE if value is None:
            return VOID
        case SimpleKind.DATETIME if (found := moment(value)) is not None:
            return Literal(Primitive(found))
        case SimpleKind.DURATION if (length := duration(value)) is not None:
            return Literal(Primitive(length))
        case SimpleKind.STRUCT if isinstance(value, dict):
            return document(value, kind, path)
        case _:
            return fault(path, wrong(kind, value))


def document(value: dict[str, Any], kind: LiteralType, path: str) -> Outcome:
    """Return the msgpack literal of a document that its schema accepts."""
    faults: list[Diagnostic] = []
    if kind.metadata:
        checked(value, json.loads(kind.metadata), path, faults)
    return faults or Literal(Binary(bytes(msgpack.packb(value)), "msgpack"))


def checked(value: Any, schema: Mapping[str, Any], path: str, faults: list[Diagnostic]) -> None:  # noqa: ANN401
    """Collect what in a value does not fit a JSON schema of the form that dataclasses have."""
    if "anyOf" in schema:
        if not any(accepts(value, option) for option in schema["anyOf"]):
            faults.extend(fault(path, f"expected {schema_name(schema)}, got {value!r}"))
    elif "enum" in schema:
        if value not in schema["enum"]:
            faults.extend(fault(path, f"expected {schema_name(schema)}, got {value!r}"))
    elif not of_json_type(value, schema.get("type", "")):
        faults.extend(fault(path, f"expected {schema_name(schema)}, got {value!r}"))
    elif isinstance(value, dict):
        checked_object(value, schema, path, faults)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            checked(item, schema.get("items", {}), f"{path}[{index}]", faults)


def checked_object(value: dict[str, Any], schema: Mapping[str, Any], path: str, faults: list[Diagnostic]) -> None:
    """Collect what in an object does not fit."""
    properties = schema.get("properties", {})
    other = schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if name not in value:
            faults.extend(fault(path, f"the field `{name}` is missing"))
    for name, item in value.items():
        if name in properties:
            checked(item, properties[name], f"{path}.{name}", faults)
        elif isinstance(other, dict):
            checked(item, other, f"{path}[{name!r}]", faults)
        elif other is False:
            known = ", ".join(properties)
            faults.extend(fault(f"{path}.{name}", f"there is no such field; the fields are {known}"))


def accepts(value: Any, schema: Mapping[str, Any]) -> bool:  # noqa: ANN401 - JSON
    """Tell whether a schema accepts a value."""
    faults: list[Diagnostic] = []
    checked(value, schema, "$", faults)
    return not faults


def of_json_type(value: Any, name: str) -> bool:  # noqa: ANN401 - JSON
    """Tell whether a value is of a JSON schema's type; an empty name accepts all."""
    match name:
        case "integer":
            return type(value) is int
        case "number":
            return type(value) in {int, float}
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case _:
            return True


def schema_name(schema: Mapping[str, Any]) -> str:
    """Return a schema as its author would write the type."""
    names = {"integer": "int", "number": "float", "string": "str", "boolean": "bool", "null": "None"}
    if "anyOf" in schema:
        return " | ".join(schema_name(option) for option in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(repr(value) for value in schema["enum"])
    kind = schema.get("type", "")
    if kind == "array":
        return f"list[{schema_name(schema.get('items', {}))}]"
    return str(names.get(kind, schema.get("title", "dict" if kind == "object" else "a value")))


def collection(value: Any, element: LiteralType, kind: LiteralType, path: str) -> Outcome:  # noqa: ANN401 - JSON
    """Return a list's literal, or the faults of all its items."""
    if not isinstance(value, list):
        return fault(path, wrong(kind, value))
    outcomes = [literal_from_json(item, element, f"{path}[{index}]") for index, item in enumerate(value)]
    faults = [found for outcome in outcomes if isinstance(outcome, list) for found in outcome]
    return faults or Literal(Collection(tuple(o for o in outcomes if not isinstance(o, list))))


def mapping(value: Any, inner: LiteralType, kind: LiteralType, path: str) -> Outcome:  # noqa: ANN401 - JSON
    """Return a map's literal, or the faults of all its values."""
    if not isinstance(value, dict):
        return fault(path, wrong(kind, value))
    outcomes = {str(key): literal_from_json(item, inner, f"{path}.{key}") for key, item in value.items()}
    faults = [found for outcome in outcomes.values() if isinstance(outcome, list) for found in outcome]
    return faults or Literal(Map({k: o for k, o in outcomes.items() if not isinstance(o, list)}))


def located(text: str) -> str:
    """Return a uri as it is, and a local path made absolute."""
    return text if "://" in text else str(Path(text).expanduser().resolve())


def moment(value: Any) -> Instant | None:  # noqa: ANN401 - JSON or YAML
    """Return the instant of an ISO 8601 text, of `now`, or of a date that YAML has read."""
    if value == "now":
        return instant(datetime.now(UTC))
    if isinstance(value, datetime):
        return instant(value)
    if hasattr(value, "isoformat"):
        value = value.isoformat()
    if not isinstance(value, str):
        return None
    try:
        return instant(datetime.fromisoformat(value))
    except ValueError:
        return None


def duration(value: Any) -> Span | None:  # noqa: ANN401 - JSON or YAML
    """Return the span of `1h30m`, `PT1H30M`, `90s`, or a number of seconds."""
    if type(value) in {int, float}:
        return span(timedelta(seconds=value))
    found = DURATION.fullmatch(value.replace(" ", "")) if isinstance(value, str) else None
    if found is None or not any(found[unit] for unit in "dhms"):
        return None
    seconds = sum(float(found[unit] or 0) * factor for unit, factor in zip("dhms", (86400, 3600, 60, 1), strict=True))
    return span(timedelta(seconds=-seconds if found["sign"] else seconds))


def wrong(kind: LiteralType, value: object) -> str:
    """Return `expected ..., got ...`."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return f"expected {expected(kind)}, got {text if len(text) <= 80 else text[:79] + '…'}"


def expected(kind: LiteralType) -> str:
    """Return a literal type as an author would write it."""
    match kind.kind:
        case SimpleType(simple):
            schema = json.loads(kind.metadata or JsonText("{}"))
            return str(schema.get("title") or NAMES.get(simple, simple.name.lower()))
        case EnumType(values):
            return "one of " + ", ".join(repr(value) for value in values)
        case CollectionType(element):
            return f"list[{expected(element)}]"
        case MapType(inner):
            return f"dict[str, {expected(inner)}]"
        case UnionType(variants):
            return " | ".join(expected(variant) for variant in variants)
        case BlobType(_, multipart):
            return "a folder's path or uri" if multipart else "a file's path or uri"
        case StructuredDatasetType() | SchemaType():
            return "a table's path or uri"
        case _ as never:
            assert_never(never)


NAMES = {
    SimpleKind.INTEGER: "int",
    SimpleKind.FLOAT: "float",
    SimpleKind.STRING: "str",
    SimpleKind.BOOLEAN: "bool",
    SimpleKind.NONE: "None",
    SimpleKind.DATETIME: "a date or time such as 2024-05-01T12:00:00Z",
    SimpleKind.DURATION: "a duration such as 1h30m",
    SimpleKind.STRUCT: "dict",
}


def fault(path: str, text: str) -> list[Diagnostic]:
    """Return the one fault of a value."""
    return [Diagnostic("wrong-input-value", f"{path}: {text}")]


# --- printing -----------------------------------------------------------------------------


def json_from_literal(literal: Literal) -> Json:
    """Return a literal as JSON, for printing; stored data are shown by their uri."""
    match literal.value:
        case Primitive(value):
            return printed(value)
        case Void():
            return None
        case Blob(uri) | StructuredDataset(uri) | SchemaValue(uri) | Offloaded(uri):
            return uri
        case Binary(data, tag):
            found: Json = (
                msgpack.unpackb(data, strict_map_key=False) if tag in {"", "msgpack"} else f"<{len(data)} bytes>"
            )
            return found
        case GenericStruct(text):
            document: Json = json.loads(text or "{}")
            return document
        case UnionValue(inner):
            return json_from_literal(inner)
        case Collection(items):
            return [json_from_literal(item) for item in items]
        case Map(items):
            return {key: json_from_literal(item) for key, item in items.items()}
        case ErrorValue(node, message):
            return {"failed_node": node, "message": message}
        case _ as never:
            assert_never(never)


def printed(value: float | str | bool | Instant | Span) -> Json:
    """Return a primitive as JSON has it."""
    match value:
        case Instant(ns):
            return (EPOCH + timedelta(microseconds=ns // 1000)).isoformat().replace("+00:00", "Z")
        case Span(ns):
            return str(timedelta(microseconds=ns // 1000))
        case _:
            return value
