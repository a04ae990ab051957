"""Dataclasses and other documents: what is read, what is refused, and how faults name their place."""

import enum
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flytelike.model.literals import Binary, GenericStruct, Literal, Map, Primitive, Void
from flytelike.model.types import JsonText, LiteralType, SimpleType
from flytelike.storage import Store, StoreConfig
from flytelike.types import ValueContext, registry
from flytelike.types.faults import TypeFault
from flytelike.types.file import FlyteFile
from flytelike.types.msgpack_value import packed
from flytelike.types.registry import Registry

CTX = ValueContext(Store(StoreConfig()), "memory://raw", Path("/nonexistent"))


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Leaf:
    n: int
    colour: Colour = Colour.RED


@dataclass
class Tree:
    leaves: list[Leaf]
    named: dict[str, Leaf] = field(default_factory=dict)
    wait: timedelta | None = None


@dataclass
class Twin:
    n: int
    colour: Colour = Colour.RED


@dataclass
class Strict:
    n: int

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError("n is negative")


@dataclass
class WithTuple:
    pair: tuple[int, int]


@dataclass
class Recursive:
    children: list["Recursive"]


def document(plain: Any) -> Literal:
    return Literal(Binary(packed(plain, dict), "msgpack"))


@pytest.mark.parametrize(
    ("value", "hint", "headline"),
    [
        (Tree([Leaf(1), Leaf("x")]), Tree, "$.leaves[1].n: expected `int`, got str 'x'"),  # type: ignore[arg-type]
        (Tree([], {"k": Leaf(None)}), Tree, "$.named['k'].n: expected `int`, got NoneType None"),  # type: ignore[arg-type]
        (Leaf(1, "green"), Leaf, "$.colour: expected `Colour`, got str 'green'"),  # type: ignore[arg-type]
        (Tree([Twin(1)]), Tree, "$.leaves[0]"),  # type: ignore[list-item]
        ([1, "a"], list[int], "$[1]: expected `int`, got str 'a'"),
        ({"k": [Leaf("x")]}, dict[str, list[Leaf]], "$['k'][0].n: expected `int`"),  # type: ignore[arg-type]
        ({"n": 1}, Leaf, "expected `Leaf`, got dict {'n': 1}"),
        ({"a": object()}, dict, "expected `dict`"),
    ],
)
def test_values_that_do_not_fit_are_told_with_their_place(value: Any, hint: Any, headline: str) -> None:
    with pytest.raises(TypeFault) as caught:
        registry.to_literal(value, hint, CTX)
    assert caught.value.diagnostics[0].headline.startswith(headline)
    assert caught.value.diagnostics[0].code == "value-mismatch"


@pytest.mark.parametrize(
    ("plain", "hint", "text"),
    [
        ({"leaves": [{"n": "x"}]}, Tree, "$.leaves[0].n: expected `int`, got str 'x'"),
        ({"leaves": [{}]}, Tree, "$.leaves[0]: expected `Leaf`"),
        ({"n": 1, "m": 2}, Leaf, "unknown fields m"),
        ({"n": 1, "colour": "green"}, Leaf, "$.colour: expected `Colour`"),
        ({"n": -1}, Strict, "n is negative"),
        ([1], Leaf, "expected `Leaf`"),
        ({"leaves": [], "wait": "long"}, Tree, "$.wait"),
    ],
)
def test_documents_that_do_not_fit_are_told_with_their_place(plain: Any, hint: Any, text: str) -> None:
    with pytest.raises(TypeFault) as caught:
        registry.to_python(document(plain), hint, CTX)
    assert text in str(caught.value)


@pytest.mark.parametrize("damaged", [Binary(b"\xc1", "msgpack"), Binary(b"x", "pickle"), Void(), Primitive(1)])
def test_damaged_documents_are_refused(damaged: Any) -> None:
    with pytest.raises(TypeFault):
        registry.to_python(Literal(damaged), Leaf, CTX)


def test_the_older_json_documents_are_read() -> None:
    """They keep all numbers as doubles."""
    older = Literal(GenericStruct(JsonText('{"n": 1.0, "colour": "red"}')))
    assert registry.to_python(older, Leaf, CTX) == Leaf(1)


@pytest.mark.parametrize(
    ("plain", "hint", "value"),
    [
        (1, int, 1),
        (1, float, 1.0),
        ("red", Colour, Colour.RED),
        (90.0, timedelta, timedelta(seconds=90)),
        ([1, None], list[int | None], [1, None]),
        ({"a": {"n": 1}}, dict[str, Leaf], {"a": Leaf(1)}),
        (None, int | None, None),
        ({"n": 1}, Leaf | None, Leaf(1)),
        ({"1": "a"}, dict[int, str], {1: "a"}),
    ],
)
def test_parts_of_documents_are_read_as_any_type(plain: Any, hint: Any, value: Any) -> None:
    """Where `config.field` was bound, an engine hands on the field's part of the document."""
    assert registry.to_python(document(plain), hint, CTX) == value


@pytest.mark.parametrize("value", [Leaf(1), Twin(1)])
def test_dataclasses_of_one_shape_are_told_apart_in_a_union(value: Any) -> None:
    literal = registry.to_literal(value, Leaf | Twin, CTX)
    assert type(registry.to_python(literal, Leaf | Twin, CTX)) is type(value)


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (WithTuple, "field `pair` of `WithTuple`: `tuple[int, int]` cannot be"),
        (list[WithTuple], "field `pair` of `WithTuple`"),
        (Recursive, "inside itself"),
    ],
)
def test_dataclasses_without_a_type_are_told_with_the_field(hint: Any, text: str) -> None:
    with pytest.raises(TypeFault) as caught:
        registry.literal_type_of(hint)
    assert caught.value.diagnostics[0].code == "unsupported-type"
    assert text in str(caught.value)


def test_a_fields_missing_argument_is_told() -> None:
    with pytest.raises(TypeFault) as caught:
        registry.literal_type_of(list)
    assert caught.value.diagnostics[0].code == "missing-type-argument"


class Money:
    """A class of an author's own, with a transformer."""

    def __init__(self, cents: int) -> None:
        self.cents = cents


class MoneyTransformer:
    name = "Money"

    def handles(self, hint: Any) -> bool:
        return hint is Money

    def literal_type(self, hint: Any) -> LiteralType:
        return registry.literal_type_of(int)

    def to_literal(self, value: Any, hint: Any, ctx: ValueContext) -> Literal:
        return Literal(Primitive(value.cents))

    def to_python(self, literal: Literal, hint: Any, ctx: ValueContext) -> Any:
        assert isinstance(literal.value, Primitive)
        assert isinstance(literal.value.value, int)
        return Money(literal.value.value)


@dataclass
class Bill:
    total: Money
    receipt: FlyteFile | None = None


def test_an_authors_transformer_serves_everywhere() -> None:
    own = Registry()
    own.register(MoneyTransformer())
    assert own.literal_type(list[Money]) == registry.literal_type_of(list[int])
    literal = own.to_literal({"a": Bill(Money(3))}, dict[str, Bill | Money], CTX)
    assert isinstance(literal.value, Map)
    back = own.to_python(literal, dict[str, Bill | Money], CTX)
    assert back["a"].total.cents == 3
    assert own.literal_type(Bill).kind == SimpleType(registry.literal_type_of(dict).kind.simple)  # type: ignore[union-attr]
