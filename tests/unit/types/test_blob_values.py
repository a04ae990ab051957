"""Values that are one file: arrays, pickles, lines of JSON, and what plugins bring."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression

from flytelike import JSON, FlytePickle
from flytelike.model.types import BlobType
from flytelike.storage import Store, StoreConfig
from flytelike.types import ValueContext, registry
from flytelike.types.faults import TypeFault


def through(value: object, hint: Any, ctx: ValueContext) -> Any:
    return registry.to_python(registry.to_literal(value, hint, ctx), hint, ctx)


def test_arrays_keep_their_elements_and_shape(tmp_path: Path) -> None:
    ctx = ValueContext(Store(StoreConfig()), f"file://{tmp_path}/raw", tmp_path)
    kinds = arrays.scalar_dtypes() | arrays.unicode_string_dtypes()

    @given(arrays.arrays(kinds, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
    def check(array: NDArray[Any]) -> None:
        found = through(array, np.ndarray, ctx)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)

    check()


def test_a_stated_element_type_is_held_to(ctx: ValueContext) -> None:
    assert through(np.ones(2), NDArray[np.floating[Any]], ctx).tolist() == [1, 1]
    with pytest.raises(TypeFault, match="its elements are int64"):
        registry.to_literal(np.arange(2), NDArray[np.float64], ctx)
    literal = registry.to_literal(np.arange(2), np.ndarray, ctx)
    with pytest.raises(TypeFault, match="its elements are int64"):
        registry.to_python(literal, NDArray[np.float64], ctx)


def test_arrays_of_python_objects_are_refused(ctx: ValueContext) -> None:
    with pytest.raises(TypeFault, match="Python objects"):
        registry.to_literal(np.array([object()]), np.ndarray, ctx)


def test_equal_arrays_have_equal_digests(ctx: ValueContext) -> None:
    one, other = (registry.to_literal(np.arange(3), np.ndarray, ctx).hash for _ in range(2))
    assert one == other != ""


def test_pickles_are_made_when_asked_for(ctx: ValueContext) -> None:
    assert through(3 + 4j, FlytePickle[complex], ctx) == 3 + 4j
    assert through(lambda x: x + 1, FlytePickle[Any], ctx)(1) == 2
    with pytest.raises(TypeFault, match="unsupported|cannot be the type"):
        registry.literal_type_of(complex)


def test_what_cannot_be_pickled_is_told(ctx: ValueContext) -> None:
    with pytest.raises(TypeFault, match="it cannot be pickled"):
        registry.to_literal((i for i in range(3)), FlytePickle[Any], ctx)


def test_a_pickle_that_cannot_be_read_is_told(ctx: ValueContext) -> None:
    literal = registry.to_literal(np.ones(2), np.ndarray, ctx)
    with pytest.raises(TypeFault, match="a pickle that cannot be read here"):
        registry.to_python(literal, FlytePickle[complex], ctx)


def test_lines_of_json_are_read_as_they_are_asked_for(ctx: ValueContext) -> None:
    made: list[int] = []

    def rows() -> Iterator[Any]:
        for number in range(3):
            made.append(number)
            yield {"n": number, "text": "ü\n"}

    literal = registry.to_literal(rows(), Iterator[JSON], ctx)
    assert registry.literal_type_of(Iterator[JSON]).kind == BlobType("jsonl")
    assert made == [0, 1, 2]
    found = registry.to_python(literal, Iterator[JSON], ctx)
    assert next(found) == {"n": 0, "text": "ü\n"}
    assert [row["n"] for row in found] == [1, 2]


def test_a_line_that_is_no_json_is_told_with_its_number(ctx: ValueContext) -> None:
    with pytest.raises(TypeFault, match=r"\[1\].*JSON"):
        registry.to_literal(iter([1, {1, 2}]), Iterator[JSON], ctx)


class Mine(LinearRegression):
    """An estimator of the author's own."""


def test_estimators_go_by_a_plugin_and_so_do_classes_that_inherit_from_them(ctx: ValueContext) -> None:
    for cls in (LinearRegression, Mine, BaseEstimator):
        model = (LinearRegression if cls is BaseEstimator else cls)().fit([[0.0], [1.0]], [0.0, 2.0])
        assert through(model, cls, ctx).predict([[2.0]])[0] == pytest.approx(4)
    with pytest.raises(TypeFault, match="expected `Mine`"):
        registry.to_literal(LinearRegression(), Mine, ctx)


def test_onnx_models_go_by_a_plugin(ctx: ValueContext) -> None:
    graph = onnx.helper.make_graph([], "empty", [], [])
    model = onnx.helper.make_model(graph)
    assert through(model, onnx.ModelProto, ctx) == model
    assert registry.literal_type_of(onnx.ModelProto).kind == BlobType("onnx")
