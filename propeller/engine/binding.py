"""Binding values: from bindings and the outputs of other nodes to a node's inputs. Pure.

Works on messages as they lie in the object store, since most values only pass through.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

import msgpack
from google.protobuf import json_format

from flytelike.codec.literals import fill_literal, fill_scalar
from flytelike.codec.types import fill_literal_type
from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import (
    Binding,
    BindingData,
    BoundCollection,
    BoundMap,
    BoundOffloaded,
    BoundPromise,
    BoundScalar,
    Promise,
)
from flytelike.model.ids import NodeId
from flytelike.model.interface import Variable
from flytelike.model.literals import Literal
from flytelike.model.types import NONE as NONE_TYPE
from flytelike.model.types import LiteralType, UnionType
from flytelike_idl.core import literals_pb2 as pb
from propeller.engine.fitting import fits, native

BINDING_FAILED = "BindingResolutionError"
"""Flyte's code for a value that cannot be bound."""

PATH_FAILED = "PromiseAttributeResolveError"
"""Flyte's code for a path into a value that leads nowhere."""

Sources = Mapping[NodeId, pb.LiteralMap]
"""The outputs of nodes, and the scope's inputs under the empty id."""


class BindingFailed(Exception):
    """A value cannot be bound; carries the failure: the author's, and not worth a retry."""

    def __init__(self, message: str, code: str = BINDING_FAILED) -> None:
        """Make the failure."""
        self.failure = Failure(code, message, Fault.USER, retryable=False)
        super().__init__(message)


class NotLoaded(Exception):
    """A path leads into a value that lies in the object store; bind again with it loaded."""

    def __init__(self, uri: str) -> None:
        """Keep where the value lies."""
        self.uri = uri
        super().__init__(uri)


def needed(bindings: Sequence[Binding]) -> frozenset[NodeId]:
    """Return the nodes whose outputs the bindings take from; the empty id for the scope's inputs."""
    return frozenset(promise.node_id for binding in bindings for promise in _promises(binding.data))


def bind(
    bindings: Sequence[Binding],
    declared: Mapping[str, Variable],
    sources: Sources,
    loaded: Mapping[str, pb.Literal],
) -> pb.LiteralMap:
    """Return the literals that bindings give.

    `declared` are the variables bound, as far as they are known; one that is not bound and may be
    none, is none. `loaded` are offloaded literals by uri.

    Raises:
        BindingFailed: A value is not there.
        NotLoaded: `loaded` lacks a literal.
    """
    bound = pb.LiteralMap()
    for binding in bindings:
        variable = declared.get(binding.var)
        try:
            _Binder(sources, loaded).fill(
                binding.data, variable.type if variable else None, bound.literals[binding.var]
            )
        except BindingFailed as error:
            failure = error.failure
            raise BindingFailed(f"`{binding.var}` cannot be bound: {failure.message}", failure.code) from None
    for name, variable in declared.items():
        if name not in bound.literals:
            _fill_none(name, variable.type, bound)
    return bound


def _promises(data: BindingData) -> Iterator[Promise]:
    match data:
        case BoundPromise(promise=promise):
            yield promise
        case BoundCollection(items=items):
            for item in items:
                yield from _promises(item)
        case BoundMap(items=entries):
            for item in entries.values():
                yield from _promises(item)
        case BoundScalar() | BoundOffloaded():
            pass
        case unreachable:
            assert_never(unreachable)


def _fill_none(name: str, type_: LiteralType, bound: pb.LiteralMap) -> None:
    """Give none to an input that was left out and may be none."""
    if type_.kind == NONE_TYPE.kind:
        bound.literals[name].scalar.none_type.SetInParent()
        return
    variants = type_.kind.variants if isinstance(type_.kind, UnionType) else ()
    for variant in variants:
        if variant.kind == NONE_TYPE.kind:
            union = bound.literals[name].scalar.union
            union.value.scalar.none_type.SetInParent()
            fill_literal_type(variant, union.type)
            return
    raise BindingFailed(f"`{name}` is not bound, and it has no default")


class _Binder:
    """Fills one input."""

    __slots__ = ("_loaded", "_sources")

    def __init__(self, sources: Sources, loaded: Mapping[str, pb.Literal]) -> None:
        self._sources = sources
        self._loaded = loaded

    def fill(self, data: BindingData, expected: LiteralType | None, out: pb.Literal) -> None:
        """Write the literal of a binding into `out`."""
        match data:
            case BoundPromise(promise=promise):
                out.CopyFrom(self._promised(promise, expected))
            case BoundScalar(value=scalar):
                fill_scalar(scalar, out.scalar)
            case BoundCollection(items=items):
                out.collection.SetInParent()
                for item in items:
                    self.fill(item, None, out.collection.literals.add())
            case BoundMap(items=entries):
                out.map.SetInParent()
                for key, item in entries.items():
                    self.fill(item, None, out.map.literals[key])
            case BoundOffloaded(value=offloaded):
                fill_literal(Literal(offloaded), out)
            case unreachable:
                assert_never(unreachable)
        if data.union_target is not None:
            _wrap(out, data.union_target)

    def _promised(self, promise: Promise, expected: LiteralType | None) -> pb.Literal:
        found = self._sources[promise.node_id].literals
        if promise.var not in found:
            raise BindingFailed(f"{_giver(promise)} gave no `{promise.var}`")
        literal = found[promise.var]
        for index, step in enumerate(promise.path):
            literal = self._opened(literal)
            match literal.WhichOneof("value"):
                case "collection":
                    items = literal.collection.literals
                    if not isinstance(step, int) or not 0 <= step < len(items):
                        raise _nothing_at(promise, index)
                    literal = items[step]
                case "map":
                    if not isinstance(step, str) or step not in literal.map.literals:
                        raise _nothing_at(promise, index)
                    literal = literal.map.literals[step]
                case "scalar":
                    return native(_inside(literal.scalar, promise, index), expected)
                case _:
                    raise _nothing_at(promise, index)
        return literal

    def _opened(self, literal: pb.Literal) -> pb.Literal:
        """Return the literal behind unions and offloading."""
        while True:
            match literal.WhichOneof("value"):
                case "offloaded_metadata":
                    uri = literal.offloaded_metadata.uri
                    if uri not in self._loaded:
                        raise NotLoaded(uri)
                    literal = self._loaded[uri]
                case "scalar" if literal.scalar.WhichOneof("value") == "union":
                    literal = literal.scalar.union.value
                case _:
                    return literal


def _inside(scalar: pb.Scalar, promise: Promise, index: int) -> object:
    """Return what lies in a structure at the rest of the promise's path, as plain data."""
    match scalar.WhichOneof("value"):
        case "binary" if scalar.binary.tag == "msgpack":
            value = _unpacked(scalar.binary.value, promise)
        case "generic":
            value = json.loads(json_format.MessageToJson(scalar.generic))
        case other:
            raise BindingFailed(f"{_shown(promise, index)} is a {other}, nothing lies inside", PATH_FAILED)
    for position in range(index, len(promise.path)):
        step = promise.path[position]
        match value:
            case dict() if step in value:
                value = value[step]
            case list() if isinstance(step, int) and 0 <= step < len(value):
                value = value[step]
            case _:
                raise _nothing_at(promise, position)
    return value


def _unpacked(data: bytes, promise: Promise) -> object:
    try:
        value: object = msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise BindingFailed(f"{_shown(promise, 0)} is no msgpack: {error}", PATH_FAILED) from error
    return value


def _wrap(literal: pb.Literal, target: LiteralType) -> None:
    """Say which variant of a union the value is of, where exactly one fits and nobody has said it."""
    scalar = literal.WhichOneof("value") == "scalar"
    if scalar and literal.scalar.WhichOneof("value") == "union":
        return
    variants = target.kind.variants if isinstance(target.kind, UnionType) else ()
    fitting = [variant for variant in variants if fits(literal, variant)]
    if len(fitting) == 1:
        value = pb.Literal()
        value.CopyFrom(literal)
        literal.Clear()
        literal.scalar.union.value.CopyFrom(value)
        fill_literal_type(fitting[0], literal.scalar.union.type)


def _nothing_at(promise: Promise, index: int) -> BindingFailed:
    step = promise.path[index]
    place = f"[{step}]" if isinstance(step, int) else f".{step}"
    return BindingFailed(f"{_shown(promise, index)} has nothing at `{place}`", PATH_FAILED)


def _shown(promise: Promise, index: int) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in promise.path[:index])
    return f"`{promise.var}{path}` of {_giver(promise)}"


def _giver(promise: Promise) -> str:
    return f"node `{promise.node_id}`" if promise.node_id else "the workflow's inputs"
