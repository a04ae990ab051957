"""The digest of a value: equal for equal values, in every process and on every version of Python.

It says what a value is, not how it is kept: the order of a map's entries does not count, nor where a file lies whose
content has a digest of its own. Types count: 1, 1.0, True and "1" are four values. A value is the same under
`int | None` as under `int`; of two records in a union the type counts too.
"""

import hashlib
import json
from operator import itemgetter
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


def value_digest(literal: Literal) -> Digest:
    """Return the SHA-256 that names a value."""
    out = bytearray()
    put_literal(literal, out)
    return Digest(f"sha256:{hashlib.sha256(out).hexdigest()}")


def put_literal(literal: Literal, out: bytearray) -> None:
    """Append what a value is, so that different values give different bytes."""
    value = literal.value
    if literal.hash and not isinstance(value, UnionValue):
        put_text(b"#", literal.hash, out)
        return
    match value:
        case Collection(items):
            put_header(b"l", len(items), out)
            for item in items:
                put_literal(item, out)
        case Map(items):
            put_header(b"m", len(items), out)
            for key in sorted(items):
                put_text(b"s", key, out)
                put_literal(items[key], out)
        case UnionValue(inner, kind):
            if isinstance(inner.value, Binary | GenericStruct):
                put_text(b"u", kind.structure.tag if kind.structure else "", out)
                put_text(b"u", kind.metadata, out)
            put_literal(inner, out)
        case Offloaded(uri):
            put_text(b"@", uri, out)
        case _:
            put_scalar(value, out)


def put_scalar(
    value: Primitive | Void | Blob | Binary | GenericStruct | SchemaValue | StructuredDataset | ErrorValue,
    out: bytearray,
) -> None:
    """Append a literal that holds no others."""
    match value:
        case Primitive(Instant(ns)):
            put_text(b"i", str(ns), out)
        case Primitive(Span(ns)):
            put_text(b"p", str(ns), out)
        case Primitive(simple):
            put_plain(simple, out)
        case Void():
            put_plain(None, out)
        case Binary(content, tag):
            put_binary(content, tag, out)
        case GenericStruct(document):
            put_plain(json.loads(document or "{}"), out)
        case Blob(uri) | StructuredDataset(uri) | SchemaValue(uri):
            put_text(b"@", uri, out)
        case ErrorValue(node, message):
            put_text(b"e", node, out)
            put_text(b"e", message, out)
        case _ as never:
            assert_never(never)


def put_binary(content: bytes, tag: str, out: bytearray) -> None:
    """Append a document as what it says; bytes that are none, or of another encoding, as they are."""
    import msgpack  # noqa: PLC0415 - 5 ms that who has no documents need not pay

    if tag in {"", "msgpack"}:
        try:
            put_plain(msgpack.unpackb(content, strict_map_key=False), out)
        except (ValueError, msgpack.UnpackException):
            pass
        else:
            return
    put_text(b"t", tag, out)
    put_bytes(b"b", content, out)


def put_plain(value: Any, out: bytearray) -> None:  # noqa: ANN401 - plain data
    """Append the plain data of a document; a file whose content is known goes by that."""
    match value:
        case str():
            put_text(b"s", value, out)
        case bool():
            put_header(b"?", int(value), out)
        case int():
            put_text(b"d", str(value), out)
        case float():
            # Shortest digits that give the same double back; -0.0 equals 0.0.
            put_text(b"f", repr(value + 0.0), out)
        case None:
            put_header(b"n", 0, out)
        case bytes():
            put_bytes(b"b", value, out)
        case {"path": str(), "metadata": {"digest": str(digest)}}:
            put_text(b"#", digest, out)
        case list():
            put_header(b"l", len(value), out)
            for item in value:
                put_plain(item, out)
        case dict():
            put_header(b"m", len(value), out)
            for name, item in sorted(((key_bytes(key), item) for key, item in value.items()), key=itemgetter(0)):
                out += name
                put_plain(item, out)
        case _:  # what msgpack gives for its extension types
            put_text(b"x", repr(value), out)


def key_bytes(key: Any) -> bytes:  # noqa: ANN401 - plain data
    """Return what a key of a document is."""
    out = bytearray()
    put_plain(key, out)
    return bytes(out)


def put_text(tag: bytes, value: str, out: bytearray) -> None:
    """Append a text with its tag and length."""
    put_bytes(tag, value.encode("utf-8", "surrogatepass"), out)


def put_bytes(tag: bytes, value: bytes, out: bytearray) -> None:
    """Append bytes with their tag and length."""
    put_header(tag, len(value), out)
    out += value


def put_header(tag: bytes, size: int, out: bytearray) -> None:
    """Append a tag and a number, so that no content can look like the next part."""
    out += tag
    out += size.to_bytes(8, "big")
