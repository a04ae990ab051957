"""The key of a piece of work, and the data that its result consists of."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, assert_never

from flytelike.codec.interface import fill_interface
from flytelike.codec.parse import serialise
from flytelike.codec.value_digest import value_digest
from flytelike.model.caching import CacheKey
from flytelike.model.graph import TaskTemplate
from flytelike.model.interface import TypedInterface, Variable
from flytelike.model.literals import (
    Binary,
    Blob,
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
from flytelike.model.literals import (
    Collection as ListOf,
)
from flytelike.model.policies import CachePolicy
from flytelike_idl.core import interface_pb2

NO_CONTENTS: Mapping[str, str] = MappingProxyType({})


def work_key(task: TaskTemplate, policy: CachePolicy) -> CacheKey:
    """Return the key of a task's work but for its inputs.

    A version that the author gives says alone when results are equal, as in Flyte; one that is derived from
    the code goes with the image the code runs in. Where there is neither, results belong to one version of the task.
    """
    image = task.container.image if policy.code and task.container is not None else ""
    version = policy.version or f"task version {task.id.version}"
    return CacheKey(task.id.project, task.id.domain, task.id.name, interface_digest(task.interface), version, image, ())


def with_inputs(
    key: CacheKey, inputs: LiteralMap, ignored: Collection[str], contents: Mapping[str, str] = NO_CONTENTS
) -> CacheKey:
    """Return a work's whole key. `contents` names what lies at the addresses that `unnamed_data` gives."""
    counted = {name: inputs[name] for name in sorted(inputs) if name not in ignored}
    digests = tuple((name, _digest(literal, contents)) for name, literal in counted.items())
    return CacheKey(key.project, key.domain, key.task, key.interface, key.version, key.environment, digests)


def unnamed_data(inputs: LiteralMap, ignored: Collection[str]) -> tuple[str, ...]:
    """Return where data lies that inputs name without saying what it is: by its address alone it could change."""
    counted = (literal for name, literal in inputs.items() if name not in ignored)
    return tuple(dict.fromkeys(uri for literal in counted for uri in _uris(literal, unnamed=True)))


def _digest(literal: Literal, contents: Mapping[str, str]) -> str:
    if not contents:
        return value_digest(literal)
    digest = value_digest(_named(literal, contents))
    # What lies inside of documents goes by address and content.
    inside = [(uri, contents[uri]) for uri in _uris(_named(literal, contents), unnamed=True) if uri in contents]
    if not inside:
        return digest
    return f"sha256:{hashlib.sha256(json.dumps([digest, sorted(inside)]).encode()).hexdigest()}"


def _named(literal: Literal, contents: Mapping[str, str]) -> Literal:
    """Return the value with what is known of the content it refers to."""
    value = literal.value
    match value:
        case ListOf(items):
            return replace(literal, value=ListOf(tuple(_named(item, contents) for item in items)))
        case Map(entries):
            return replace(literal, value=Map({name: _named(item, contents) for name, item in entries.items()}))
        case UnionValue(inner, kind):
            return replace(literal, value=UnionValue(_named(inner, contents), kind))
        case Offloaded(uri) | Blob(uri) | StructuredDataset(uri) | SchemaValue(uri):
            return literal if literal.hash else replace(literal, hash=contents.get(uri, ""))
        case _:
            return literal


def interface_digest(interface: TypedInterface) -> str:
    """Return the digest of the types of inputs and outputs; descriptions don't count."""

    def bare(variables: dict[str, Variable]) -> dict[str, Variable]:
        return {name: Variable(variable.type) for name, variable in variables.items()}

    message = interface_pb2.TypedInterface()
    fill_interface(TypedInterface(bare(dict(interface.inputs)), bare(dict(interface.outputs))), message)
    return f"sha256:{hashlib.sha256(serialise(message)).hexdigest()}"


# --- what a result consists of ----------------------------------------------------------


def data_uris(literals: LiteralMap) -> tuple[str, ...]:
    """Return where the files, folders and tables lie that values name, each once."""
    return tuple(dict.fromkeys(uri for literal in literals.values() for uri in _uris(literal)))


def _uris(literal: Literal, *, unnamed: bool = False) -> Iterator[str]:
    """Yield addresses in a value; `unnamed` leaves out those whose content has a digest."""
    value = literal.value
    if unnamed and literal.hash and not isinstance(value, UnionValue):
        return
    match value:
        case ListOf(items):
            for item in items:
                yield from _uris(item, unnamed=unnamed)
        case Map(entries):
            for item in entries.values():
                yield from _uris(item, unnamed=unnamed)
        case UnionValue(inner, _):
            yield from _uris(inner, unnamed=unnamed)
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
