"""Sub-workflow nodes: scopes, outputs, failures, retries as a whole."""

from itertools import pairwise

import pytest

from flytelike.model.policies import FailurePolicy
from propeller.core.node_state import Collecting, Expanded, Failed, Succeeded
from tests.unit.propeller_core.builders import (
    BUG,
    FLAKE,
    GOES_ON,
    LOST,
    Run,
    S,
    abort,
    begin,
    collected,
    err,
    graph,
    ok,
    plan_of,
    run_of,
    sub,
    task,
    timer,
    uncollectable,
)

INNER = graph(task("x"), task("y", "x"), name="inner")


def test_the_nodes_of_a_sub_workflow_start_when_its_node_is_ready() -> None:
    run = run_of(graph(task("a"), sub("s", "inner", "a"), task("z", "s")), INNER)
    assert run.on(ok("a")) == ["s.0.x/0/start"]
    assert run.told[2:] == ["node s RUNNING", "node s.0.x RUNNING", "attempt s.0.x/0 QUEUED"]
    assert run.on(ok("s.0.x")) == ["s.0.y/0/start"]
    assert run.on(ok("s.0.y")) == ["s/0/collect"]
    assert run.on(collected("s")) == ["z/0/start"]
    assert run.told[0] == "node s SUCCEEDED"


def test_records_of_inner_nodes_name_their_parent() -> None:
    run = Run(plan_of(graph(sub("s", "inner")), INNER))
    run.on(begin())
    outer, inner = run.decision.records[1:3]
    assert (outer.path, outer.parent, outer.spec_node_id, outer.is_parent) == ("s", "", "s", True)  # type: ignore[union-attr]
    assert (inner.path, inner.parent, inner.spec_node_id, inner.is_parent) == ("s.0.x", "s", "x", False)  # type: ignore[union-attr]


def test_sub_workflows_nest() -> None:
    middle = graph(sub("m", "inner"), name="middle")
    run = run_of(graph(sub("s", "middle")), middle, INNER)
    assert run.waits_for() == ["s.0.m.0.x/0/start"]
    run.on(ok("s.0.m.0.x"))
    assert run.on(ok("s.0.m.0.y")) == ["s.0.m/0/collect"]
    assert run.on(collected("s.0.m")) == ["s/0/collect"]
    assert run.on(collected("s")) == ["/0/collect"]


def test_one_workflow_may_run_in_many_places() -> None:
    run = run_of(graph(sub("s", "inner"), sub("t", "inner")), INNER)
    assert run.waits_for() == ["s.0.x/0/start", "t.0.x/0/start"]


def test_a_workflow_without_nodes_hands_its_inputs_on() -> None:
    empty = graph(name="empty")
    assert run_of(graph(sub("s", "empty")), empty).waits_for() == ["s/0/collect"]
    assert run_of(empty).waits_for() == ["/0/collect"]


def test_many_empty_workflows_end_at_once() -> None:
    void = graph(name="void", outputs=False)
    run = run_of(graph(sub("s", "void"), sub("t", "void"), task("z", "s", "t")), void)
    assert run.states() == {"s": "Succeeded", "t": "Succeeded", "z": "Started"}
    assert run_of(void).phase == "SUCCEEDED"


def test_a_failure_inside_stops_the_scope_and_fails_the_node() -> None:
    run = run_of(graph(sub("s", "pair"), task("b")), graph(task("x"), task("y"), name="pair"))
    assert run.on(err("s.0.x")) == ["s.0.y/0/abort", "b/0/abort"]
    assert "node s FAILED USER:ValueError" in run.told
    assert run.phase == "FAILED"


def test_each_workflow_has_its_own_failure_policy() -> None:
    pair = graph(task("x"), task("y"), task("z", "x"), name="pair", policy=GOES_ON)
    run = run_of(graph(sub("s", "pair"), task("b")), pair)
    assert run.on(err("s.0.x")) == []
    assert run.state.get("s") == Expanded(0, 0, BUG)  # type: ignore[arg-type]
    assert run.on(ok("s.0.y")) == ["b/0/abort"]
    assert run.phase == "FAILED"


def test_a_failed_sub_workflow_does_not_stop_its_neighbours_where_they_may_go_on() -> None:
    run = run_of(graph(sub("s", "inner"), task("b"), task("c", "s"), policy=GOES_ON), INNER)
    assert run.on(err("s.0.x")) == []
    assert run.states() == {"s": "Failed", "s.0.x": "Failed", "b": "Started", "c": "Skipped"}
    run.on(ok("b"))
    assert run.phase == "FAILED"


def test_without_retries_the_inner_failure_is_the_nodes() -> None:
    run = run_of(graph(sub("s", "inner")), INNER)
    run.on(err("s.0.x", FLAKE))
    failed = run.state.get("s")  # type: ignore[arg-type]
    assert isinstance(failed, Failed)
    assert failed.failure.code == "RetriesExhausted|USER:Flaky"


def test_a_sub_workflow_is_retried_as_a_whole_when_its_author_asked_for_it() -> None:
    run = run_of(graph(sub("s", "inner", retries=1)), INNER)
    run.on(ok("s.0.x"))
    assert run.on(err("s.0.y", FLAKE)) == ["s.1.x/0/start"]
    run.on(ok("s.0.x"), err("s.0.y"))
    assert run.decision.changes_nothing, "the first scope is closed"
    run.on(ok("s.1.x"))
    assert run.on(ok("s.1.y")) == ["s/1/collect"]
    assert run.on(collected("s", 0)) == []
    assert run.on(collected("s", 1)) == ["/0/collect"]
    assert run.state.get("s") == Succeeded(1)  # type: ignore[arg-type]


def test_a_retried_scope_leaves_nothing_running() -> None:
    run = run_of(graph(sub("s", "pair", retries=1)), graph(task("x"), task("y"), name="pair"))
    assert run.on(err("s.0.x", FLAKE)) == ["s.0.y/0/abort", "s.1.x/0/start", "s.1.y/0/start"]


def test_used_up_retries_of_a_sub_workflow_are_told_once() -> None:
    run = run_of(graph(sub("s", "inner", retries=1)), INNER)
    run.on(err("s.0.x", FLAKE))
    run.on(err("s.1.x", FLAKE))
    assert "node s FAILED RetriesExhausted|USER:Flaky" in run.told


def test_a_bug_inside_is_not_retried_as_a_whole() -> None:
    run = run_of(graph(sub("s", "inner", retries=1)), INNER)
    run.on(err("s.0.x", BUG))
    assert run.phase == "FAILED"


@pytest.mark.parametrize(("failure", "again"), [(BUG, []), (LOST, ["s.1.x/0/start"])])
def test_outputs_that_cannot_be_bound_fail_the_node(failure: object, again: list[str]) -> None:
    run = run_of(graph(sub("s", "one", retries=1)), graph(task("x"), name="one"))
    run.on(ok("s.0.x"))
    assert run.state.get("s") == Collecting(0)  # type: ignore[arg-type]
    assert run.on(uncollectable("s", failure)) == again  # type: ignore[arg-type]


def test_outputs_of_the_execution_that_cannot_be_bound_fail_it() -> None:
    run = run_of(graph(task("a")))
    run.on(ok("a"))
    run.on(uncollectable())
    assert run.told == ["execution FAILING USER:ValueError", "execution FAILED USER:ValueError"]


def test_a_sub_workflow_may_have_a_timeout() -> None:
    run = Run(plan_of(graph(sub("s", "inner", timeout_ns=5 * S)), INNER))
    assert run.on(begin(at=S)) == [f"s/0/deadline/{S}", "s.0.x/0/start"]
    assert run.on(timer("s", f"0/deadline/{S}")) == ["s.0.x/0/abort"]
    assert run.told[-1] == "execution FAILED TimeoutExpired"


def test_a_timeout_that_comes_after_the_end_changes_nothing() -> None:
    run = run_of(graph(sub("s", "inner", timeout_ns=5 * S), task("b"), policy=GOES_ON), INNER)
    run.on(err("s.0.x"))
    assert run.states()["s"] == "Failed"
    run.on(timer("s", "0/deadline/0", at=5 * S))
    assert run.decision.changes_nothing


def test_an_abort_reaches_the_innermost_nodes() -> None:
    run = run_of(graph(sub("s", "middle")), graph(sub("m", "inner"), name="middle"), INNER)
    assert run.on(abort()) == ["s.0.m.0.x/0/abort"]
    assert set(run.states().values()) == {"Aborted"}


@pytest.mark.parametrize("policy", list(FailurePolicy))
def test_a_long_chain_of_skips_needs_no_stack(policy: FailurePolicy) -> None:
    names = [f"n{i}" for i in range(3000)]
    nodes = [task("n0"), *(task(b, a) for a, b in pairwise(names))]
    run = run_of(graph(*nodes, policy=policy))
    run.on(err("n0"))
    assert run.phase == "FAILED"
