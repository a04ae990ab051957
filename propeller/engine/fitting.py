"""Values and types: which literal is of which type, and plain data as literals of a type. Pure."""

import msgpack

from flytelike.codec.types import literal_type_from_proto
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
from flytelike_idl.core import literals_pb2 as pb

_PRIMITIVES = {
    "integer": SimpleKind.INTEGER,
    "float_value": SimpleKind.FLOAT,
    "string_value": SimpleKind.STRING,
    "boolean": SimpleKind.BOOLEAN,
    "datetime": SimpleKind.DATETIME,
    "duration": SimpleKind.DURATION,
}


def fits(literal: pb.Literal, type_: LiteralType) -> bool:
    """Tell whether a literal looks like one of the type: by its kind, and the kinds of its items."""
    kind = type_.kind
    if isinstance(kind, UnionType):
        return any(fits(literal, variant) for variant in kind.variants)
    match literal.WhichOneof("value"):
        case "collection":
            items = literal.collection.literals
            return isinstance(kind, CollectionType) and all(fits(item, kind.element) for item in items)
        case "map":
            values = literal.map.literals.values()
            return isinstance(kind, MapType) and all(fits(value, kind.value) for value in values)
        case "scalar":
            return _fits_scalar(literal.scalar, type_)
        case "offloaded_metadata":
            return literal_type_from_proto(literal.offloaded_metadata.inferred_type).kind == kind
        case _:
            return False


def _fits_scalar(scalar: pb.Scalar, type_: LiteralType) -> bool:
    kind = type_.kind
    simple = kind.simple if isinstance(kind, SimpleType) else None
    match scalar.WhichOneof("value"):
        case "primitive":
            given = scalar.primitive.WhichOneof("value")
            if isinstance(kind, EnumType):
                return given == "string_value" and scalar.primitive.string_value in kind.values
            return given is not None and _PRIMITIVES[given] is simple
        case "none_type":
            return simple is SimpleKind.NONE
        case "binary":
            return simple in {SimpleKind.BINARY, SimpleKind.STRUCT}
        case "generic":
            return simple is SimpleKind.STRUCT
        case "error":
            return simple is SimpleKind.ERROR
        case "blob":
            multipart = bool(scalar.blob.metadata.type.dimensionality)
            return isinstance(kind, BlobType) and kind.multipart is multipart
        case "structured_dataset":
            return isinstance(kind, StructuredDatasetType)
        case "schema":
            return isinstance(kind, SchemaType)
        case _:
            return False


def native(value: object, expected: LiteralType | None) -> pb.Literal:
    """Return plain data out of a structure as a literal.

    Where the receiver's type says what it is (numbers, text, lists and maps of such), the literal is of
    that type, so that every kind of task can read it. All else stays msgpack, as in Flyte: the
    receiver knows how to read it (an instant, say, is text there).
    """
    literal = pb.Literal()
    if expected is None or not _fill(value, expected, literal):
        literal.Clear()
        literal.scalar.binary.value = msgpack.packb(value)
        literal.scalar.binary.tag = "msgpack"
    return literal


def _fill(value: object, expected: LiteralType, out: pb.Literal) -> bool:
    match expected.kind, value:
        case SimpleType(SimpleKind.NONE), None:
            out.scalar.none_type.SetInParent()
        case SimpleType(SimpleKind.BOOLEAN), bool():
            out.scalar.primitive.boolean = value
        case SimpleType(SimpleKind.INTEGER), int() if not isinstance(value, bool) and -(2**63) <= value < 2**63:
            out.scalar.primitive.integer = value
        case SimpleType(SimpleKind.INTEGER), float() if value.is_integer():
            out.scalar.primitive.integer = int(value)  # JSON structures know no integers.
        case SimpleType(SimpleKind.FLOAT), int() | float() if not isinstance(value, bool):
            out.scalar.primitive.float_value = float(value)
        case ((SimpleType(SimpleKind.STRING) | EnumType()), str()):
            out.scalar.primitive.string_value = value
        case CollectionType(element), list():
            out.collection.SetInParent()
            return all(_fill(item, element, out.collection.literals.add()) for item in value)
        case MapType(inner), dict() if all(isinstance(key, str) for key in value):
            out.map.SetInParent()
            return all(_fill(item, inner, out.map.literals[key]) for key, item in value.items())
        case _:
            return False
    return True
