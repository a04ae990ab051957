"""Maps: what an array node repeats, what its elements share, and what a local run gives."""

from functools import partial

import pytest

from flytelike import LaunchPlan, Resources, map_task, task, workflow
from flytelike.compiler import check
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.graph import (
    ArrayDataMode,
    ArrayExecutionMode,
    ArrayTarget,
    LaunchPlanTarget,
    MinSuccesses,
    MinSuccessRatio,
    Node,
    SubWorkflowTarget,
    TaskTarget,
)
from tests.unit.sdk.built import built, given, nodes_of


@task
def add(a: int, b: int, c: int = 1) -> int:
    return a + b + c


@task
def odd(n: int) -> int:
    if n % 2:
        return n
    raise ValueError(f"{n} is even")


@task
def show(n: int) -> None: ...


@task
def known(numbers: list[int | None]) -> int:
    return sum(number or 0 for number in numbers)


@workflow
def one(a: int, b: int = 2) -> int:
    return add(a=a, b=b)


plan = LaunchPlan.get_or_create(one, name="mapped_plan", default_inputs={"b": 3})


def array(node: Node) -> ArrayTarget:
    assert isinstance(node.target, ArrayTarget)
    return node.target


@workflow
def mapped(ns: list[int], deep: list[list[int]]) -> int:
    some = map_task(partial(add, b=7), concurrency=3, min_success_ratio=0.75)(a=ns)
    map_task(odd, min_successes=2)(n=[ns[0], 3]).with_overrides(
        node_name="odds", name="the odd ones", retries=2, requests=Resources(cpu="1")
    )
    map_task(one)(a=ns)
    map_task(plan)(a=ns)
    map_task(map_task(partial(add, b=5)))(a=deep)
    map_task(show, run_all_sub_nodes=True)(n=ns)
    return known(numbers=some)


class TestTheNode:
    def test_it_repeats_the_plain_task(self) -> None:
        target = array(nodes_of(mapped)["n0"])
        assert isinstance(target.node.target, TaskTarget)
        assert target.node.target.task.name.endswith(".add")
        assert target.original_interface is True
        assert (target.execution_mode, target.data_mode) == (
            ArrayExecutionMode.MINIMAL_STATE,
            ArrayDataMode.INDIVIDUAL_INPUT_FILES,
        )

    def test_bound_inputs_and_defaults_are_shared(self) -> None:
        node = nodes_of(mapped)["n0"]
        assert array(node).bound_inputs == ("b", "c")
        assert given(node.bindings) == {"a": ".ns", "b": 7, "c": 1}
        assert given(array(node).node.bindings) == given(node.bindings)

    def test_options_say_how_many_run_and_must_succeed(self) -> None:
        nodes = nodes_of(mapped)
        assert (array(nodes["n0"]).parallelism, array(nodes["n0"]).success) == (3, MinSuccessRatio(0.75))
        assert (array(nodes["odds"]).parallelism, array(nodes["odds"]).success) == (None, MinSuccesses(2))
        assert array(nodes["n5"]).run_all_elements

    def test_overrides_are_the_elements_names_are_the_nodes(self) -> None:
        node = nodes_of(mapped)["odds"]
        inner = array(node).node
        assert (node.metadata.name, node.metadata.retries) == ("the odd ones", None)
        assert (inner.metadata.name, inner.metadata.retries) == ("odd", 2)
        assert isinstance(inner.target, TaskTarget)
        assert inner.target.overrides.resources is not None

    def test_workflows_and_launch_plans_are_mapped_too(self) -> None:
        nodes = nodes_of(mapped)
        assert isinstance(array(nodes["n2"]).node.target, SubWorkflowTarget)
        assert given(nodes["n2"].bindings) == {"a": ".ns", "b": 2}
        assert isinstance(array(nodes["n3"]).node.target, LaunchPlanTarget)
        assert given(nodes["n3"].bindings) == {"a": ".ns"}

    def test_a_map_of_a_map_shares_what_the_inner_one_shares(self) -> None:
        node = nodes_of(mapped)["n4"]
        inner = array(node).node.target
        assert isinstance(inner, ArrayTarget)
        assert (array(node).bound_inputs, inner.bound_inputs) == (("b", "c"), ("b", "c"))
        assert given(node.bindings) == {"a": ".deep", "b": 5, "c": 1}

    def test_all_that_is_wrong_is_that_it_cannot_run_yet(self) -> None:
        templates = built(mapped)
        told = {found.code for found in check(templates.entities, templates.references)}
        assert told <= {"unsupported-node-kind", "unused-output"}


class TestLocally:
    def test_it_gives_a_list(self) -> None:
        assert map_task(partial(add, b=1))(a=[1, 2]) == [3, 4]
        assert map_task(add)(a=[1, 2], b=[3, 4], c=[5, 6]) == [9, 12]
        assert map_task(map_task(partial(add, b=1)))(a=[[1], [2, 3]]) == [[3], [4, 5]]
        assert map_task(plan)(a=[1]) == [5]
        assert map_task(show)(n=[1, 2]) is None
        assert map_task(odd)(n=[]) == []

    def test_failed_elements_give_none_while_enough_succeed(self) -> None:
        assert map_task(odd, min_successes=1)(n=[1, 2]) == [1, None]
        assert map_task(odd, min_success_ratio=0.5)(n=[1, 2]) == [1, None]
        with pytest.raises(ValueError, match="2 is even"):
            map_task(odd, min_success_ratio=0.6)(n=[1, 2])
        with pytest.raises(ValueError, match="2 is even"):
            map_task(odd)(n=[1, 2])

    @pytest.mark.parametrize(
        ("a", "b", "code"),
        [([1, 2], [1], "unequal-lists"), (1, [2], "nothing-to-map")],
    )
    def test_lists_have_one_length(self, a: list[int], b: list[int], code: str) -> None:
        with pytest.raises(DiagnosticError) as error:
            map_task(add)(a=a, b=b)
        assert [found.code for found in error.value.diagnostics] == [code]

    def test_calls_are_checked_as_pythons_are(self) -> None:
        with pytest.raises(TypeError, match="missing"):
            map_task(add)(a=[1])
        with pytest.raises(TypeError, match="unexpected"):
            map_task(add)(a=[1], b=[2], d=[3])
