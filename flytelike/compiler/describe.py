"""Literal types as authors write them, for messages."""

import json
from typing import assert_never

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

NAMES = {
    SimpleKind.NONE: "None",
    SimpleKind.INTEGER: "int",
    SimpleKind.FLOAT: "float",
    SimpleKind.STRING: "str",
    SimpleKind.BOOLEAN: "bool",
    SimpleKind.DATETIME: "datetime",
    SimpleKind.DURATION: "timedelta",
    SimpleKind.BINARY: "bytes",
    SimpleKind.ERROR: "FlyteError",
    SimpleKind.STRUCT: "dict",
}


def describe_type(kind: LiteralType) -> str:
    """Return a literal type in Python's words, such as `list[int]` or `FlyteFile["csv"]`."""
    match kind.kind:
        case SimpleType(SimpleKind.STRUCT) if kind.metadata:
            return str(json.loads(kind.metadata).get("title") or "dict")
        case SimpleType(simple):
            return NAMES[simple]
        case CollectionType(element):
            return f"list[{describe_type(element)}]"
        case MapType(value):
            return f"dict[str, {describe_type(value)}]"
        case BlobType(form, multipart):
            name = "FlyteDirectory" if multipart else "FlyteFile"
            return f'{name}["{form}"]' if form else name
        case EnumType(values):
            return f"Literal[{', '.join(repr(value) for value in values)}]"
        case UnionType(variants):
            return " | ".join(describe_type(variant) for variant in variants)
        case StructuredDatasetType(columns):
            return f"StructuredDataset[{', '.join(name for name, _ in columns)}]" if columns else "StructuredDataset"
        case SchemaType():
            return "FlyteSchema"
        case _ as never:
            assert_never(never)
