"""The digest of a value: equal for equal values, in every process and on every version of Python.

It says what a value is, not how it is kept: the order of a map's entries does not count, nor where a file lies whose
content has a digest of its own. Types count: 1, 1.0, True and "1" are four values. A value is the same under
`int | None` as under `int`; of two records in a union the type counts too.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, assert_never

from flytelike.model.ids import Digest
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
from flytelike.types import msgpack_value


def value_digest(literal: Literal) -> Digest:
    """Return the SHA-256 that names a value."""
    found = hashlib.sha256()
    for part in parts_of(literal):
        found.update(part)
    return Digest(f"sha256:{found.hexdigest()}")


def parts_of(literal: Literal) -> Iterator[bytes]:
    """Yield what a value is, so that different values give different bytes."""
    value = literal.value
    if literal.hash and not isinstance(value, UnionValue):
        yield from text(b"#", literal.hash)
        return
    match value:
        case Collection(items):
            yield header(b"l", len(items))
            for item in items:
                yield from parts_of(item)
        case Map(items):
            yield header(b"m", len(items))
            for key in sorted(items):
                yield from text(b"s", key)
                yield from parts_of(items[key])
        case UnionValue(inner, kind):
            if isinstance(inner.value, Binary | GenericStruct):
                yield from text(b"u", kind.structure.tag if kind.structure else "")
                yield from text(b"u", kind.metadata)
            yield from parts_of(inner)
        case Offloaded(uri):
            yield from text(b"@", uri)
        case _:
            yield from scalar_parts(value)


def scalar_parts(
    value: Primitive | Void | Blob | Binary | GenericStruct | SchemaValue | StructuredDataset | ErrorValue,
) -> Iterator[bytes]:
    """Yield a literal that holds no others."""
    match value:
        case Primitive(simple):
            yield from simple_parts(simple)
        case Void():
            yield from plain_parts(None)
        case Binary(content, tag) if tag not in {"", "msgpack"}:
            yield from text(b"t", tag)
            yield from data(b"b", content)
        case Binary() | GenericStruct():
            yield from plain_parts(msgpack_value.unpacked(value))
        case Blob(uri) | StructuredDataset(uri) | SchemaValue(uri):
            yield from text(b"@", uri)
        case ErrorValue(node, message):
            yield from text(b"e", node)
            yield from text(b"e", message)
        case _ as never:
            assert_never(never)


def simple_parts(value: float | str | Instant | Span) -> Iterator[bytes]:
    """Yield a primitive."""
    match value:
        case Instant(ns):
            yield from text(b"i", str(ns))
        case Span(ns):
            yield from text(b"p", str(ns))
        case _:
            yield from plain_parts(value)


def plain_parts(value: Any) -> Iterator[bytes]:  # noqa: ANN401 - plain data
    """Yield the plain data of a document; a file whose content is known goes by that."""
    match value:
        case None:
            yield header(b"n", 0)
        case bool():
            yield header(b"?", int(value))
        case int():
            yield from text(b"d", str(value))
        case float():
            # Shortest digits that give the same double back; -0.0 equals 0.0.
            yield from text(b"f", repr(value + 0.0))
        case str():
            yield from text(b"s", value)
        case bytes():
            yield from data(b"b", value)
        case {"path": str(), "metadata": {"digest": str(digest)}}:
            yield from text(b"#", digest)
        case list() | tuple():
            yield header(b"l", len(value))
            for item in value:
                yield from plain_parts(item)
        case Mapping():
            yield header(b"m", len(value))
            entries = {b"".join(plain_parts(key)): item for key, item in value.items()}
            for name in sorted(entries):
                yield name
                yield from plain_parts(entries[name])
        case _:  # what msgpack gives for its extension types
            yield from text(b"x", repr(value))


def text(tag: bytes, value: str) -> Iterator[bytes]:
    """Yield a text with its tag and length."""
    return data(tag, value.encode("utf-8", "surrogatepass"))


def data(tag: bytes, value: bytes) -> Iterator[bytes]:
    """Yield bytes with their tag and length."""
    yield header(tag, len(value))
    yield value


def header(tag: bytes, size: int) -> bytes:
    """Return a tag and a number, so that no content can look like the next part."""
    return tag + size.to_bytes(8, "big")
