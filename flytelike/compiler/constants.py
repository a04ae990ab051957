"""Whether a constant is a value of a type."""

from collections.abc import Callable, Mapping

from flytelike.compiler.casting import castable
from flytelike.model.literals import (
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
    LiteralType,
    MapType,
    SchemaType,
    SimpleKind,
    SimpleType,
    StructuredDatasetType,
    UnionType,
)

PRIMITIVES: Mapping[SimpleKind, type] = {
    SimpleKind.INTEGER: int,
    SimpleKind.FLOAT: float,
    SimpleKind.STRING: str,
    SimpleKind.BOOLEAN: bool,
    SimpleKind.DATETIME: Instant,
    SimpleKind.DURATION: Span,
}

WORDS: Mapping[type, str] = {
    int: "int",
    float: "float",
    str: "str",
    bool: "bool",
    Instant: "datetime",
    Span: "timedelta",
    Void: "None",
    Blob: "a file",
    Binary: "a document",
    GenericStruct: "a document",
    SchemaValue: "a table",
    StructuredDataset: "a table",
    ErrorValue: "an error",
    Collection: "a list",
    Map: "a dict",
    Offloaded: "a stored value",
    UnionValue: "a value of a union",
}


def is_value_of(literal: Literal, kind: LiteralType) -> bool:
    """Tell whether a literal is a value of a type."""
    value = literal.value
    if isinstance(value, UnionValue):
        return castable(value.type, kind) or is_value_of(value.value, kind)
    if isinstance(value, Offloaded):
        return value.type is None or castable(value.type, kind)
    if isinstance(kind.kind, UnionType):
        return any(is_value_of(literal, variant) for variant in kind.kind.variants)
    return CHECKS[type(kind.kind)](value, kind.kind)


def word_for(literal: Literal) -> str:
    """Return what a literal is, in a word or two."""
    value = literal.value
    if isinstance(value, UnionValue):
        return word_for(value.value)
    if isinstance(value, Primitive):
        shown = f" {value.value!r}" if isinstance(value.value, int | float | str) else ""
        return f"{WORDS[type(value.value)]}{shown}"
    return WORDS[type(value)]


def _simple(value: object, kind: SimpleType) -> bool:
    match kind.simple:
        case SimpleKind.NONE:
            return isinstance(value, Void)
        case SimpleKind.STRUCT:
            return isinstance(value, Binary | GenericStruct)
        case SimpleKind.BINARY:
            return isinstance(value, Binary)
        case SimpleKind.ERROR:
            return isinstance(value, ErrorValue)
        case simple:
            return isinstance(value, Primitive) and type(value.value) is PRIMITIVES[simple]


def _enum(value: object, kind: EnumType) -> bool:
    return isinstance(value, Primitive) and value.value in kind.values


def _collection(value: object, kind: CollectionType) -> bool:
    return isinstance(value, Collection) and all(is_value_of(item, kind.element) for item in value.items)


def _map(value: object, kind: MapType) -> bool:
    return isinstance(value, Map) and all(is_value_of(item, kind.value) for item in value.items.values())


def _blob(value: object, kind: BlobType) -> bool:
    return isinstance(value, Blob) and castable(LiteralType(value.type), LiteralType(kind))


def _table(value: object, kind: SchemaType | StructuredDatasetType) -> bool:
    if not isinstance(value, SchemaValue | StructuredDataset):
        return False
    return castable(LiteralType(value.type), LiteralType(kind))


CHECKS: Mapping[type, Callable[..., bool]] = {
    SimpleType: _simple,
    EnumType: _enum,
    CollectionType: _collection,
    MapType: _map,
    BlobType: _blob,
    SchemaType: _table,
    StructuredDatasetType: _table,
}
