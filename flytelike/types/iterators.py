"""Iterators: collections whose values are made one by one, on both sides."""

from collections.abc import Iterable, Iterator
from typing import Any

from flytelike.model.literals import Collection, Literal
from flytelike.model.types import CollectionType, LiteralType
from flytelike.types.annotated import origin_of
from flytelike.types.collections import element
from flytelike.types.context import ValueContext
from flytelike.types.faults import TypeFault, mismatch, undecodable, within
from flytelike.types.json_value import ITERATORS
from flytelike.types.lookup import Lookup
from flytelike.types.primitives import unwrapped
from flytelike.types.transformer import Hint


class IteratorTransformer:
    """`Iterator[T]`, `Iterable[T]` and `Generator[T, None, None]` to a collection.

    A task that yields gives its values as they are made; a task that takes an iterator has each one read (a file
    fetched, a frame loaded) when it gets to it.
    """

    name = "Typed Iterator"

    def __init__(self, registry: Lookup) -> None:
        self._registry = registry

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation means one value after the other."""
        return hint in ITERATORS or origin_of(hint) in ITERATORS

    def literal_type(self, hint: Hint) -> LiteralType:
        """Return the collection type."""
        return LiteralType(CollectionType(self._registry.literal_type(element(hint, "Iterator[int]"))))

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401 - any value
        """Return the collection of the items' literals; the iterator is used up."""
        if not isinstance(value, Iterable) or isinstance(value, str | bytes):
            raise mismatch(hint, value)
        inner = element(hint, "Iterator[int]")
        items: list[Literal] = []
        for item in value:
            try:
                items.append(self._registry.to_literal(item, inner, ctx))
            except TypeFault as fault:
                raise within(f"[{len(items)}]", fault) from None
        return Literal(Collection(tuple(items)))

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Iterator[Any]:
        """Return the values, each read when it is asked for."""
        found = unwrapped(literal).value
        if not isinstance(found, Collection):
            raise undecodable(hint, type(found).__name__)
        return self._values(found, element(hint, "Iterator[int]"), ctx)

    def _values(self, collection: Collection, inner: Hint, ctx: ValueContext) -> Iterator[Any]:
        for number, item in enumerate(collection.items):
            try:
                value = self._registry.to_python(item, inner, ctx)
            except TypeFault as fault:
                raise within(f"[{number}]", fault) from None
            yield value
