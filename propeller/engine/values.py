"""Binding values: from bindings and upstream outputs to a node's inputs."""

from collections.abc import Awaitable, Callable

import msgpack

from flytelike.codec.literals import fill_literal, fill_scalar
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
from flytelike.model.literals import Literal
from flytelike_idl.core import literals_pb2 as pb

Outputs = Callable[[Promise], Awaitable[pb.LiteralMap]]
"""Gives the map that a promise's variable is in."""


class BindingFailed(Exception):
    """A value cannot be bound; carries the failure for the node."""

    def __init__(self, message: str) -> None:
        """Keep the failure: the author's, and not worth a retry."""
        self.failure = Failure("BindingFailed", message, Fault.USER, retryable=False)
        super().__init__(message)


async def bind(bindings: tuple[Binding, ...], outputs: Outputs) -> pb.LiteralMap:
    """Return the literals that bindings give. Raises BindingFailed."""
    bound = pb.LiteralMap()
    for binding in bindings:
        try:
            await fill(binding.data, outputs, bound.literals[binding.var])
        except BindingFailed as error:
            raise BindingFailed(f"`{binding.var}` cannot be bound: {error}") from None
    return bound


async def fill(data: BindingData, outputs: Outputs, out: pb.Literal) -> None:
    """Write the literal of a binding into `out`."""
    match data:
        case BoundPromise(promise):
            out.CopyFrom(await promised(promise, outputs))
        case BoundScalar(value):
            fill_scalar(value, out.scalar)
        case BoundCollection(items):
            out.collection.SetInParent()
            for item in items:
                await fill(item, outputs, out.collection.literals.add())
        case BoundMap(entries):
            out.map.SetInParent()
            for key, item in entries.items():
                await fill(item, outputs, out.map.literals[key])
        case BoundOffloaded(value):
            fill_literal(Literal(value), out)


async def promised(promise: Promise, outputs: Outputs) -> pb.Literal:
    """Return the value that a promise stands for."""
    found = await outputs(promise)
    if promise.var not in found.literals:
        raise BindingFailed(f"`{promise.node_id or 'the workflow'}` gave no `{promise.var}`")
    literal = found.literals[promise.var]
    for index, step in enumerate(promise.path):
        while literal.WhichOneof("value") == "scalar" and literal.scalar.WhichOneof("value") == "union":
            literal = literal.scalar.union.value
        match literal.WhichOneof("value"):
            case "collection" if isinstance(step, int) and step < len(literal.collection.literals):
                literal = literal.collection.literals[step]
            case "map" if str(step) in literal.map.literals:
                literal = literal.map.literals[str(step)]
            case "scalar" if literal.scalar.WhichOneof("value") == "binary":
                return inside(literal.scalar.binary, promise.path[index:], promise)
            case _:
                raise nothing_at(promise, step)
    return literal


def inside(document: pb.Binary, path: tuple[str | int, ...], promise: Promise) -> pb.Literal:
    """Return what lies at a path in a msgpack document; structures stay msgpack, as in Flyte."""
    value = msgpack.unpackb(document.value, strict_map_key=False)
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            raise nothing_at(promise, step) from None
    literal = pb.Literal()
    match value:
        case None:
            literal.scalar.none_type.SetInParent()
        case bool():
            literal.scalar.primitive.boolean = value
        case int():
            literal.scalar.primitive.integer = value
        case float():
            literal.scalar.primitive.float_value = value
        case str():
            literal.scalar.primitive.string_value = value
        case list() if all(isinstance(item, bool | int | float | str) for item in value):
            literal.collection.SetInParent()
            for position in range(len(value)):
                step_literal = inside(document, (*path, position), promise)
                literal.collection.literals.add().CopyFrom(step_literal)
        case _:
            literal.scalar.binary.value = msgpack.packb(value)
            literal.scalar.binary.tag = "msgpack"
    return literal


def nothing_at(promise: Promise, step: str | int) -> BindingFailed:
    """Return the error for a path that leads nowhere."""
    place = f"[{step}]" if isinstance(step, int) else f".{step}"
    return BindingFailed(f"`{promise.var}` of `{promise.node_id or 'the workflow'}` has nothing at `{place}`")
