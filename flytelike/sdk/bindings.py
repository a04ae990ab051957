"""Arguments of calls to bindings: constants to literals, promises to references."""

import types as python_types
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from flytelike.model import graph
from flytelike.model.diagnostic import Diagnostic, DiagnosticError, Label
from flytelike.model.graph import Binding, BindingData, BoundCollection, BoundMap, BoundPromise, BoundScalar
from flytelike.model.ids import WORKFLOW_INPUTS
from flytelike.model.literals import Blob, Collection, Literal, Map, Offloaded, StructuredDataset, UnionValue
from flytelike.model.span import SourceSpan
from flytelike.sdk.bound import holds_promise
from flytelike.sdk.promise import Promise, source_of
from flytelike.sdk.signature import Hint
from flytelike.storage import Store
from flytelike.types import registry
from flytelike.types.annotated import bare, origin_of
from flytelike.types.context import ValueContext

NOWHERE = "memory://constants"
"""Data of constants would go here: they are refused, for a spec cannot carry them."""


def bound(value: object, hint: Hint) -> BindingData:
    """Return what an input is bound to; raises DiagnosticError when a constant does not fit."""
    if isinstance(value, Promise):
        source = source_of(value)
        node = source.node.id if source.node is not None else WORKFLOW_INPUTS
        return BoundPromise(graph.Promise(node, source.var, source.path))
    if holds_promise(value):
        return mixed(value, hint)
    return constant(literal_of(value, hint))


def mixed(value: object, hint: Hint) -> BindingData:
    """Bind the items of a list or dict one by one."""
    if isinstance(value, list):
        inner = part(hint, list, 0)
        return BoundCollection(tuple(bound(item, inner) for item in value))
    if isinstance(value, dict):
        inner = part(hint, dict, 1)
        return BoundMap({str(key): bound(item, inner) for key, item in value.items()})
    raise TypeError(f"{type(value).__name__} holds a promise, which tracing refuses")


def part(hint: Hint, container: type, index: int) -> Hint:
    """Return what an annotation says of a container's items; of a union, what its container says."""
    hint = bare(hint)
    if origin_of(hint) is container:
        return typing.get_args(hint)[index]
    if origin_of(hint) in {typing.Union, python_types.UnionType}:
        for variant in typing.get_args(hint):
            if origin_of(bare(variant)) is container:
                return typing.get_args(bare(variant))[index]
    return object


def constant(literal: Literal) -> BindingData:
    """Return a literal as a binding: lists and maps item by item, as the stock SDK writes them."""
    match literal.value:
        case Collection(items):
            return BoundCollection(tuple(constant(item) for item in items))
        case Map(entries):
            return BoundMap({key: constant(item) for key, item in entries.items()})
        case Offloaded() as stored:
            return graph.BoundOffloaded(stored)
        case UnionValue(inner) if isinstance(inner.value, Collection | Map):
            return constant(inner)
        case scalar:
            return BoundScalar(scalar)


_storing: ContextVar[ValueContext | None] = ContextVar("flytelike-storing", default=None)


@contextmanager
def storing(context: ValueContext) -> Iterator[None]:
    """Let the data of constants be stored: at run time, where a dynamic task binds its values."""
    token = _storing.set(context)
    try:
        yield
    finally:
        _storing.reset(token)


def literal_of(value: object, hint: Hint) -> Literal:
    """Return a constant's literal; data that would have to be stored are refused, unless they can be."""
    context = _storing.get() or ValueContext(Store(), NOWHERE, Path("/nonexistent"))
    literal = registry.to_literal(value, hint, context)
    inner = literal.value.value if isinstance(literal.value, UnionValue) else literal
    if isinstance(inner.value, Blob | StructuredDataset) and inner.value.uri.startswith(NOWHERE):
        raise DiagnosticError(
            [
                Diagnostic(
                    "constant-file",
                    "a file, folder or table of this machine cannot be a constant of a spec",
                    help=("make it an input of the workflow, or read it inside a task",),
                )
            ]
        )
    return literal


@dataclass(frozen=True, slots=True)
class Place:
    """Where values are given, and what takes them.

    Attributes:
        default: Where a value is given that has no place of its own.
        spans: Where values are given, by name.
        wanted: Says what is wanted of a value, such as "`rows` of `load`".
        declared: Tells where what takes a value is declared.
    """

    default: SourceSpan
    spans: Mapping[str, SourceSpan]
    wanted: Callable[[str], str]
    declared: Callable[[str], SourceSpan]


def bindings(
    arguments: Mapping[str, object], hints: Mapping[str, Hint], place: Place, faults: list[Diagnostic]
) -> tuple[Binding, ...]:
    """Return the bindings of a call; what does not fit is kept among `faults` with its place."""
    found = []
    for name, value in arguments.items():
        span = place.spans.get(name, place.default)
        try:
            found.append(Binding(name, bound(value, hints[name]), span))
        except DiagnosticError as error:
            faults.extend(
                Diagnostic(  # without source lines: spans of templates are relative to the project's root
                    told.code,
                    f"{place.wanted(name)}: {told.headline}",
                    Label(span, "given here"),
                    (Label(place.declared(name), "declared here"),),
                    told.help,
                )
                for told in error.diagnostics
            )
    return tuple(found)
