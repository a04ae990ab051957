"""Lists."""

import typing
from typing import Any

from flytelike.model.literals import Collection, Literal
from flytelike.model.types import CollectionType, LiteralType
from flytelike.types.annotated import origin_of
from flytelike.types.context import ValueContext
from flytelike.types.faults import TypeFault, mismatch, missing_argument, undecodable, within
from flytelike.types.lookup import Lookup
from flytelike.types.many import each, is_stored
from flytelike.types.primitives import unwrapped
from flytelike.types.transformer import Hint


class ListTransformer:
    """`list[T]`, to a collection."""

    name = "Typed List"

    def __init__(self, registry: Lookup) -> None:
        self._registry = registry

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is a list."""
        return hint is list or origin_of(hint) is list

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the collection type."""
        return LiteralType(CollectionType(self._registry.literal_type(element(hint))))

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Return the collection of the items' literals."""
        if not isinstance(value, list):
            raise mismatch(hint, value)
        inner = element(hint)
        if not is_stored(self._registry.literal_type(inner)):
            return Literal(Collection(self._simple(value, inner, ctx)))
        steps = [f"[{number}]" for number in range(len(value))]
        kind = self._registry.literal_type(inner)
        return Literal(
            Collection(tuple(each(lambda item: self._registry.to_literal(item, inner, ctx), value, steps, kind)))
        )

    def _simple(self, values: list[Any], hint: Hint, ctx: ValueContext) -> tuple[Literal, ...]:
        transformer, inner = self._registry.resolved(hint)
        items: list[Literal] = []
        try:
            for item in values:
                items.append(transformer.to_literal(item, inner, ctx))  # noqa: PERF401 - its length tells the place
        except TypeFault as fault:
            raise within(f"[{len(items)}]", fault) from None
        return tuple(items)

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> list[Any]:
        """Return the list of the items' values."""
        found = unwrapped(literal).value
        if not isinstance(found, Collection):
            raise undecodable(hint, type(found).__name__)
        inner = element(hint)
        items: list[Any] = []
        try:
            for item in found.items:
                items.append(self._registry.to_python(item, inner, ctx))  # noqa: PERF401 - as above
        except TypeFault as fault:
            raise within(f"[{len(items)}]", fault) from None
        return items


def element(hint: Hint, example: str = "list[int]") -> Hint:
    """Return what the annotation of a list says of its items; raises TypeFault, with an example, if it says nothing."""
    arguments = typing.get_args(hint)
    if not arguments:
        raise missing_argument(hint, example)
    return arguments[0]
