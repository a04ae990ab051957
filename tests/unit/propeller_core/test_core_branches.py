"""Branches, gates and failure nodes as protocols: given a graph, when events, then commands and records."""

import pytest

from flytelike.model.ids import NodePath
from propeller.core.header import Limits
from propeller.core.node_state import Failed, Skipped
from tests.unit.propeller_core.builders import (
    BUG,
    GOES_ON,
    S,
    abort,
    branch,
    chosen,
    collected,
    err,
    gate,
    graph,
    ok,
    passed,
    refused,
    run_of,
    sub,
    task,
    timer,
    undecided,
)

# --- branches ---------------------------------------------------------------------------


def test_a_branch_is_decided_then_one_case_runs_and_what_is_below_waits_for_it() -> None:
    run = run_of(graph(*branch("b", task("x"), task("y")), task("z", "b")))
    assert run.waits_for() == ["b/0/decide"]
    assert run.on(chosen("b", "x")) == ["x/0/start"]
    assert run.told == ["node y SKIPPED", "node x RUNNING", "attempt x/0 QUEUED"]
    assert run.on(ok("x")) == ["z/0/start"]
    assert "node b SUCCEEDED" in run.told


def test_a_branch_waits_for_its_own_bindings_only_and_its_case_for_its_own() -> None:
    run = run_of(graph(task("a"), task("c"), *branch("b", task("x", "c"), task("y"), after=["a"])))
    assert run.on(ok("a")) == ["b/0/decide"]
    assert run.on(chosen("b", "x")) == []
    assert run.on(ok("c")) == ["x/0/start"]


def test_a_case_never_starts_before_its_branch_has_chosen_it() -> None:
    run = run_of(graph(task("c"), task("d"), *branch("b", task("x", "c"), task("y", "c"), after=["d"])))
    assert run.on(ok("c")) == []
    assert run.on(ok("d")) == ["b/0/decide"]
    assert run.on(chosen("b", "y")) == ["y/0/start"]


def test_a_branch_is_skipped_with_the_case_it_chose() -> None:
    run = run_of(graph(task("c"), *branch("b", task("x", "c"), task("y")), task("z", "b"), task("w"), policy=GOES_ON))
    run.on(err("c", BUG))
    assert isinstance(run.state.get(NodePath("x")), Skipped)
    run.on(chosen("b", "x"))
    assert {run.states()[it] for it in ("b", "x", "y", "z")} == {"Skipped"}
    run.on(ok("w"))
    assert run.phase == "FAILED"


@pytest.mark.parametrize("event", [undecided("b", BUG), chosen("b", "x")])
def test_a_branch_fails_as_its_case_does_or_when_none_can_be_chosen(event: object) -> None:
    run = run_of(graph(*branch("b", task("x"), task("y"))))
    run.on(event, err("x", BUG))  # type: ignore[arg-type]
    assert run.state.get(NodePath("b")) == Failed(0, BUG)
    assert run.phase == "FAILED"


def test_a_skipped_branch_skips_all_that_it_holds() -> None:
    inner = branch("c", task("v"), task("w"))
    run = run_of(graph(task("a"), *branch("b", *inner, task("y"), after=["a"]), policy=GOES_ON))
    run.on(err("a", BUG))
    assert set(run.states()) == {"a", "b", "c", "v", "w", "y"}
    assert run.phase == "FAILED"


def test_branches_take_no_slot() -> None:
    run = run_of(graph(task("a"), *branch("b", task("x"))), limits=Limits(max_parallelism=1))
    assert run.waits_for() == ["a/0/start", "b/0/decide"]
    assert run.on(chosen("b", "x")) == []
    assert run.on(ok("a")) == ["x/0/start"]


# --- gates ------------------------------------------------------------------------------


def test_a_gate_waits_without_a_slot_and_asks_again_after_a_restart() -> None:
    run = run_of(graph(gate("g"), task("a", "g"), task("b")), limits=Limits(max_parallelism=1))
    assert run.waits_for() == ["b/0/start", "g/0/await"]
    assert run.on(ok("b")) == []
    assert run.on(passed("g")) == ["a/0/start"]


def test_a_refused_gate_fails_its_node_for_good() -> None:
    run = run_of(graph(gate("g")))
    run.on(refused("g", BUG))
    assert run.told[0] == "node g FAILED USER:ValueError"
    assert run.phase == "FAILED"


def test_a_gate_times_out() -> None:
    run = run_of(graph(gate("g", timeout_ns=5 * S)))
    assert run.waits_for() == ["g/0/await", "g/0/deadline/0"]
    run.on(timer("g", "0/deadline/7", 6 * S))
    assert run.phase == "RUNNING"
    run.on(timer("g", "0/deadline/0", 5 * S))
    assert run.told[0] == "node g TIMED_OUT TimeoutExpired"


def test_a_sleep_ends_by_its_timer_and_by_nothing_else() -> None:
    run = run_of(graph(gate("g", sleep_ns=9 * S), gate("h"), outputs=False))
    assert run.waits_for() == ["g/0/sleep", "h/0/await"]
    run.on(timer("h", "0/sleep", 9 * S))
    assert run.states() == {"g": "AtGate", "h": "AtGate"}
    run.on(timer("g", "0/sleep", 9 * S), passed("h"))
    assert run.phase == "SUCCEEDED"


# --- failure nodes ----------------------------------------------------------------------


def test_the_failure_node_starts_after_all_else_was_stopped() -> None:
    run = run_of(graph(task("a"), task("b"), cleanup=task("f")))
    assert run.on(err("a", BUG)) == ["b/0/abort", "f/0/start"]
    assert (run.phase, run.waits_for()) == ("FAILING", ["f/0/start"])
    run.on(ok("f"))
    assert run.told[-1] == "execution FAILED USER:ValueError"


def test_the_failure_node_can_be_retried_and_can_be_aborted() -> None:
    run = run_of(graph(task("a"), cleanup=task("f", retries=1)))
    run.on(err("a", BUG))
    assert run.on(abort()) == ["f/0/abort"]
    assert run.phase == "ABORTED"


def test_an_abort_runs_no_failure_node() -> None:
    run = run_of(graph(task("a"), cleanup=task("f")))
    assert run.on(abort()) == ["a/0/abort"]
    assert run.phase == "ABORTED"


def test_a_sub_workflow_cleans_up_before_it_is_retried() -> None:
    run = run_of(graph(sub("s", "inner", retries=1)), graph(task("a"), name="inner", cleanup=task("f")))
    again = BUG.__class__(BUG.code, BUG.message, BUG.fault, retryable=True)
    assert run.on(err("s.0.a", again)) == ["s.0.f/0/start"]
    assert run.on(ok("s.0.f")) == ["s.1.a/0/start"]
    assert run.on(ok("s.1.a"), collected("s", 1)) == ["s/1/collect", "/0/collect"]
