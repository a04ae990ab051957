"""Types of parts of values, and of what is bound."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flytelike.model.graph import (
    BindingData,
    BoundCollection,
    BoundMap,
    BoundOffloaded,
    BoundPromise,
    BoundScalar,
    Promise,
)
from flytelike.model.literals import (
    Binary,
    Blob,
    ErrorValue,
    GenericStruct,
    Instant,
    Primitive,
    Scalar,
    SchemaValue,
    Span,
    StructuredDataset,
    UnionValue,
    Void,
)
from flytelike.model.types import (
    BOOLEAN,
    DATETIME,
    DURATION,
    ERROR,
    FLOAT,
    INTEGER,
    NONE,
    STRING,
    STRUCT,
    CollectionType,
    LiteralType,
    MapType,
    SimpleKind,
    SimpleType,
    UnionType,
)

PRIMITIVE_TYPES: Mapping[type, LiteralType] = {
    int: INTEGER,
    float: FLOAT,
    str: STRING,
    bool: BOOLEAN,
    Instant: DATETIME,
    Span: DURATION,
}


def part_of(kind: LiteralType, container: type[CollectionType] | type[MapType]) -> LiteralType | None:
    """Return the element type of a list or map type; of a union, that of its only such variant."""
    match kind.kind:
        case CollectionType(element) if container is CollectionType:
            return element
        case MapType(value) if container is MapType:
            return value
        case UnionType(variants):
            found = [part for variant in variants if (part := part_of(variant, container)) is not None]
            return found[0] if len(found) == 1 else None
        case _:
            return None


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """Where a path into a value leads nowhere: the type there, the step it has not, and those it has."""

    kind: LiteralType
    step: str
    names: tuple[str, ...] = ()


def reach(kind: LiteralType, path: tuple[str | int, ...]) -> LiteralType | DeadEnd:
    """Return the type at the end of a path into a value, or where the path ends before."""
    for step in path:
        found: LiteralType | None = None
        names: tuple[str, ...] = ()
        match kind.kind:
            case CollectionType(element) if isinstance(step, int):
                found = element
            case MapType(value) if isinstance(step, str):
                found = value
            case SimpleType(SimpleKind.STRUCT):
                fields = dict(kind.structure.fields) if kind.structure else {}
                found, names = fields.get(str(step)) if fields else kind, tuple(fields)
            case _:
                found = None
        if found is None:
            return DeadEnd(kind, f"[{step}]" if isinstance(step, int) else step, names)
        kind = found
    return kind


def type_of_scalar(value: Scalar) -> LiteralType:
    """Return the type of a constant."""
    match value:
        case Primitive(inner):
            return PRIMITIVE_TYPES[type(inner)]
        case Void():
            return NONE
        case Binary() | GenericStruct():
            return STRUCT
        case ErrorValue():
            return ERROR
        case UnionValue(_, kind):
            return kind
        case Blob() | SchemaValue() | StructuredDataset():
            return LiteralType(value.type)


def type_of(data: BindingData, promised: Callable[[Promise], LiteralType | None]) -> LiteralType | None:
    """Return the type of what is bound; None where it cannot be known."""
    match data:
        case BoundPromise(promise):
            return promised(promise)
        case BoundScalar(value):
            return type_of_scalar(value)
        case BoundOffloaded(value):
            return value.type
        case BoundCollection(items):
            element = one_type([type_of(item, promised) for item in items])
            return LiteralType(CollectionType(element)) if element is not None else None
        case BoundMap(entries):
            element = one_type([type_of(item, promised) for item in entries.values()])
            return LiteralType(MapType(element)) if element is not None else None


def one_type(kinds: list[LiteralType | None]) -> LiteralType | None:
    """Return the type that all have, NONE for no type; None when they differ or one is not known."""
    if not kinds:
        return NONE
    first = kinds[0]
    return first if all(kind == first for kind in kinds) else None
