"""An author's HashMethod says what makes values equal."""

from dataclasses import dataclass
from typing import Annotated, Any

import pandas as pd
import pytest

from flytelike import FlytePickle, HashMethod, kwtypes
from flytelike.types import ValueContext, registry
from flytelike.types.faults import TypeFault


def rows(frame: pd.DataFrame) -> str:
    return f"{len(frame)} rows"


FRAME = Annotated[pd.DataFrame, HashMethod(rows)]


def test_the_text_is_the_literals_hash(ctx: ValueContext) -> None:
    literal = registry.to_literal(pd.DataFrame({"a": [1, 2]}), FRAME, ctx)
    assert literal.hash == "2 rows"
    assert registry.to_python(literal, FRAME, ctx)["a"].tolist() == [1, 2]
    assert registry.to_python(literal, pd.DataFrame, ctx)["a"].tolist() == [1, 2]


def test_it_goes_together_with_what_else_an_annotation_says(ctx: ValueContext) -> None:
    both: Any = Annotated[pd.DataFrame, kwtypes(a=int), HashMethod(rows)]
    assert registry.literal_type_of(both) == registry.literal_type_of(Annotated[pd.DataFrame, kwtypes(a=int)])
    pickled: Any = Annotated[FlytePickle[complex], HashMethod(str)]
    assert registry.to_literal(1j, pickled, ctx).hash == "1j"


def test_values_inside_of_lists_have_it_too(ctx: ValueContext) -> None:
    literal = registry.to_literal([1, 2], list[Annotated[int, HashMethod(str)]], ctx)
    assert [item.hash for item in literal.value.items] == ["1", "2"]  # type: ignore[union-attr]


def test_fields_of_records_are_taken_without_it(ctx: ValueContext) -> None:
    @dataclass
    class Holder:
        n: Annotated[int, HashMethod(str)]

    assert registry.to_python(registry.to_literal(Holder(3), Holder, ctx), Holder, ctx) == Holder(3)


def test_a_method_that_gives_no_text_is_told(ctx: ValueContext) -> None:
    bad: Any = Annotated[int, HashMethod(lambda value: value)]
    with pytest.raises(TypeFault, match="text of a HashMethod"):
        registry.to_literal(1, bad, ctx)
