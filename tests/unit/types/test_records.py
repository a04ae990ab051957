"""Dataclasses (generic and inherited), attrs classes and TypedDicts are documents with a schema."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, NotRequired, Required, TypedDict, TypeVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytelike.model.types import CollectionType, SimpleKind, SimpleType
from flytelike.types import ValueContext, registry
from flytelike.types.faults import TypeFault

T = TypeVar("T")
U = TypeVar("U")


@dataclass
class Box(Generic[T]):
    value: T
    more: list[T] = field(default_factory=list)


@dataclass
class Pair(Box[T], Generic[T, U]):
    other: U | None = None


@dataclass
class Counted(Pair[int, str]):
    count: int = 0


@attrs.define
class Point:
    x: int
    _hidden: str = "h"
    tags: list[str] = attrs.Factory(list)


class Movie(TypedDict):
    name: str
    year: NotRequired[int]


class Series(Movie, Generic[T], total=False):
    parts: list[T]
    first: Required[T]


TEXT = st.text(st.characters(codec="utf-8"))
INTS = st.integers(-(2**63), 2**63 - 1)
VALUES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (Box[int], st.builds(Box, INTS, st.lists(INTS))),
    (Box[list[str]], st.builds(Box, st.lists(TEXT), st.lists(st.lists(TEXT)))),
    (Box[Box[str]], st.builds(Box, st.builds(Box, TEXT))),
    (Pair[str, Point], st.builds(Pair, TEXT, st.lists(TEXT), st.none() | st.builds(Point, INTS))),
    (Counted, st.builds(Counted, INTS, st.lists(INTS), st.none() | TEXT, INTS)),
    (Point, st.builds(Point, INTS, TEXT, st.lists(TEXT))),
    (Movie, st.fixed_dictionaries({"name": TEXT}, optional={"year": INTS})),
    (Series[int], st.fixed_dictionaries({"name": TEXT, "first": INTS}, optional={"parts": st.lists(INTS)})),
    (list[Movie | Point], st.lists(st.fixed_dictionaries({"name": TEXT}) | st.builds(Point, INTS))),
]


@pytest.mark.parametrize(("hint", "values"), VALUES, ids=[str(hint) for hint, _ in VALUES])
def test_what_goes_in_comes_out(hint: Any, values: st.SearchStrategy[Any], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("values")
    ctx = ValueContext(registry_store(), f"file://{folder}/raw", folder)

    @given(values)
    def check(value: Any) -> None:
        assert registry.to_python(registry.to_literal(value, hint, ctx), hint, ctx) == value

    check()


def registry_store() -> Any:
    from flytelike.storage import Store, StoreConfig

    return Store(StoreConfig())


def field_types(hint: Any) -> dict[str, Any]:
    structure = registry.literal_type_of(hint).structure
    assert structure is not None
    return {name: kind.kind for name, kind in structure.fields}


def test_the_fields_of_generic_classes_have_the_types_that_fill_them() -> None:
    assert field_types(Box[str])["more"] == CollectionType(registry.literal_type_of(str))
    assert field_types(Counted)["value"] == SimpleType(SimpleKind.INTEGER)
    assert field_types(Series[int])["first"] == SimpleType(SimpleKind.INTEGER)


def test_generic_classes_of_other_arguments_are_other_types() -> None:
    assert registry.literal_type_of(Box[int]) != registry.literal_type_of(Box[str])


def test_a_type_variable_that_stands_for_nothing_is_refused() -> None:
    with pytest.raises(TypeFault, match="type variable `T` is open"):
        registry.literal_type_of(Box)


@pytest.mark.parametrize(
    ("hint", "value", "text"),
    [
        (Box[int], Box("a"), r"\$\.value: expected `int`, got str 'a'"),
        (Box[int], Box(1, [2, "x"]), r"\$\.more\[1\]: expected `int`"),
        (Point, Box(1), "expected `Point`, got Box"),
        (Movie, {"name": "a", "country": 1}, "unknown fields country"),
        (Movie, {"year": 1}, "the keys 'name' are missing"),
        (Movie, [], "expected `Movie`, got list"),
    ],
)
def test_what_does_not_fit_is_told_with_its_path(hint: Any, value: object, text: str, ctx: ValueContext) -> None:
    with pytest.raises(TypeFault, match=text):
        registry.to_literal(value, hint, ctx)


def test_defaults_are_part_of_the_schema() -> None:
    schema = registry.literal_type_of(Point).metadata
    assert '"default":"h"' in schema
    assert '"required":["x"]' in schema


def test_a_document_without_a_field_takes_the_default(ctx: ValueContext) -> None:
    literal = registry.to_literal({"x": 5}, dict, ctx)
    assert registry.to_python(literal, Point, ctx) == Point(5)


def test_annotated_fields_keep_what_chooses_their_transformer(ctx: ValueContext) -> None:
    import pandas as pd

    @dataclass
    class Holder:
        frame: Annotated[pd.DataFrame, {"a": int}]

    holder = Holder(pd.DataFrame({"a": [1], "b": [2]}))
    found = registry.to_python(registry.to_literal(holder, Holder, ctx), Holder, ctx)
    assert list(found.frame.columns) == ["a"]
