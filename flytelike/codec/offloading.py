"""Values too large for documents: each lies in the store by itself as a serialised `core.Literal`, as in Flyte."""

from flytelike.codec.literals import literal_from_proto
from flytelike.codec.parse import parse
from flytelike.codec.types import fill_literal_type
from flytelike.model.literals import Literal
from flytelike.model.types import LiteralType
from flytelike_idl.core import literals_pb2 as pb

OFFLOAD_BYTES_MIN = 10 << 20
"""Lists and maps from this size on are offloaded; Flyte's threshold."""
OFFLOADED_BYTES_MAX = 512 << 20
"""The largest one that is kept: who reads it has it in memory several times."""


def offloaded_name(variable: str) -> str:
    """Return the name of the object that holds the value of a variable; Flyte's name.

    It ends as documents do, so that retention reads it for the data that it names.
    """
    return f"{variable}_offloaded_metadata.pb"


def fill_offloaded_value(uri: str, size_bytes: int, kind: LiteralType, out: pb.Literal) -> None:
    """Write into `out` that the value lies at `uri`."""
    out.offloaded_metadata.uri = uri
    out.offloaded_metadata.size_bytes = size_bytes
    fill_literal_type(kind, out.offloaded_metadata.inferred_type)


def offloaded_value(data: bytes) -> Literal:
    """Return the literal that was offloaded as these bytes. Raises `MalformedError`."""
    return literal_from_proto(parse(pb.Literal, data))
