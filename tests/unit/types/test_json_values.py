"""`JSON` holds what JSON has, and iterators give their values one by one."""

import math
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike import JSON
from flytelike.storage import Store, StoreConfig
from flytelike.types import ValueContext, registry
from flytelike.types.faults import TypeFault

SIMPLE = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SIMPLE | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    ctx = ValueContext(Store(StoreConfig()), f"file://{tmp_path}/raw", tmp_path)

    @given(VALUES)
    def check(value: Any) -> None:
        assert registry.to_python(registry.to_literal(value, JSON, ctx), JSON, ctx) == value

    check()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, {2}]}, r"\$\['a'\]\[1\]: expected `JSON`, got set"),
        ({"a": {1: 2}}, r"\$\['a'\]: .*the key 1 is no text"),
        (math.nan, "got float nan"),
        ((1, 2), "got tuple"),
        (2**64, "got int"),
        (b"x", "got bytes"),
    ],
)
def test_what_json_has_not_is_told_with_its_path(value: object, text: str, ctx: ValueContext) -> None:
    with pytest.raises(TypeFault, match=text):
        registry.to_literal(value, JSON, ctx)


def test_depth_is_bounded(ctx: ValueContext) -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    with pytest.raises(TypeFault, match="levels deep"):
        registry.to_literal(deep, JSON, ctx)


def test_plain_literals_are_json_too(ctx: ValueContext) -> None:
    literal = registry.to_literal({"a": [1, None]}, dict[str, list[int | None]], ctx)
    assert registry.to_python(literal, JSON, ctx) == {"a": [1, None]}


@pytest.mark.parametrize("hint", [Iterator[int], Iterable[int], Generator[int, None, None]])
def test_an_iterator_is_a_collection_whose_values_are_read_one_by_one(hint: Any, ctx: ValueContext) -> None:
    literal = registry.to_literal(iter([1, 2]), hint, ctx)
    assert registry.literal_type_of(hint) == registry.literal_type_of(list[int])
    assert registry.to_python(literal, list[int], ctx) == [1, 2]
    assert list(registry.to_python(literal, hint, ctx)) == [1, 2]


def test_the_place_of_a_value_that_does_not_fit_is_told(ctx: ValueContext) -> None:
    with pytest.raises(TypeFault, match=r"\$\[1\]: expected `int`"):
        registry.to_literal(iter([1, "a"]), Iterator[int], ctx)
