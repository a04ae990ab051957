"""Python annotations for literal types, for clients that have no code of the entity."""

import functools
import operator
from datetime import datetime, timedelta
from enum import Enum
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
from flytelike.types.directory import FlyteDirectory
from flytelike.types.faults import unsupported
from flytelike.types.file import FlyteFile
from flytelike.types.structured import StructuredDataset
from flytelike.types.transformer import Hint

SIMPLE: dict[SimpleKind, Hint] = {
    SimpleKind.NONE: type(None),
    SimpleKind.INTEGER: int,
    SimpleKind.FLOAT: float,
    SimpleKind.STRING: str,
    SimpleKind.BOOLEAN: bool,
    SimpleKind.DATETIME: datetime,
    SimpleKind.DURATION: timedelta,
    SimpleKind.STRUCT: dict,
}


def python_hint_for(kind: LiteralType) -> Hint:
    """Return an annotation whose literal type accepts what `kind` holds: documents become plain dicts.

    Raises:
        TypeFault: nothing in Python stands for the type (raw bytes, errors).
    """
    match kind.kind:
        case SimpleType(simple) if simple in SIMPLE:
            return SIMPLE[simple]
        case SimpleType(simple):
            raise unsupported(simple.name, "nothing in Python stands for it", "use an entity of other types")
        case CollectionType(element):
            return list[python_hint_for(element)]  # type: ignore[misc]  # built from data
        case MapType(value):
            return dict[str, python_hint_for(value)]  # type: ignore[misc]
        case UnionType(variants):
            return functools.reduce(operator.or_, (python_hint_for(variant) for variant in variants))
        case EnumType(values):
            return Enum("OneOf", {value: value for value in values})
        case BlobType(form, multipart):
            base: Hint = FlyteDirectory if multipart else FlyteFile
            return base[form] if form else base
        case StructuredDatasetType() | SchemaType():
            return StructuredDataset
        case _ as never:
            assert_never(never)
