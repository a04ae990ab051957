"""Literals from what people type: JSON, YAML and flags, by literal type alone.

Registered entities are executed without their Python code, so everything here is driven
by the literal type (and, for STRUCT, its JSON schema). All faults are collected, each with
the path to it.
"""

import json
from pathlib import Path
from typing import Any, assert_never

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.literals import (
    VOID,
    Binary,
    Blob,
    Collection,
    Literal,
    Map,
    Primitive,
    SchemaValue,
    StructuredDataset,
    UnionValue,
)
from flytelike.model.types import (
    BlobType,
    CollectionType,
    EnumType,
    LiteralType,
    MapType,
    SchemaType,
    SimpleKind,
    SimpleType,
    StructuredDatasetType,
    UnionType,
)
from flytelike.types import msgpack_value
from flytelike.types.faults import TypeFault
from flytelike.types.input_schema import Locate, SchemaReader, Stored, below, shown, wrong_value
from flytelike.types.input_times import duration, moment
from flytelike.types.primitives import INT64_MAX
from flytelike.types.printing import json_from_literal

Outcome = Literal | list[Diagnostic]

__all__ = ["Locate", "Outcome", "json_from_literal", "literal_from_json", "located", "parse_text"]


def located(text: str, kind: Stored) -> str:  # noqa: ARG001 - other ways to locate need it
    """Return a uri as it is, and a local path made absolute."""
    return text if "://" in text else str(Path(text).expanduser().absolute())


def literal_from_json(
    value: Any,  # noqa: ANN401 - JSON or YAML
    kind: LiteralType,
    path: str = "$",
    locate: Locate = located,
) -> Outcome:
    """Return the literal that JSON or YAML data give, or all faults with their paths.

    Args:
        value: the data.
        kind: the type wanted.
        path: how faults name the value, such as `$.config`.
        locate: turns what is written for a file, folder or table into its uri; a client of a
            distant server uploads here.
    """
    match kind.kind:
        case SimpleType(simple):
            return simple_literal(value, simple, kind, path, locate)
        case EnumType(values):
            return Literal(Primitive(value)) if value in values else wrong(path, kind, value)
        case CollectionType(element):
            if not isinstance(value, list):
                return wrong(path, kind, value)
            return gathered([literal_from_json(x, element, f"{path}[{i}]", locate) for i, x in enumerate(value)])
        case MapType(inner):
            if not isinstance(value, dict):
                return wrong(path, kind, value)
            outcomes = [literal_from_json(item, inner, below(path, key), locate) for key, item in value.items()]
            items = gathered(outcomes)
            if isinstance(items, list):
                return items
            assert isinstance(items.value, Collection)
            return Literal(Map(dict(zip(map(str, value), items.value.items, strict=True))))
        case UnionType(variants):
            return of_union(value, kind, variants, path, locate)
        case BlobType() | StructuredDatasetType() | SchemaType() as stored:
            return stored_literal(value, stored, kind, path, locate)
        case _ as never:
            assert_never(never)


def parse_text(text: str, kind: LiteralType, path: str = "$", locate: Locate = located) -> Outcome:
    """Return the literal that one flag's text gives, or its faults.

    Strings, dates, durations, enums and uris are taken as they stand; everything else is
    JSON (`[1, 2]`, `{"a": 1}`, `true`).
    """
    if isinstance(kind.kind, UnionType):
        return text_of_union(text, kind, kind.kind.variants, path, locate)
    if rank_of_text(kind) > 0:
        return literal_from_json(text, kind, path, locate)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = words(text, kind)
    return literal_from_json(value, kind, path, locate)


def words(text: str, kind: LiteralType) -> Any:  # noqa: ANN401 - JSON
    """Return what a text that is no JSON means: `True`, `nan`, `1_000`, or itself."""
    match kind.kind:
        case SimpleType(SimpleKind.BOOLEAN) if text.lower() in {"true", "false"}:
            return text.lower() == "true"
        case SimpleType(SimpleKind.NONE) if text.lower() == "none":
            return None
        case SimpleType(SimpleKind.FLOAT | SimpleKind.INTEGER as simple):
            try:
                return int(text) if simple is SimpleKind.INTEGER else float(text)
            except ValueError:
                return text
        case _:
            return text


def rank_of_text(kind: LiteralType) -> int:
    """Return 0 for types whose text is JSON, else how late in a union they are tried: those that take all come last."""
    match kind.kind:
        case EnumType():
            return 1
        case SimpleType(SimpleKind.DATETIME | SimpleKind.DURATION):
            return 2
        case BlobType() | StructuredDatasetType() | SchemaType():
            return 3
        case SimpleType(SimpleKind.STRING):
            return 4
        case _:
            return 0


def text_of_union(
    text: str, kind: LiteralType, variants: tuple[LiteralType, ...], path: str, locate: Locate
) -> Outcome:
    """Return the literal of the first variant that takes the text; `3` is an int before it is a float."""
    attempts: list[list[Diagnostic]] = []
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    for variant in sorted(variants, key=lambda found: (rank_of_text(found), not exactly_of(value, found))):
        outcome = parse_text(text, variant, path, locate)
        if not isinstance(outcome, list):
            return Literal(UnionValue(outcome, variant))
        if text[:1] in {"{", "["} and shape_of(variant) == {"{": dict, "[": list}[text[0]]:
            attempts.append(outcome)
    return attempts[0] if len(attempts) == 1 else wrong(path, kind, text)


def of_union(
    value: Any,  # noqa: ANN401 - JSON
    kind: LiteralType,
    variants: tuple[LiteralType, ...],
    path: str,
    locate: Locate,
) -> Outcome:
    """Return the literal of the first variant that takes the data; one of exactly its type goes first."""
    attempts: list[list[Diagnostic]] = []
    for variant in sorted(variants, key=lambda found: (not exactly_of(value, found), rank_of_text(found))):
        outcome = literal_from_json(value, variant, path, locate)
        if not isinstance(outcome, list):
            return Literal(UnionValue(outcome, variant))
        if shape_of(variant) is type(value):
            attempts.append(outcome)
    # Where only one variant has the data's shape, what is wrong inside says more.
    return attempts[0] if len(attempts) == 1 else wrong(path, kind, value)


def exactly_of(value: Any, kind: LiteralType) -> bool:  # noqa: ANN401 - JSON
    """Tell whether a number or truth value is of just this type: 1 is a float too, but exactly an integer."""
    exact = {bool: SimpleKind.BOOLEAN, int: SimpleKind.INTEGER, float: SimpleKind.FLOAT}
    return isinstance(kind.kind, SimpleType) and exact.get(type(value)) is kind.kind.simple


def shape_of(kind: LiteralType) -> type | None:
    """Return whether a type is written as an object or a list; None for neither."""
    match kind.kind:
        case CollectionType():
            return list
        case MapType() | SimpleType(SimpleKind.STRUCT):
            return dict
        case _:
            return None


def gathered(outcomes: list[Outcome]) -> Outcome:
    """Return the collection of all literals, or the faults of all."""
    faults = [found for outcome in outcomes if isinstance(outcome, list) for found in outcome]
    return faults or Literal(Collection(tuple(o for o in outcomes if not isinstance(o, list))))


def simple_literal(
    value: Any,  # noqa: ANN401 - JSON
    simple: SimpleKind,
    kind: LiteralType,
    path: str,
    locate: Locate,
) -> Outcome:
    """Return the literal of a simple type."""
    match simple:
        case SimpleKind.INTEGER if type(value) is int and -INT64_MAX - 1 <= value <= INT64_MAX:
            found = Primitive(value)
        case SimpleKind.FLOAT if type(value) is float or (type(value) is int and abs(value) < 2**1000):
            found = Primitive(float(value))
        case SimpleKind.STRING if isinstance(value, str):
            found = Primitive(value)
        case SimpleKind.BOOLEAN if isinstance(value, bool):
            found = Primitive(value)
        case SimpleKind.NONE if value is None:
            return VOID
        case SimpleKind.DATETIME if (at := moment(value)) is not None:
            found = Primitive(at)
        case SimpleKind.DURATION if (span := duration(value)) is not None:
            found = Primitive(span)
        case SimpleKind.STRUCT if isinstance(value, dict):
            return document(value, kind, path, locate)
        case _:
            return wrong(path, kind, value)
    choices = constants(kind)
    return wrong(path, kind, value) if choices and found.value not in choices else Literal(found)


def document(value: dict[str, Any], kind: LiteralType, path: str, locate: Locate) -> Outcome:
    """Return the msgpack literal of a document that its schema accepts."""
    schema = json.loads(kind.metadata or "{}")
    reader = SchemaReader(schema, locate)
    plain = reader.read(value, schema, path)
    if reader.faults:
        return reader.faults
    try:
        return Literal(Binary(msgpack_value.packed(plain, dict), "msgpack"))
    except TypeFault as fault:
        return [wrong_value(path, found.headline) for found in fault.diagnostics]


def stored_literal(
    value: Any,  # noqa: ANN401 - JSON
    stored: Stored,
    kind: LiteralType,
    path: str,
    locate: Locate,
) -> Outcome:
    """Return the literal of a file, folder or table that is named by path or uri."""
    if not isinstance(value, str) or not value:
        return wrong(path, kind, value)
    try:
        uri = locate(value, stored)
    except (ValueError, OSError) as error:
        return [wrong_value(path, str(error))]
    match stored:
        case BlobType():
            return Literal(Blob(uri, stored))
        case StructuredDatasetType():
            return Literal(StructuredDataset(uri, StructuredDatasetType(stored.columns, stored.format or "parquet")))
        case SchemaType():
            return Literal(SchemaValue(uri, stored))
        case _ as never:
            assert_never(never)


def wrong(path: str, kind: LiteralType, value: object) -> list[Diagnostic]:
    """Return the one fault `expected ..., got ...`."""
    return [wrong_value(path, f"expected {expected(kind)}, got {shown(value)}")]


def constants(kind: LiteralType) -> list[Any]:
    """Return the values to choose from that the annotation of `Literal["a", "b"]` lists; empty for all."""
    found = json.loads(kind.annotation).get("literal_values", []) if kind.annotation else []
    return found if isinstance(found, list) else []


def expected(kind: LiteralType) -> str:
    """Return a literal type as an author would write it."""
    match kind.kind:
        case SimpleType(simple):
            if choices := constants(kind):
                return "one of " + ", ".join(repr(value) for value in choices)
            schema = json.loads(kind.metadata or "{}")
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
