"""Fields from literal types: they give literals. The rest of the room does not load marshmallow before."""

import copy
import json
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, ClassVar, assert_never

from marshmallow.exceptions import ValidationError
from marshmallow.validate import OneOf
from typing_extensions import override

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
from flytelike.types.input_times import duration, moment
from flytelike.types.inputs.containers import Entries, Items
from flytelike.types.inputs.faults import Fault, told, wrong_value
from flytelike.types.inputs.fields import (
    Choice,
    Classes,
    Integer,
    Null,
    Number,
    Parsed,
    Place,
    Strict,
    Text,
    Truth,
    flat,
    one_of,
)
from flytelike.types.inputs.formats import DATE_TIME, DURATION
from flytelike.types.inputs.limits import NO_LIMITS, Limits
from flytelike.types.inputs.places import Locate, Stored
from flytelike.types.inputs.reading import reading
from flytelike.types.inputs.schema import Builder
from flytelike.types.inputs.text import rank_of_text
from flytelike.types.inputs.union import Union
from flytelike.types.primitives import INT64_MAX


def loaded(value: object, kind: LiteralType, path: str, locate: Locate) -> Literal | list[Diagnostic]:
    """Return the literal of data that are not too much, or all faults."""
    try:
        with reading(locate):
            found: Literal = literal_field(kind).deserialize(value)
    except ValidationError as error:
        return told(flat(error.messages), path)
    except RecursionError:
        return [wrong_value(path, "the input's type has too many levels, or leads back to itself without an end")]
    return found


@lru_cache(maxsize=1024)
def literal_field(kind: LiteralType) -> Strict:
    """Return the field that makes literals of a type out of JSON or YAML data."""
    match kind.kind:
        case SimpleType(SimpleKind.STRUCT):
            return Document(kind)
        case SimpleType(simple):
            return simple_field(simple, constants(kind))
        case EnumType(values):
            return Choice(values, post_load=primitive)
        case CollectionType(element):
            return Items(literal_field(element), post_load=lambda items: Literal(Collection(tuple(items))))
        case MapType(inner):
            return Entries(Text(pre_load=str), literal_field(inner), post_load=lambda items: Literal(Map(items)))
        case UnionType(variants):
            return Union([variant_field(variant) for variant in sorted(variants, key=rank_of_text)])
        case BlobType() | StructuredDatasetType() | SchemaType() as stored:
            return Place(stored, post_load=partial(stored_literal, stored))
        case _ as never:
            assert_never(never)


def simple_field(simple: SimpleKind, choices: list[Any]) -> Strict:
    """Return the field of a simple type."""
    limits = Limits((OneOf(choices),)) if choices else NO_LIMITS
    field: Strict
    match simple:
        case SimpleKind.INTEGER:
            field = Integer(largest=INT64_MAX, limits=limits, post_load=primitive)
        case SimpleKind.FLOAT:
            field = Number(limits=limits, post_load=primitive)
        case SimpleKind.STRING:
            field = Text(limits=limits, post_load=primitive)
        case SimpleKind.BOOLEAN:
            field = Truth(limits=limits, post_load=primitive)
        case SimpleKind.NONE:
            field = Null(post_load=lambda _: VOID)
        case SimpleKind.DATETIME:
            field = Parsed(moment, DATE_TIME, post_load=primitive)
        case SimpleKind.DURATION:
            field = Parsed(duration, DURATION, post_load=primitive)
        case SimpleKind.BINARY | SimpleKind.ERROR | SimpleKind.STRUCT:
            field = Parsed(lambda _: None, simple.name.lower())  # nobody can write them
        case _ as never:
            assert_never(never)
    field.title = one_of(choices) if choices else field.title
    return field


class Document(Strict):
    """A document that its type's schema accepts, as msgpack."""

    takes: ClassVar[Classes] = (dict,)

    def __init__(self, kind: LiteralType) -> None:
        """Read by the schema in the type's metadata."""
        super().__init__()
        schema = json.loads(kind.metadata or "{}")
        self.title = str(schema.get("title") or "dict")
        self.inner = Builder(schema).field(schema)

    @override
    def is_meant(self, value: object) -> bool:
        return self.inner.is_meant(value)

    @override
    def constants(self) -> Mapping[str, Any]:
        return self.inner.constants()

    @override
    def read(self, value: Any) -> Literal:
        plain = self.inner.deserialize(value)
        try:
            return Literal(Binary(msgpack_value.packed(plain, dict), "msgpack"))
        except TypeFault as fault:
            reason = fault.diagnostics[0].headline
            raise ValidationError([Fault(lambda: reason)]) from None


def variant_field(kind: LiteralType) -> Strict:
    """Return the field of a union's variant; the literal says which one it is."""
    field = copy.copy(literal_field(kind))
    field.post_load = [*field.post_load, lambda found: Literal(UnionValue(found, kind))]
    return field


def primitive(value: Any) -> Literal:  # noqa: ANN401 - any simple value
    """Return the literal of a simple value."""
    return Literal(Primitive(value))


def stored_literal(stored: Stored, uri: str) -> Literal:
    """Return the literal of what lies at a uri."""
    match stored:
        case BlobType():
            return Literal(Blob(uri, stored))
        case StructuredDatasetType():
            return Literal(StructuredDataset(uri, StructuredDatasetType(stored.columns, stored.format or "parquet")))
        case SchemaType():
            return Literal(SchemaValue(uri, stored))
        case _ as never:
            assert_never(never)


def constants(kind: LiteralType) -> list[Any]:
    """Return the values to choose from that the annotation of `Literal["a", "b"]` lists; empty for all."""
    found = json.loads(kind.annotation).get("literal_values", []) if kind.annotation else []
    return found if isinstance(found, list) else []
