"""The key of a piece of work, and the data that its result consists of."""

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import replace
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


def work_key(task: TaskTemplate, policy: CachePolicy) -> CacheKey:
    """Return the key of a task's work but for its inputs.

    A version that the author gives says alone when results are equal, as in Flyte; one that is derived from
    the code goes with the image the code runs in. Where there is neither, results belong to one version of the task.
    """
    image = task.container.image if policy.code and task.container is not None else ""
    version = policy.version or f"task version {task.id.version}"
    return CacheKey(task.id.project, task.id.domain, task.id.name, interface_digest(task.interface), version, image, ())


def with_inputs(key: CacheKey, inputs: LiteralMap, ignored: Collection[str]) -> CacheKey:
    """Return a work's whole key."""
    digests = tuple((name, value_digest(inputs[name])) for name in sorted(inputs) if name not in ignored)
    return replace(key, inputs=digests)


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


def _uris(literal: Literal) -> Iterator[str]:
    value = literal.value
    match value:
        case ListOf(items):
            for item in items:
                yield from _uris(item)
        case Map(entries):
            for item in entries.values():
                yield from _uris(item)
        case UnionValue(inner, _):
            yield from _uris(inner)
        case Offloaded(uri) | Blob(uri) | StructuredDataset(uri) | SchemaValue(uri):
            yield uri
        case Binary(content, tag):
            yield from _in_document(_unpacked(content, tag))
        case GenericStruct(document):
            yield from _in_document(_parsed(document))
        case Primitive() | Void() | ErrorValue():
            pass
        case _:
            assert_never(value)


def _in_document(value: Any) -> Iterator[str]:  # noqa: ANN401 - plain data
    """Yield what a record's files and tables name: they are written as `path` or `uri` with an address."""
    match value:
        case dict():
            for name, item in value.items():
                if name in {"path", "uri"} and isinstance(item, str):
                    if "://" in item or item.startswith("/"):
                        yield item
                else:
                    yield from _in_document(item)
        case list():
            for item in value:
                yield from _in_document(item)
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
