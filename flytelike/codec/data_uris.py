"""Where the data lie that values name: files, folders and tables."""

import json
from collections.abc import Iterator
from typing import Any, assert_never

from flytelike.model.literals import (
    Binary,
    Blob,
    Collection,
    ErrorValue,
    GenericStruct,
    Literal,
    LiteralMap,
    Map,
    Offloaded,
    Primitive,
    SchemaValue,
    StructuredDataset,
    UnionValue,
    Void,
)


def data_uris(literals: LiteralMap) -> tuple[str, ...]:
    """Return where the files, folders and tables lie that values name, each once."""
    return tuple(dict.fromkeys(uri for literal in literals.values() for uri in uris_in(literal)))


def uris_in(literal: Literal, *, unnamed: bool = False) -> Iterator[str]:
    """Yield the addresses in a value, some maybe twice; `unnamed` leaves out those whose content has a digest."""
    value = literal.value
    if unnamed and literal.hash and not isinstance(value, UnionValue):
        return
    match value:
        case Collection(items):
            for item in items:
                yield from uris_in(item, unnamed=unnamed)
        case Map(entries):
            for item in entries.values():
                yield from uris_in(item, unnamed=unnamed)
        case UnionValue(inner, _):
            yield from uris_in(inner, unnamed=unnamed)
        case Offloaded(uri) | Blob(uri) | StructuredDataset(uri) | SchemaValue(uri):
            yield uri
        case Binary(content, tag):
            yield from _in_document(_unpacked(content, tag), unnamed=unnamed)
        case GenericStruct(document):
            yield from _in_document(_parsed(document), unnamed=unnamed)
        case Primitive() | Void() | ErrorValue():
            pass
        case _:
            assert_never(value)


def _in_document(value: Any, *, unnamed: bool) -> Iterator[str]:  # noqa: ANN401 - plain data
    """Yield what a record's files and tables name: they are written as `path` or `uri` with an address."""
    match value:
        case {"path": str(), "metadata": {"digest": str()}} if unnamed:
            return
        case dict():
            for name, item in value.items():
                if name in {"path", "uri"} and isinstance(item, str):
                    if "://" in item or item.startswith("/"):
                        yield item
                else:
                    yield from _in_document(item, unnamed=unnamed)
        case list():
            for item in value:
                yield from _in_document(item, unnamed=unnamed)
        case _:
            pass


def _unpacked(content: bytes, tag: str) -> object:
    import msgpack  # noqa: PLC0415 - 5 ms that who has no documents need not pay

    if tag not in {"", "msgpack"}:
        return None
    try:
        value: object = msgpack.unpackb(content, strict_map_key=False)
    except (ValueError, msgpack.UnpackException):
        return None
    return value


def _parsed(document: str) -> object:
    value: object = json.loads(document or "{}")
    return value
