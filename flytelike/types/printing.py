"""Literals as JSON, for people and scripts."""

import base64
import json
from datetime import timedelta
from typing import assert_never

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
from flytelike.model.types import Json
from flytelike.types import msgpack_value
from flytelike.types.faults import TypeFault
from flytelike.types.input_times import duration_text
from flytelike.types.primitives import EPOCH


def json_from_literal(literal: Literal) -> Json:
    """Return a literal as JSON; stored data are shown by their uri.

    `literal_from_json` reads it again under the literal's type.
    """
    match literal.value:
        case Primitive(value):
            return printed(value)
        case Void():
            return None
        case Blob(uri) | StructuredDataset(uri) | SchemaValue(uri) | Offloaded(uri):
            return uri
        case Binary() as document:
            return document_json(document)
        case GenericStruct(text):
            found: Json = json.loads(text or "{}")
            return found
        case UnionValue(inner):
            return json_from_literal(inner)
        case Collection(items):
            return [json_from_literal(item) for item in items]
        case Map(items):
            return {key: json_from_literal(item) for key, item in items.items()}
        case ErrorValue(node, message):
            return {"failed_node": node, "message": message}
        case _ as never:
            assert_never(never)


def printed(value: float | str | bool | Instant | Span) -> Json:
    """Return a primitive as JSON has it: instants and durations in ISO 8601."""
    match value:
        case Instant(ns):
            try:
                return (EPOCH + timedelta(microseconds=ns // 1000)).isoformat().replace("+00:00", "Z")
            except OverflowError:  # the wire's years go further than Python's
                return f"{ns} ns since 1970"
        case Span():
            return duration_text(value)
        case _:
            return value


def document_json(document: Binary) -> Json:
    """Return a msgpack document as JSON, and other bytes as what they are."""
    try:
        return plain_json(msgpack_value.unpacked(document))
    except TypeFault:
        return f"<{len(document.value)} bytes {document.tag}>".replace(" >", ">")


def plain_json(value: object) -> Json:
    """Return plain data with what JSON does not know as text: keys, bytes, times."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list():
            return [plain_json(item) for item in value]
        case dict():
            return {str(key): plain_json(item) for key, item in value.items()}
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return str(value)
