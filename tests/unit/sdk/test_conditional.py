"""Conditionals: what of a body becomes a branch node, and what a local run does with it."""

from typing import Any

import pytest

from flytelike import conditional, is_false, is_none, is_true, task, workflow
from flytelike.compiler import check
from flytelike.model.condition import (
    Comparator,
    Comparison,
    Conjunction,
    InputOperand,
    Junction,
    PrimitiveOperand,
    ScalarOperand,
)
from flytelike.model.graph import BranchTarget, Node
from flytelike.model.literals import ErrorValue, Primitive, Void
from tests.unit.sdk.built import built, given, nodes_of, short

ran: list[str] = []


@task
def double(n: int) -> int:
    ran.append("double")
    return n * 2


@task
def triple(n: int) -> int:
    ran.append("triple")
    return n * 3


@task
def half(n: float) -> float:
    return n / 2


@task
def show(n: int) -> None:
    ran.append("show")


@task
def pair(n: int) -> tuple[int, str]:
    return n, str(n)


@workflow
def sized(n: int, flag: bool) -> int:
    first = double(n=n)
    return (
        conditional("size")
        .if_((first > 10) & (n < 100))
        .then(triple(n=first))
        .elif_((n == 1) | flag)
        .then(double(n=n))
        .else_()
        .then(conditional("inner").if_(n != 3).then(double(n=n)).else_().fail("three"))
    )


def branch(node: Node) -> BranchTarget:
    assert isinstance(node.target, BranchTarget)
    return node.target


@pytest.mark.parametrize(
    ("n", "flag", "result", "calls"),
    [(6, False, 36, ["double", "triple"]), (1, False, 2, ["double", "double"]), (3, True, 6, ["double", "double"])],
)
def test_a_local_run_makes_the_call_of_the_first_case_that_holds(
    n: int, flag: bool, result: int, calls: list[str]
) -> None:
    ran.clear()
    assert sized(n=n, flag=flag) == result
    assert ran == calls


def test_a_local_run_fails_as_the_last_case_says() -> None:
    with pytest.raises(ValueError, match="three"):
        sized(n=3, flag=False)


class TestTheNode:
    def test_calls_of_cases_are_no_nodes_of_the_workflow(self) -> None:
        nodes = nodes_of(sized)
        assert list(nodes) == ["n0", "n1"]
        target = branch(nodes["n1"])
        assert [case.then.id for case in target.cases if case.then] == ["n0", "n1"]
        assert nodes["n1"].metadata.name == "size"

    def test_conditions_compare_what_the_branch_is_bound_to(self) -> None:
        node = nodes_of(sized)["n1"]
        assert given(node.bindings) == {".flag": ".flag", ".n": ".n", "n0.o0": "n0.o0"}
        first, second = branch(node).cases
        assert first.condition == Conjunction(
            Junction.AND,
            Comparison(Comparator.GREATER, InputOperand("n0.o0"), PrimitiveOperand(Primitive(10))),
            Comparison(Comparator.LESS, InputOperand(".n"), PrimitiveOperand(Primitive(100))),
        )
        assert second.condition == Conjunction(
            Junction.OR,
            Comparison(Comparator.EQUAL, InputOperand(".n"), PrimitiveOperand(Primitive(1))),
            Comparison(Comparator.EQUAL, InputOperand(".flag"), PrimitiveOperand(Primitive(True))),
        )

    def test_a_conditional_can_be_a_case(self) -> None:
        inner = branch(nodes_of(sized)["n1"]).otherwise
        assert isinstance(inner, Node)
        assert branch(inner).otherwise == ErrorValue("inner", "three")

    def test_all_that_is_wrong_is_that_it_cannot_run_yet(self) -> None:
        templates = built(sized)
        told = {found.code for found in check(templates.entities, templates.references)}
        assert told <= {"unsupported-node-kind"}


def compared(condition: Any) -> Any:
    @workflow
    def one(n: int | None, share: float, flag: bool) -> None:
        conditional("one").if_(condition(n, share, flag)).then(show(n=1)).else_().then(show(n=2))

    found = branch(nodes_of(one)["n0"]).cases[0].condition
    assert isinstance(found, Comparison)
    return found


@pytest.mark.parametrize(
    ("condition", "comparator", "right"),
    [
        (lambda n, _, __: is_none(n), Comparator.EQUAL, ScalarOperand(Void())),
        (lambda n, _, __: n.is_none(), Comparator.EQUAL, ScalarOperand(Void())),
        (lambda n, _, __: n != None, Comparator.NOT_EQUAL, ScalarOperand(Void())),  # noqa: E711
        (lambda _, __, flag: is_true(flag), Comparator.EQUAL, PrimitiveOperand(Primitive(True))),
        (lambda _, __, flag: flag.is_false(), Comparator.EQUAL, PrimitiveOperand(Primitive(False))),
        (lambda _, __, flag: is_false(flag), Comparator.EQUAL, PrimitiveOperand(Primitive(False))),
        (lambda _, share, __: share >= 1, Comparator.GREATER_OR_EQUAL, PrimitiveOperand(Primitive(1.0))),
        (lambda _, share, __: 0.5 <= share, Comparator.GREATER_OR_EQUAL, PrimitiveOperand(Primitive(0.5))),
        (lambda n, _, __: n == n, Comparator.EQUAL, InputOperand(".n")),  # noqa: PLR0124
    ],
)
def test_what_is_compared(condition: Any, comparator: Comparator, right: Any) -> None:
    found = compared(condition)
    assert (found.comparator, found.right) == (comparator, right)
    assert isinstance(found.right, PrimitiveOperand) is isinstance(right, PrimitiveOperand)
    if isinstance(right, PrimitiveOperand):
        assert type(found.right.value.value) is type(right.value.value)


def test_what_conditions_ask_of_values_inside_tasks() -> None:
    assert (is_none(None), is_true(True), is_false(True)) == (True, True, False)


class TestWhatItGives:
    def test_a_tuple_when_all_cases_do(self) -> None:
        @workflow
        def both(n: int) -> str:
            _, text = conditional("pairs").if_(n > 1).then(pair(n=n)).else_().then(pair(n=2))
            return text

        assert both(n=1) == "2"

    def test_nothing_when_cases_give_nothing(self) -> None:
        @workflow
        def shown(n: int) -> None:
            conditional("shown").if_(n > 1).then(show(n=n)).else_().then(show(n=2)) >> double(n=n)

        assert nodes_of(shown)["n1"].upstream == ("n0",)
        shown(n=1)

    def test_calls_in_conditions_come_before(self) -> None:
        @workflow
        def before(n: int) -> int:
            return (
                conditional("calls")
                .if_(double(n=n) > 5)
                .then(double(n=n))
                .elif_(half(n=1.0) < 1)
                .then(triple(n=n))
                .else_()
                .fail("none")
            )

        nodes = nodes_of(before)
        assert list(nodes) == ["n0", "n1", "n2"]
        assert sorted(given(nodes["n2"].bindings)) == ["n0.o0", "n1.o0"]
        assert before(n=1) == 3

    def test_attributes_of_one_result_are_operands_of_their_own(self) -> None:
        @task
        def sizes() -> dict[str, int]:
            return {"a": 1, "b": 2}

        @workflow
        def looked() -> int:
            found = sizes()
            return conditional("looked").if_(found["a"] < found["b"]).then(double(n=1)).else_().then(double(n=2))

        node = nodes_of(looked)["n1"]
        assert {binding.var: short(binding.data) for binding in node.bindings} == {
            "n0.o0.a": "n0.o0.a",
            "n0.o0.b": "n0.o0.b",
        }
        assert looked() == 2
