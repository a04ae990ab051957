"""Literals: the values that flow between nodes, free of Python's own types where they are large.

Instants and durations are kept as whole nanoseconds, which is what the wire carries.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from flytelike.model.types import BlobType, JsonText, LiteralType, SchemaType, StructuredDatasetType


@dataclass(frozen=True, slots=True)
class Instant:
    """A point in time: nanoseconds since 1970-01-01T00:00:00Z."""

    ns: int


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time in nanoseconds; may be negative."""

    ns: int


@dataclass(frozen=True, slots=True)
class Primitive:
    """A simple value. Note that `True == 1` in Python: compare `type(value)` where it matters."""

    value: int | float | str | bool | Instant | Span


@dataclass(frozen=True, slots=True)
class Void:
    """The value of type NONE."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A file or folder in the object store."""

    uri: str
    type: BlobType


@dataclass(frozen=True, slots=True)
class Binary:
    """Encoded bytes; `tag` names the encoding (`msgpack`)."""

    value: bytes
    tag: str = ""


@dataclass(frozen=True, slots=True)
class GenericStruct:
    """A JSON object as text (Flyte's older encoding of dataclasses)."""

    json: JsonText


@dataclass(frozen=True, slots=True)
class SchemaValue:
    """A table in Flyte's older encoding."""

    uri: str
    type: SchemaType


@dataclass(frozen=True, slots=True)
class StructuredDataset:
    """A table in the object store."""

    uri: str
    type: StructuredDatasetType


@dataclass(frozen=True, slots=True)
class ErrorValue:
    """A failure as a value: which node failed, and its message."""

    failed_node_id: str
    message: str


@dataclass(frozen=True, slots=True)
class UnionValue:
    """A value together with the variant it was given for."""

    value: "Literal"
    type: LiteralType


@dataclass(frozen=True, slots=True)
class Collection:
    """A list of literals."""

    items: tuple["Literal", ...]


@dataclass(frozen=True, slots=True)
class Map:
    """Literals by key."""

    items: Mapping[str, "Literal"]


@dataclass(frozen=True, slots=True)
class Offloaded:
    """A literal too large to carry: its bytes lie at `uri` as a serialised `core.Literal`."""

    uri: str
    size_bytes: int
    type: LiteralType | None


Scalar: TypeAlias = (
    Primitive | Void | Blob | Binary | GenericStruct | SchemaValue | StructuredDataset | ErrorValue | UnionValue
)

LiteralValue: TypeAlias = Scalar | Collection | Map | Offloaded

_NO_METADATA: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Literal:
    """A value. `hash`, when set, stands for the content (Flyte's `literal.hash`)."""

    value: LiteralValue
    hash: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: _NO_METADATA)


LiteralMap: TypeAlias = Mapping[str, Literal]

VOID = Literal(Void())
