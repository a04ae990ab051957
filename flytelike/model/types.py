"""Literal types: the types of what flows between nodes.

A `LiteralType` is one kind plus three annotations that Flyte's messages carry along. The
annotations that hold free-form JSON are kept as canonical JSON text (sorted keys, no
spaces), so that types stay hashable and compare by value.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NewType, TypeAlias

JsonText = NewType("JsonText", str)
"""Canonical JSON text; the empty string stands for absent."""

NO_JSON = JsonText("")

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def json_text(value: Mapping[str, Json] | None) -> JsonText:
    """Return the canonical text of a JSON object; `""` for None.

    Integral floats are written as integers, since `google.protobuf.Struct` keeps all
    numbers as doubles and both must read the same.
    """
    if value is None:
        return NO_JSON
    return JsonText(json.dumps(_integral(dict(value)), sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def _integral(value: Json) -> Json:
    match value:
        case float() if value.is_integer() and abs(value) < 2**53:
            return int(value)
        case list():
            return [_integral(item) for item in value]
        case dict():
            return {key: _integral(item) for key, item in value.items()}
        case _:
            return value


class SimpleKind(IntEnum):
    """Types without parameters; values are those of `flyteidl.core.SimpleType`."""

    NONE = 0
    INTEGER = 1
    FLOAT = 2
    STRING = 3
    BOOLEAN = 4
    DATETIME = 5
    DURATION = 6
    BINARY = 7
    ERROR = 8
    STRUCT = 9


@dataclass(frozen=True, slots=True)
class SimpleType:
    """A type without parameters."""

    simple: SimpleKind


@dataclass(frozen=True, slots=True)
class CollectionType:
    """A list."""

    element: "LiteralType"


@dataclass(frozen=True, slots=True)
class MapType:
    """A map from strings."""

    value: "LiteralType"


@dataclass(frozen=True, slots=True)
class BlobType:
    """A file, or with `multipart` a folder. `format` is a hint such as `csv`; empty means any."""

    format: str = ""
    multipart: bool = False


class ColumnKind(IntEnum):
    """Column types of a `SchemaType`."""

    INTEGER = 0
    FLOAT = 1
    STRING = 2
    BOOLEAN = 3
    DATETIME = 4
    DURATION = 5


@dataclass(frozen=True, slots=True)
class SchemaType:
    """Flyte's older table type: named columns of simple types, in order."""

    columns: tuple[tuple[str, ColumnKind], ...] = ()


@dataclass(frozen=True, slots=True)
class StructuredDatasetType:
    """A table. `columns` may be empty (not stated); `format` such as `parquet`, empty for any."""

    columns: tuple[tuple[str, "LiteralType"], ...] = ()
    format: str = ""
    external_schema_type: str = ""
    external_schema_bytes: bytes = b""


@dataclass(frozen=True, slots=True)
class EnumType:
    """One of a list of strings."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnionType:
    """One of several types. Variants are told apart by their `structure.tag`."""

    variants: tuple["LiteralType", ...]


TypeKind: TypeAlias = (
    SimpleType | CollectionType | MapType | BlobType | SchemaType | StructuredDatasetType | EnumType | UnionType
)


@dataclass(frozen=True, slots=True)
class TypeStructure:
    """Hints about a type's shape: the union tag, and the types of a dataclass's fields by name."""

    tag: str = ""
    fields: tuple[tuple[str, "LiteralType"], ...] = ()


@dataclass(frozen=True, slots=True)
class LiteralType:
    """The type of a literal.

    `metadata` holds a JSON schema for structured types; `annotation` free annotations.
    """

    kind: TypeKind
    structure: TypeStructure | None = field(default=None)
    metadata: JsonText = NO_JSON
    annotation: JsonText = NO_JSON


NONE = LiteralType(SimpleType(SimpleKind.NONE))
INTEGER = LiteralType(SimpleType(SimpleKind.INTEGER))
FLOAT = LiteralType(SimpleType(SimpleKind.FLOAT))
STRING = LiteralType(SimpleType(SimpleKind.STRING))
BOOLEAN = LiteralType(SimpleType(SimpleKind.BOOLEAN))
DATETIME = LiteralType(SimpleType(SimpleKind.DATETIME))
DURATION = LiteralType(SimpleType(SimpleKind.DURATION))
BINARY = LiteralType(SimpleType(SimpleKind.BINARY))
ERROR = LiteralType(SimpleType(SimpleKind.ERROR))
STRUCT = LiteralType(SimpleType(SimpleKind.STRUCT))
