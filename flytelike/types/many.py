"""Many values at once: those whose data go to the store are sent side by side."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from flytelike.model.types import BlobType, LiteralType, SchemaType, StructuredDatasetType, UnionType
from flytelike.types.faults import TypeFault, within

A = TypeVar("A")
B = TypeVar("B")

AT_ONCE = 16
"""How many values are sent at once: a store far away answers each in tens of milliseconds."""


def each(function: Callable[[A], B], items: Sequence[A], steps: Sequence[str], kind: LiteralType) -> Iterator[B]:
    """Yield what a function gives for each item, in their order.

    Args:
        function: Turns an item into a literal, or back.
        items: The items.
        steps: How faults name them, such as `[3]`.
        kind: The items' literal type, which tells whether there is something to send.

    Raises:
        TypeFault: of the first item that does not fit, with its step.
    """

    def told(number: int) -> B:
        try:
            return function(items[number])
        except TypeFault as fault:
            raise within(steps[number], fault) from None

    if len(items) < AT_ONCE or not is_stored(kind):
        yield from map(told, range(len(items)))
        return
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="flytelike-values") as pool:
        try:
            yield from pool.map(told, range(len(items)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def is_stored(kind: LiteralType) -> bool:
    """Tell whether values of a type lie in the store."""
    match kind.kind:
        case BlobType() | StructuredDatasetType() | SchemaType():
            return True
        case UnionType(variants):
            return any(is_stored(variant) for variant in variants)
        case _:
            return False
