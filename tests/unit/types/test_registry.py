"""An annotation's literal type is its own, whatever was asked about before."""

import pytest

from flytelike.model.types import INTEGER, STRING, LiteralType, UnionType
from flytelike.types.registry import Registry

KINDS = {INTEGER.kind: int, STRING.kind: str}


def variants(kind: LiteralType) -> list[type]:
    assert isinstance(kind.kind, UnionType)
    return [KINDS[variant.kind] for variant in kind.kind.variants]


@pytest.mark.parametrize("orders", [(int | str, str | int), (str | int, int | str)], ids=["int first", "str first"])
def test_unions_that_python_takes_for_equal_keep_their_order(orders: tuple[object, object]) -> None:
    registry = Registry()
    assert orders[0] == orders[1]
    for hint in orders:
        assert variants(registry.literal_type(hint)) == list(hint.__args__)


def test_the_order_is_kept_inside_of_lists_too() -> None:
    registry = Registry()
    first, second = registry.literal_type(list[int | str]), registry.literal_type(list[str | int])
    assert (variants(first.kind.element), variants(second.kind.element)) == ([int, str], [str, int])
