"""Values that lie in the store by themselves, since they are too large for a document: read where they are needed."""

from collections.abc import Iterable
from dataclasses import replace

from flytelike.codec.offloading import offloaded_value
from flytelike.model.literals import Collection, Literal, Map, Offloaded, UnionValue
from flytelike.storage import Store


def loaded(literal: Literal, store: Store) -> Literal:
    """Return a literal with its value, and those of its parts, read from the store as far as they lie there.

    What it says of its type is not trusted: what is read is held to the type that is asked for.

    Raises:
        StorageError: It cannot be read, or is larger than may be.
        MalformedError: It is no value.
    """
    match literal.value:
        case Offloaded(uri):
            return replace(offloaded_value(store.get(uri)), hash=literal.hash)
        case UnionValue(inner, kind) if _may_lie_there([inner]):
            return replace(literal, value=UnionValue(loaded(inner, store), kind))
        case Collection(items) if _may_lie_there(items):
            return replace(literal, value=Collection(tuple(loaded(item, store) for item in items)))
        case Map(items) if _may_lie_there(items.values()):
            return replace(literal, value=Map({key: loaded(item, store) for key, item in items.items()}))
        case _:
            return literal


def _may_lie_there(literals: Iterable[Literal]) -> bool:
    """Tell quickly of plain values that they don't."""
    return any(isinstance(literal.value, Offloaded | UnionValue | Collection | Map) for literal in literals)
