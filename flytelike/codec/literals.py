"""Literals and scalars."""

from typing import assert_never

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from flytelike.codec.faults import MalformedError, descend
from flytelike.codec.json_struct import fill_struct, struct_from_proto
from flytelike.codec.types import (
    blob_type_from_proto,
    dataset_type_from_proto,
    fill_blob_type,
    fill_dataset_type,
    fill_literal_type,
    fill_schema_type,
    literal_type_from_proto,
    schema_type_from_proto,
)
from flytelike.model.literals import (
    Binary,
    Blob,
    Collection,
    ErrorValue,
    GenericStruct,
    Instant,
    Literal,
    LiteralMap,
    LiteralValue,
    Map,
    Offloaded,
    Primitive,
    Scalar,
    SchemaValue,
    Span,
    StructuredDataset,
    UnionValue,
    Void,
)
from flytelike_idl.core import literals_pb2 as pb

_NS = 1_000_000_000
_VOID = Void()


def literal_to_proto(literal: Literal) -> pb.Literal:
    """Return the message of a value."""
    out = pb.Literal()
    fill_literal(literal, out)
    return out


def literal_from_proto(message: pb.Literal) -> Literal:
    """Return the value of a message."""
    return _literal(message, 0)


def literal_map_to_proto(literals: LiteralMap) -> pb.LiteralMap:
    """Return the message of named values, such as a task's inputs."""
    out = pb.LiteralMap()
    fill_literal_map(literals, out)
    return out


def literal_map_from_proto(message: pb.LiteralMap) -> dict[str, Literal]:
    """Return named values, sorted by name."""
    return _literal_map(message, 0)


def scalar_to_proto(scalar: Scalar) -> pb.Scalar:
    """Return the message of a scalar."""
    out = pb.Scalar()
    fill_scalar(scalar, out)
    return out


def scalar_from_proto(message: pb.Scalar) -> Scalar:
    """Return the scalar of a message."""
    return _scalar(message, 0)


def offloaded_from_proto(message: pb.LiteralOffloadedMetadata) -> Offloaded:
    """Return a reference to a value in the object store."""
    if not message.uri:
        raise MalformedError("uri required")
    inferred = literal_type_from_proto(message.inferred_type) if message.HasField("inferred_type") else None
    return Offloaded(message.uri, message.size_bytes, inferred)


def span_to_duration(ns: int) -> Duration:
    """Return nanoseconds as a message; seconds and nanos have the same sign."""
    out = Duration()
    fill_duration(ns, out)
    return out


def duration_to_ns(message: Duration) -> int:
    """Return a duration in nanoseconds."""
    return message.seconds * _NS + message.nanos


def timestamp_to_ns(message: Timestamp) -> int:
    """Return an instant in nanoseconds since the epoch."""
    return message.seconds * _NS + message.nanos


# --- model to message -------------------------------------------------------------------


def fill_literal_map(literals: LiteralMap, out: pb.LiteralMap, depth: int = 0) -> None:
    """Write named values into `out`."""
    out.SetInParent()
    for name, literal in literals.items():
        try:
            fill_literal(literal, out.literals[name], depth)
        except MalformedError as fault:
            raise fault.below(f'literals["{name}"]') from None


def fill_literal(literal: Literal, out: pb.Literal, depth: int = 0) -> None:
    """Write a value into `out`."""
    _fill_value(literal.value, out, descend(depth))
    if literal.hash:
        out.hash = literal.hash
    if literal.metadata:
        out.metadata.update(literal.metadata)


def _fill_value(value: LiteralValue, out: pb.Literal, depth: int) -> None:
    match value:
        case Collection(items):
            out.collection.SetInParent()
            added = out.collection.literals
            for item in items:
                fill_literal(item, added.add(), depth)
        case Map(entries):
            fill_literal_map(entries, out.map, depth)
        case Offloaded():
            fill_offloaded(value, out.offloaded_metadata)
        case _:
            fill_scalar(value, out.scalar, depth)


def fill_offloaded(value: Offloaded, out: pb.LiteralOffloadedMetadata) -> None:
    """Write a reference to a value in the object store into `out`."""
    out.uri = value.uri
    out.size_bytes = value.size_bytes
    if value.type is not None:
        fill_literal_type(value.type, out.inferred_type)


def fill_scalar(scalar: Scalar, out: pb.Scalar, depth: int = 0) -> None:
    """Write a scalar into `out`."""
    match scalar:
        case Primitive():
            _fill_primitive(scalar, out.primitive)
        case Void():
            out.none_type.SetInParent()
        case Blob(uri, type_):
            out.blob.uri = uri
            fill_blob_type(type_, out.blob.metadata.type)
        case Binary(value, tag):
            out.binary.value = value
            out.binary.tag = tag
            out.binary.SetInParent()
        case GenericStruct(text):
            fill_struct(text, out.generic)
        case SchemaValue(uri, schema):
            out.schema.uri = uri
            fill_schema_type(schema, out.schema.type)
        case StructuredDataset(uri, dataset):
            out.structured_dataset.uri = uri
            fill_dataset_type(dataset, out.structured_dataset.metadata.structured_dataset_type, depth)
        case ErrorValue(node_id, message):
            out.error.failed_node_id = node_id
            out.error.message = message
            out.error.SetInParent()
        case UnionValue(inner, variant):
            fill_literal(inner, out.union.value, depth)
            fill_literal_type(variant, out.union.type, depth)
        case _:
            assert_never(scalar)


def _fill_primitive(primitive: Primitive, out: pb.Primitive) -> None:
    value = primitive.value
    match value:
        case bool():  # before int: True is one
            out.boolean = value
        case int():
            try:
                out.integer = value
            except ValueError as error:
                raise MalformedError(f"integer outside 64 bits: {value}") from error
        case float():
            out.float_value = value
        case str():
            out.string_value = value
        case Instant(ns):
            fill_timestamp(ns, out.datetime)
        case Span(ns):
            fill_duration(ns, out.duration)
        case _:
            assert_never(value)


def fill_timestamp(ns: int, out: Timestamp) -> None:
    """Write an instant into `out`; nanos count forward also before the epoch."""
    out.SetInParent()
    seconds, nanos = divmod(ns, _NS)
    _fill_seconds(seconds, nanos, out)


def fill_duration(ns: int, out: Duration) -> None:
    """Write a length of time into `out`; seconds and nanos have the same sign."""
    out.SetInParent()
    seconds, nanos = divmod(abs(ns), _NS)
    _fill_seconds(*((seconds, nanos) if ns >= 0 else (-seconds, -nanos)), out)


def _fill_seconds(seconds: int, nanos: int, out: Timestamp | Duration) -> None:
    try:
        out.seconds = seconds
    except ValueError as error:
        raise MalformedError(f"seconds outside 64 bits: {seconds}") from error
    out.nanos = nanos


# --- message to model -------------------------------------------------------------------


def _literal_map(message: pb.LiteralMap, depth: int) -> dict[str, Literal]:
    literals = message.literals
    done: dict[str, Literal] = {}
    name = ""
    try:
        for name in sorted(literals):
            done[name] = _literal(literals[name], depth)
    except MalformedError as fault:
        raise fault.below(f'literals["{name}"]') from None
    return done


def _literal(message: pb.Literal, depth: int) -> Literal:
    value = _value(message, descend(depth))
    if message.metadata:
        return Literal(value, message.hash, dict(message.metadata))
    return Literal(value, message.hash)


def _value(message: pb.Literal, depth: int) -> LiteralValue:
    which = message.WhichOneof("value")
    if which is None:
        raise MalformedError("value required")
    try:
        match which:
            case "scalar":
                return _scalar(message.scalar, depth)
            case "collection":
                return _collection(message.collection, depth)
            case "map":
                return Map(_literal_map(message.map, depth))
            case "offloaded_metadata":
                return offloaded_from_proto(message.offloaded_metadata)
            case _:
                assert_never(which)
    except MalformedError as fault:
        raise fault.below(which) from None


def _collection(message: pb.LiteralCollection, depth: int) -> Collection:
    done: list[Literal] = []
    try:
        for item in message.literals:
            done.append(_literal(item, depth))  # noqa: PERF401 - the length so far is the index at fault
    except MalformedError as fault:
        raise fault.below(f"literals[{len(done)}]") from None
    return Collection(tuple(done))


def _scalar(message: pb.Scalar, depth: int) -> Scalar:
    which = message.WhichOneof("value")
    match which:
        case "primitive":
            return _primitive(message.primitive)
        case "none_type":
            return _VOID
        case "blob":
            return Blob(message.blob.uri, blob_type_from_proto(message.blob.metadata.type))
        case "binary":
            return Binary(message.binary.value, message.binary.tag)
        case "generic":
            return GenericStruct(struct_from_proto(message.generic))
        case "schema":
            return SchemaValue(message.schema.uri, schema_type_from_proto(message.schema.type))
        case "structured_dataset":
            dataset = message.structured_dataset
            type_ = dataset_type_from_proto(dataset.metadata.structured_dataset_type, depth)
            return StructuredDataset(dataset.uri, type_)
        case "error":
            return ErrorValue(message.error.failed_node_id, message.error.message)
        case "union":
            return _union(message.union, depth)
        case None:
            raise MalformedError("value required")
        case _:
            assert_never(which)


def _union(message: pb.Union, depth: int) -> UnionValue:
    for field in ("value", "type"):
        if not message.HasField(field):
            raise MalformedError(f"{field} required", "union")
    try:
        return UnionValue(_literal(message.value, depth), literal_type_from_proto(message.type))
    except MalformedError as fault:
        raise fault.below("union") from None


def _primitive(message: pb.Primitive) -> Primitive:
    which = message.WhichOneof("value")
    match which:
        case "integer":
            return Primitive(message.integer)
        case "string_value":
            return Primitive(message.string_value)
        case "float_value":
            return Primitive(message.float_value)
        case "boolean":
            return Primitive(message.boolean)
        case "datetime":
            return Primitive(Instant(timestamp_to_ns(message.datetime)))
        case "duration":
            return Primitive(Span(duration_to_ns(message.duration)))
        case None:
            raise MalformedError("value required", "primitive")
        case _:
            assert_never(which)
