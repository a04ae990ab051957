"""Priorities within an execution: who gets a slot first when `max_parallelism` leaves too few."""

from dataclasses import replace

from flytelike.model.ids import NodePath
from flytelike.model.policies import NodeMetadata
from flytelike.model.priority import PRIORITY_MAX
from propeller.core.header import Limits
from propeller.core.reuse import Reuse
from propeller.core.state import ExecutionState
from tests.unit.propeller_core.builders import (
    FLAKE,
    GOES_ON,
    NodeSketch,
    Run,
    begin,
    branch,
    child,
    dynamic,
    each,
    err,
    gave,
    graph,
    ok,
    plan_of,
    sub,
    task,
)

ONE = Limits(max_parallelism=1)


def rated(priority: int, node: NodeSketch) -> NodeSketch:
    """The same node with a priority of its own."""
    return replace(node, metadata=replace(node.metadata, priority=priority))


def of_task(priority: int, node: NodeSketch) -> NodeSketch:
    """The same node, whose task has a priority."""
    return replace(node, task=replace(node.task, priority=priority))


def test_of_the_nodes_that_are_ready_at_once_the_highest_starts_first() -> None:
    run = Run(plan_of(graph(task("a"), rated(2, task("b")), rated(1, task("c")), rated(-1, task("d")))), ONE)
    assert run.on(begin()) == ["b/0/start"]
    assert run.on(ok("b")) == ["c/0/start"]
    assert run.on(ok("c")) == ["a/0/start"]
    assert run.on(ok("a")) == ["d/0/start"]


def test_a_node_that_is_ready_later_overtakes_those_below_it_and_no_others() -> None:
    nodes = (task("a"), task("low"), rated(5, task("same")), rated(5, task("late", "a")))
    run = Run(plan_of(graph(rated(9, nodes[0]), *nodes[1:])), ONE)
    assert run.on(begin()) == ["a/0/start"]
    assert run.on(ok("a")) == ["same/0/start"]
    assert run.on(ok("same")) == ["late/0/start"]
    assert run.on(ok("late")) == ["low/0/start"]


def test_what_needs_no_slot_opens_as_it_is_listed_whatever_its_priority() -> None:
    inner = graph(task("x"), name="inner")
    run = Run(plan_of(graph(sub("s", "inner"), rated(9, sub("t", "inner"))), inner), Limits(max_parallelism=9))
    run.on(begin())
    assert [line for line in run.told if line in {"node s RUNNING", "node t RUNNING"}] == [
        "node s RUNNING",
        "node t RUNNING",
    ]


def test_in_one_batch_a_slot_goes_to_who_was_the_highest_at_its_time() -> None:
    run = Run(plan_of(graph(rated(9, task("a")), task("low"), rated(5, task("late", "a")))), ONE)
    run.on(begin())
    assert run.on(ok("a"), ok("late")) == ["late/0/start", "low/0/start"]


def test_a_node_wins_over_its_task_even_with_0() -> None:
    of_plan = plan_of(graph(of_task(7, task("a")), rated(0, of_task(7, task("b"))), task("c")))
    assert [of_plan.priority(NodePath(node)) for node in ("a", "b", "c")] == [7, 0, 0]


def test_what_lies_inside_of_a_node_goes_with_it() -> None:
    inner = graph(task("x"), rated(3, task("y")), name="inner")
    outer = graph(
        rated(10, sub("s", "inner")),
        *branch("b", rated(1, task("t")), task("u")),
        rated(4, each(of_task(2, task("e")))),
        each(of_task(2, task("f"))),
        child("lp", "nightly"),
    )
    of_plan = plan_of(outer, inner)
    paths = ("s", "s.0.x", "s.0.y", "t", "u", "e", "e.0.1", "f", "f.0.1", "lp")
    assert [of_plan.priority(NodePath(path)) for path in paths] == [10, 10, 13, 1, 0, 4, 4, 2, 2, 0]


def test_sums_stay_within_bounds() -> None:
    inner = graph(rated(PRIORITY_MAX, task("x")), name="inner")
    assert plan_of(graph(rated(PRIORITY_MAX, sub("s", "inner"))), inner).priority(NodePath("s.0.x")) == PRIORITY_MAX


def test_what_opens_urgent_nodes_is_opened_before_a_slot_is_given_away() -> None:
    inner = graph(rated(3, task("x")), name="inner")
    run = Run(plan_of(graph(task("a"), sub("s", "inner")), inner), ONE)
    assert run.on(begin()) == ["s.0.x/0/start"]
    assert run.on(ok("s.0.x")) == ["s/0/collect", "a/0/start"]


def test_a_dynamic_node_that_runs_again_waits_by_its_priority() -> None:
    inner = plan_of(graph(task("x"), name="inner"))
    nodes = (dynamic("d", "inner", retries=1), rated(1, task("a")))
    run = Run(plan_of(graph(of_task(5, nodes[0]), nodes[1], policy=GOES_ON)), ONE)
    assert run.on(begin()) == ["d/0/start"]
    run.plan.grafts[NodePath("d.0")] = inner
    assert run.on(gave("d", "inner")) == ["d.0.x/0/start"]
    assert run.on(err("d.0.x", FLAKE)) == ["d/1/start"]
    assert "node d QUEUED" in run.told


def test_a_graph_made_at_run_time_may_be_all_that_has_priorities() -> None:
    run = Run(plan_of(graph(dynamic("d", "inner"))), ONE)
    run.on(begin())
    run.plan.grafts[NodePath("d.0")] = plan_of(graph(task("x"), rated(3, task("y")), name="inner"))
    run.plan.grafts[NodePath("e.0")] = plan_of(graph(task("x"), name="inner"))
    assert run.on(gave("d", "inner")) == ["d.0.y/0/start"]
    assert run.on(ok("d.0.y")) == ["d.0.x/0/start"]


def test_what_is_left_out_needs_no_slot_and_lets_what_is_below_it_in_line_first() -> None:
    plan = plan_of(graph(task("low"), task("out"), rated(3, task("urgent", "out"))))
    run = Run(plan, ONE, reuse={"out": Reuse.LEAVE})
    assert run.on(begin()) == ["urgent/0/start"]
    assert run.on(ok("urgent")) == ["low/0/start"]


def test_a_state_that_is_loaded_again_keeps_the_line() -> None:
    run = Run(plan_of(graph(rated(9, task("a")), task("b"), rated(3, task("c")), rated(3, task("d")))), ONE)
    run.on(begin())
    loaded = ExecutionState(run.plan, run.state.header, run.state.nodes)
    assert {level: list(line) for level, line in loaded.index.lines.items()} == {3: ["c", "d"], 0: ["b"]}


def test_without_a_limit_nobody_waits_and_all_start_in_their_order() -> None:
    run = Run(plan_of(graph(task("a"), rated(5, task("b")))))
    assert run.on(begin()) == ["a/0/start", "b/0/start"]


def test_priorities_of_tasks_are_zero_until_somebody_gives_one() -> None:
    assert not plan_of(graph(task("a"), sub("s", "inner")), graph(task("x"), name="inner")).ranked
    assert NodeMetadata().priority is None
