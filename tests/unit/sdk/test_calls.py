"""Calls: in a workflow's body they become nodes, elsewhere they run."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest

from flytelike import task, workflow
from flytelike.model.diagnostic import DiagnosticError
from tests.unit.sdk.built import built, given, nodes_of, workflow_of


@dataclass
class Point:
    x: int
    y: int


class Parts(NamedTuple):
    train: list[int]
    test: list[int]


@task
def scale(number: int, *, factor: int = 2, label: str | None = None) -> int:
    return number * factor


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@task
def weighted(groups: dict[str, list[int]]) -> int:
    return sum(map(sum, groups.values()))


@task
def split(numbers: list[int]) -> Parts:
    return Parts(numbers[:-1], numbers[-1:])


@task
def pair(number: int) -> tuple[int, str]:
    return number, str(number)


@task
def corner() -> Point:
    return Point(3, 4)


@workflow
def defaults(number: int) -> int:
    return scale(number=number)


@workflow
def given_all(number: int) -> int:
    return scale(number=number, factor=5, label="x")


@workflow
def nested(number: int) -> int:
    one = scale(number=number)
    return weighted(groups={"a": [one, 1], "b": [total(numbers=[one, number])]})


@workflow
def parts_of(numbers: list[int]) -> int:
    parts = split(numbers=numbers)
    first, _ = pair(number=parts.test[0])
    return total(numbers=[first, parts.train[0]])


@workflow
def reached() -> int:
    return scale(number=corner().x)


@workflow
def passed_on(number: int) -> Parts:
    return split(numbers=[number, 1])


class TestInAWorkflow:
    def test_defaults_of_inputs_left_out_are_bound(self) -> None:
        (node,) = nodes_of(defaults).values()
        assert given(node.bindings) == {"number": ".number", "factor": 2, "label": None}

    def test_given_values_take_the_place_of_defaults(self) -> None:
        (node,) = nodes_of(given_all).values()
        assert given(node.bindings) == {"number": ".number", "factor": 5, "label": "x"}

    def test_promises_in_lists_and_dicts_are_bound_one_by_one(self) -> None:
        found = nodes_of(nested)
        assert given(found["n1"].bindings) == {"numbers": ["n0.o0", ".number"]}
        assert given(found["n2"].bindings) == {"groups": {"a": ["n0.o0", 1], "b": ["n1.o0"]}}

    def test_outputs_are_named_by_position_or_as_the_named_tuple_says(self) -> None:
        found = nodes_of(parts_of)
        assert given(found["n1"].bindings) == {"number": "n0.test.0"}
        assert given(found["n2"].bindings) == {"numbers": ["n1.o0", "n0.train.0"]}

    def test_fields_of_values_are_reached_by_attribute(self) -> None:
        assert given(nodes_of(reached)["n1"].bindings)["number"] == "n0.o0.x"

    def test_a_named_tuple_may_be_returned_as_it_came(self) -> None:
        assert given(workflow_of(passed_on).outputs) == {"train": "n0.train", "test": "n0.test"}

    def test_what_a_list_holds_when_it_is_given_counts(self) -> None:
        @workflow
        def changed_later() -> int:
            numbers = [1, 2]
            result = total(numbers=numbers)
            numbers.append(3)
            return result

        assert given(workflow_of(changed_later).nodes[0].bindings) == {"numbers": [1, 2]}

    def test_loops_and_conditions_on_plain_values_are_pythons(self) -> None:
        @workflow
        def chain() -> int:
            number = scale(number=1)
            for factor in range(3):
                if factor:
                    number = scale(number=number, factor=factor)
            return number

        assert [given(node.bindings)["factor"] for node in workflow_of(chain).nodes] == [2, 1, 2]

    def test_the_body_runs_once_however_often_templates_are_made(self) -> None:
        runs = []

        @workflow
        def counted() -> int:
            runs.append(1)
            return scale(number=1)

        assert built(counted) == built(counted)
        assert len(runs) == 1


class TestAsPlainPython:
    @pytest.mark.parametrize(
        ("entity", "inputs", "result"),
        [
            (defaults, {"number": 3}, 6),
            (given_all, {"number": 3}, 15),
            (nested, {"number": 1}, 2 + 1 + 2 + 1),
            (parts_of, {"numbers": [7, 8, 9]}, 9 + 7),
            (reached, {}, 6),
            (passed_on, {"number": 5}, Parts([5], [1])),
        ],
        ids=lambda found: getattr(found, "short_name", ""),
    )
    def test_a_workflow_gives_what_its_functions_give(self, entity, inputs, result) -> None:
        assert entity(**inputs) == result

    def test_a_call_may_be_positional_as_python_has_it(self) -> None:
        assert scale(3, factor=3) == 9
        assert defaults(4) == 8

    @pytest.mark.parametrize("call", [scale, lambda: scale(1, 2), lambda: scale(1, size=2)])
    def test_a_call_that_does_not_fit_the_signature_is_a_type_error(self, call) -> None:
        with pytest.raises(TypeError):
            call()

    def test_values_of_the_wrong_type_are_told_all_at_once(self) -> None:
        with pytest.raises(DiagnosticError) as caught:
            scale("3", factor="2")  # type: ignore[arg-type]
        assert [told.code for told in caught.value.diagnostics] == ["value-mismatch"] * 2

    def test_what_a_task_raises_passes_through_a_workflow(self) -> None:
        @task
        def fail(number: int) -> int:
            raise KeyError(number)

        @workflow
        def failing() -> int:
            return fail(number=1)

        with pytest.raises(KeyError):
            failing()
