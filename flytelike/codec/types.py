"""Literal types."""

from typing import assert_never

from flytelike.codec.faults import MalformedError, descend, inside, known
from flytelike.codec.json_struct import fill_struct, struct_from_proto
from flytelike.model.types import (
    NO_JSON,
    BlobType,
    CollectionType,
    ColumnKind,
    EnumType,
    LiteralType,
    MapType,
    SchemaType,
    SimpleKind,
    SimpleType,
    StructuredDatasetType,
    TypeKind,
    TypeStructure,
    UnionType,
)
from flytelike_idl.core import types_pb2 as pb

_COLUMNS = {int(kind): kind for kind in ColumnKind}
_SIMPLE = {int(kind): SimpleType(kind) for kind in SimpleKind}
_PLAIN = {number: LiteralType(kind) for number, kind in _SIMPLE.items()}
"""One object for each plain simple type: most types of a workflow are among them."""


def literal_type_to_proto(type_: LiteralType) -> pb.LiteralType:
    """Return the message of a type."""
    out = pb.LiteralType()
    fill_literal_type(type_, out)
    return out


def literal_type_from_proto(message: pb.LiteralType) -> LiteralType:
    """Return the type of a message."""
    return _literal_type(message, 0)


def fill_literal_type(type_: LiteralType, out: pb.LiteralType, depth: int = 0) -> None:
    """Write a type into `out`."""
    _fill_kind(type_.kind, out, descend(depth))
    if type_.metadata:
        fill_struct(type_.metadata, out.metadata)
    if type_.annotation:
        fill_struct(type_.annotation, out.annotation.annotations)
    if type_.structure is not None:
        out.structure.SetInParent()
        out.structure.tag = type_.structure.tag
        for name, field in type_.structure.fields:
            fill_literal_type(field, out.structure.dataclass_type[name], depth + 1)


def _fill_kind(kind: TypeKind, out: pb.LiteralType, depth: int) -> None:
    match kind:
        case SimpleType(simple):
            out.simple = int(simple)  # type: ignore[assignment]
        case CollectionType(element):
            fill_literal_type(element, out.collection_type, depth)
        case MapType(value):
            fill_literal_type(value, out.map_value_type, depth)
        case BlobType():
            fill_blob_type(kind, out.blob)
        case SchemaType():
            fill_schema_type(kind, out.schema)
        case StructuredDatasetType():
            fill_dataset_type(kind, out.structured_dataset_type, depth)
        case EnumType(values):
            out.enum_type.SetInParent()
            out.enum_type.values.extend(values)
        case UnionType(variants):
            out.union_type.SetInParent()
            for variant in variants:
                fill_literal_type(variant, out.union_type.variants.add(), depth)
        case _:
            assert_never(kind)


def fill_blob_type(type_: BlobType, out: pb.BlobType) -> None:
    """Write a blob's type into `out`."""
    out.SetInParent()
    out.format = type_.format
    out.dimensionality = pb.BlobType.MULTIPART if type_.multipart else pb.BlobType.SINGLE


def fill_schema_type(type_: SchemaType, out: pb.SchemaType) -> None:
    """Write a schema's type into `out`."""
    out.SetInParent()
    for name, column in type_.columns:
        out.columns.add(name=name, type=int(column))


def fill_dataset_type(type_: StructuredDatasetType, out: pb.StructuredDatasetType, depth: int) -> None:
    """Write a table's type into `out`."""
    out.SetInParent()
    out.format = type_.format
    out.external_schema_type = type_.external_schema_type
    out.external_schema_bytes = type_.external_schema_bytes
    for name, column in type_.columns:
        added = out.columns.add(name=name)
        fill_literal_type(column, added.literal_type, depth)


def _literal_type(message: pb.LiteralType, depth: int) -> LiteralType:
    depth = descend(depth)
    kind = _kind(message, depth)
    metadata = annotation = NO_JSON
    structure = None
    plain = True
    if message.HasField("metadata"):
        metadata, plain = struct_from_proto(message.metadata), False
    if message.HasField("annotation"):
        annotation, plain = struct_from_proto(message.annotation.annotations), False
    if message.HasField("structure"):
        structure, plain = _structure(message.structure, depth), False
    if plain and isinstance(kind, SimpleType):
        return _PLAIN[kind.simple]
    return LiteralType(kind, structure, metadata, annotation)


def _structure(message: pb.TypeStructure, depth: int) -> TypeStructure:
    fields = message.dataclass_type
    return TypeStructure(
        message.tag,
        tuple((name, _inside(f'structure["{name}"]', fields[name], depth)) for name in sorted(fields)),
    )


def _inside(step: str, message: pb.LiteralType, depth: int) -> LiteralType:
    try:
        return _literal_type(message, depth)
    except MalformedError as fault:
        raise fault.below(step) from None


def _kind(message: pb.LiteralType, depth: int) -> TypeKind:
    which = message.WhichOneof("type")
    match which:
        case "simple":
            return known(_SIMPLE, message.simple, "simple type")
        case "collection_type":
            return CollectionType(_inside(which, message.collection_type, depth))
        case "map_value_type":
            return MapType(_inside(which, message.map_value_type, depth))
        case "blob":
            return blob_type_from_proto(message.blob)
        case "schema":
            return inside(which, schema_type_from_proto, message.schema)
        case "structured_dataset_type":
            return dataset_type_from_proto(message.structured_dataset_type, depth)
        case "enum_type":
            return EnumType(tuple(message.enum_type.values))
        case "union_type":
            variants = message.union_type.variants
            return UnionType(tuple(_inside(f"union_type.variants[{i}]", v, depth) for i, v in enumerate(variants)))
        case None:
            raise MalformedError("type required")
        case _:
            assert_never(which)


def blob_type_from_proto(message: pb.BlobType) -> BlobType:
    """Return a blob's type."""
    return BlobType(message.format, message.dimensionality == pb.BlobType.MULTIPART)


def schema_type_from_proto(message: pb.SchemaType) -> SchemaType:
    """Return a schema's type."""
    return SchemaType(tuple((c.name, known(_COLUMNS, c.type, "column type")) for c in message.columns))


def dataset_type_from_proto(message: pb.StructuredDatasetType, depth: int) -> StructuredDatasetType:
    """Return a table's type."""
    columns = tuple(
        (column.name, _inside(f'columns["{column.name}"]', column.literal_type, depth)) for column in message.columns
    )
    return StructuredDatasetType(columns, message.format, message.external_schema_type, message.external_schema_bytes)
