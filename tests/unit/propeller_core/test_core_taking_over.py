"""Nodes whose results come from an earlier execution, and nodes that are left out."""

import pytest

from propeller.core.header import Limits
from propeller.core.reuse import Reuse
from tests.unit.propeller_core.builders import (
    FLAKE,
    GOES_ON,
    GraphSketch,
    Run,
    abort,
    begin,
    child,
    collected,
    err,
    graph,
    ok,
    plan_of,
    sub,
    taken,
    task,
    untaken,
)

INNER = graph(task("x"), task("y", "x"), name="inner")
TAKE, LEAVE = Reuse.TAKE, Reuse.LEAVE


def begun(primary: GraphSketch, reuse: dict[str, Reuse], limits: Limits | None = None) -> Run:
    run = Run(plan_of(primary, INNER), limits, reuse)
    run.on(begin())
    return run


@pytest.mark.parametrize("node", [task("a"), sub("a", "inner"), child("a", "lp")], ids=["task", "sub", "child"])
def test_a_listed_node_of_any_kind_is_taken_over_and_never_starts(node: object) -> None:
    run = begun(graph(node, task("z", "a")), {"a": TAKE})  # type: ignore[arg-type]
    assert run.waits_for() == ["a/take"]
    assert run.on(taken("a")) == ["z/0/start"]
    assert run.told[0] == "node a RECOVERED"
    assert run.states() == {"a": "Succeeded", "z": "Started"}


@pytest.mark.parametrize(
    ("node", "starts"),
    [(task("a"), "a/0/start"), (sub("a", "inner"), "a.0.x/0/start"), (child("a", "lp"), "a/0/start")],
    ids=["task", "sub", "child"],
)
def test_a_node_runs_when_there_is_nothing_to_take(node: object, starts: str) -> None:
    run = begun(graph(node), {"a": TAKE})  # type: ignore[arg-type]
    assert run.on(untaken("a")) == [starts]
    assert run.told[:2] == ["node a QUEUED", "node a RUNNING"]


def test_why_a_node_was_taken_over_or_not_is_told() -> None:
    run = begun(graph(task("a"), task("b")), {"a": TAKE, "b": TAKE})
    run.on(taken("a", "taken from e1"), untaken("b", "its outputs are gone"))
    assert [record.note for record in run.decision.records[:2]] == ["taken from e1", "its outputs are gone"]  # type: ignore[union-attr]


def test_taking_over_needs_no_slot_and_what_runs_after_all_does() -> None:
    run = begun(graph(task("a"), task("b"), task("c")), {"b": TAKE, "c": TAKE}, Limits(max_parallelism=1))
    assert run.states() == {"a": "Started", "b": "TakingOver", "c": "TakingOver"}
    assert run.on(untaken("b"), taken("c")) == []
    assert run.states() == {"a": "Started", "b": "Held", "c": "Succeeded"}
    assert run.on(ok("a")) == ["b/0/start"]


def test_nodes_inside_a_sub_workflow_are_taken_over_in_its_first_scope_only() -> None:
    run = begun(graph(sub("s", "inner", retries=1)), {"s.0.x": TAKE})
    assert run.waits_for() == ["s.0.x/take"]
    run.on(taken("s.0.x"))
    assert run.on(err("s.0.y", failure=FLAKE)) == ["s.1.x/0/start"]


def test_stale_and_doubled_news_change_nothing() -> None:
    run = begun(graph(task("a")), {"a": TAKE})
    run.on(untaken("a"))
    assert run.on(taken("a")) == []
    assert run.states() == {"a": "Started"}


def test_an_abort_ends_the_taking_over() -> None:
    run = begun(graph(task("a")), {"a": TAKE})
    run.on(abort())
    assert run.states() == {"a": "Aborted"}
    assert run.on(taken("a")) == []


def test_a_node_left_out_is_told_as_skipped_and_those_below_go_on() -> None:
    run = begun(graph(task("a"), task("b", "a"), task("c", "b")), {"a": LEAVE, "b": TAKE})
    assert run.waits_for() == ["b/take"]
    assert run.on(taken("b")) == ["c/0/start"]
    run.on(ok("c"))
    run.on(collected())
    assert run.phase == "SUCCEEDED"
    assert run.states() == {"a": "LeftOut", "b": "Succeeded", "c": "Succeeded"}


def test_an_execution_of_nodes_left_out_succeeds() -> None:
    run = begun(graph(task("a"), task("b", "a"), outputs=False), {"a": LEAVE, "b": LEAVE})
    assert run.phase == "SUCCEEDED"
    assert "node a SKIPPED" in run.told


def test_below_a_failed_node_nothing_is_taken_over() -> None:
    run = begun(graph(task("a"), task("b", "a"), task("c"), policy=GOES_ON), {"b": TAKE})
    run.on(err("a"))
    assert run.states() == {"a": "Failed", "b": "Skipped", "c": "Started"}
