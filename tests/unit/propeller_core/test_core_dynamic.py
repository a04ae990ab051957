"""Dynamic nodes: a task that gives nodes to run next. Protocols: given a graph, when events, then commands."""

from dataclasses import replace

import pytest

from flytelike.model.caching import CacheNote, CacheStatus
from flytelike.model.history import AttemptChanged
from flytelike.model.policies import CachePolicy
from flytelike.model.usage import AttemptUse
from propeller.core.events import CacheMissed
from propeller.core.header import Limits
from propeller.core.plan import scope_of
from propeller.core.reuse import Reuse
from tests.unit.propeller_core.builders import (
    BUG,
    FLAKE,
    GOES_ON,
    LOST,
    GraphSketch,
    NodePath,
    Run,
    S,
    abort,
    begin,
    collected,
    dynamic,
    each,
    err,
    gave,
    graph,
    kept,
    ok,
    opened,
    plan_of,
    run_of,
    runs,
    sub,
    taken,
    task,
    timer,
    uncollectable,
    untaken,
)

INNER = graph(task("a"), task("b", "a"), name="inner")
LAST = graph(task("a"), name="last", outputs=False)


def begun(
    primary: GraphSketch,
    *inner: GraphSketch,
    limits: Limits | None = None,
    attempts: int = 2,
    reuse: dict[str, Reuse] | None = None,
) -> Run:
    """A run whose dynamic node `n` (or `s.0.n`) may give the first inner graph, at any attempt."""
    run = Run(plan_of(primary, *inner), limits, reuse)
    for attempt in range(attempts):
        for path in ("n", "s.0.n", "n.0.m"):
            run.plan.grafts[scope_of(NodePath(path), attempt)] = plan_of(inner[0], *inner)
    run.on(begin())
    return run


def test_the_nodes_that_a_task_gave_run_and_their_outputs_are_the_nodes_own() -> None:
    run = begun(graph(dynamic("n", "inner"), outputs=False), INNER)
    assert run.on(gave("n", "inner")) == ["n.0.a/0/start"]
    assert run.told == [
        "attempt n/0 SUCCEEDED",
        "node n DYNAMIC_RUNNING",
        "node n.0.a RUNNING",
        "attempt n.0.a/0 QUEUED",
    ]
    assert run.on(ok("n.0.a")) == ["n.0.b/0/start"]
    assert run.on(ok("n.0.b")) == ["n/0/collect"]
    run.on(collected("n"))
    assert run.phase == "SUCCEEDED"


def test_the_commit_says_which_graph_a_scope_was_given() -> None:
    run = begun(graph(dynamic("n", "inner")), INNER)
    run.on(gave("n", "inner"))
    assert run.decision.graphs == {"n.0": "inner"}
    assert run.state.graphs == {"n.0": "inner"}


def test_a_dynamic_task_may_give_plain_outputs() -> None:
    run = begun(graph(dynamic("n", "inner"), outputs=False), INNER)
    run.on(ok("n"))
    assert (run.phase, run.state.graphs) == ("SUCCEEDED", {})


def test_news_of_another_attempt_change_nothing() -> None:
    run = begun(graph(dynamic("n", "inner", retries=1)), INNER)
    run.on(err("n", FLAKE))
    assert run.on(gave("n", "inner", attempt=0)) == []
    assert run.states() == {"n": "Started"}


def test_a_graph_that_fails_makes_the_task_run_again() -> None:
    """The retries are the task's: those that it used itself count."""
    run = begun(graph(dynamic("n", "inner", retries=1)), INNER)
    run.on(gave("n", "inner"))
    assert run.on(err("n.0.a", FLAKE)) == ["n/1/start"]
    assert run.told[-3:] == ["node n.0.a FAILED RetriesExhausted|USER:Flaky", "node n RUNNING", "attempt n/1 QUEUED"]
    assert run.on(gave("n", "inner", attempt=1)) == ["n.1.a/0/start"]
    run.on(err("n.1.a", FLAKE))
    assert run.phase == "FAILED"
    assert "node n FAILED RetriesExhausted|USER:Flaky" in run.told


def test_the_failures_of_the_platform_stay_counted_over_graphs() -> None:
    run = begun(graph(dynamic("n", "inner", retries=1)), INNER, attempts=4)
    run.on(err("n", LOST))
    run.on(timer("n", "1/retry", 2 * S))
    run.on(gave("n", "inner", attempt=1))
    assert run.on(err("n.1.a", FLAKE)) == ["n/2/start"]


def test_a_failure_that_is_not_to_be_retried_ends_the_node() -> None:
    run = begun(graph(dynamic("n", "inner", retries=3)), INNER)
    run.on(gave("n", "inner"))
    run.on(err("n.0.a", BUG))
    assert run.phase == "FAILED"


def test_a_graph_takes_no_slot_and_its_next_attempt_waits_for_one() -> None:
    run = begun(graph(dynamic("n", "inner", retries=1), task("x"), policy=GOES_ON), INNER, limits=Limits(1))
    assert run.states() == {"n": "Started", "x": "Held"}
    assert run.on(gave("n", "inner")) == ["x/0/start"]
    assert run.on(ok("x")) == ["n.0.a/0/start"]
    run.on(err("n.0.a", FLAKE))
    assert run.states()["n"] == "Started"


def test_in_an_array_the_next_attempt_needs_no_slot_of_its_own() -> None:
    """The array has the only one: who would wait for another inside of it would wait for ever."""
    outer = graph(each(sub("m", "holder"), length=1), policy=GOES_ON)
    holder = graph(dynamic("n", "inner", retries=1), name="holder")
    run = Run(plan_of(outer, holder), Limits(1))
    run.on(begin())
    assert run.on(opened("m", 1)) == ["m.0.0.0.n/0/start"]
    run.plan.grafts[NodePath("m.0.0.0.n.0")] = plan_of(INNER)
    assert run.on(gave("m.0.0.0.n", "inner")) == ["m.0.0.0.n.0.a/0/start"]
    assert run.on(err("m.0.0.0.n.0.a", FLAKE)) == ["m.0.0.0.n/1/start"]


def test_a_graph_whose_outputs_cannot_be_bound_waits_for_a_slot_to_be_made_again() -> None:
    inner = graph(task("a"), name="inner")
    workflow = graph(dynamic("n", "inner", retries=1), task("x"), task("z", "x"), policy=GOES_ON, outputs=False)
    run = begun(workflow, inner, limits=Limits(1))
    run.on(gave("n", "inner"))
    assert run.on(ok("x")) == ["n.0.a/0/start"]
    assert run.on(ok("n.0.a")) == ["n/0/collect", "z/0/start"]
    run.on(uncollectable("n", FLAKE))
    assert run.states()["n"] == "Held"
    assert run.on(ok("z")) == ["n/1/start"]


def test_an_attempt_that_waits_for_a_slot_keeps_its_number() -> None:
    inner = graph(task("a"), task("b"), name="inner", policy=GOES_ON)
    run = begun(graph(dynamic("n", "inner", retries=1), task("x"), policy=GOES_ON), inner, limits=Limits(1))
    run.on(gave("n", "inner"))
    run.on(ok("x"))
    run.on(err("n.0.a", FLAKE))
    assert run.on(err("n.0.b", FLAKE)) == ["n/1/start"]


@pytest.mark.parametrize(("at_s", "phase"), [(9, "RUNNING"), (10, "FAILED")])
def test_the_time_of_the_graph_is_that_of_the_task(at_s: int, phase: str) -> None:
    run = begun(graph(dynamic("n", "inner", timeout_ns=10 * S)), INNER)
    run.on(runs("n", at=1 * S))
    assert run.on(gave("n", "inner", at=4 * S)) == [f"n/0/graph/{S}", "n.0.a/0/start"]
    assert run.commands[0].due_ns == 11 * S  # type: ignore[union-attr]
    if phase == "FAILED":
        run.on(timer("n", f"0/graph/{S}", 11 * S))
        assert "n.0.a/0/abort" in [command.id for command in run.commands]
    else:
        run.on(timer("n", "0/graph/0", at_s * S))
    assert run.phase == phase


def test_after_a_restart_the_graph_is_watched_again() -> None:
    run = begun(graph(dynamic("n", "inner", timeout_ns=10 * S)), INNER)
    run.on(gave("n", "inner", at=4 * S))
    assert run.waits_for() == [f"n/0/graph/{4 * S}", "n.0.a/0/start"]


def test_an_abort_stops_what_the_task_gave() -> None:
    run = begun(graph(dynamic("n", "inner")), INNER)
    run.on(gave("n", "inner"))
    assert run.on(abort()) == ["n.0.a/0/abort"]
    assert run.states() == {"n": "Aborted", "n.0.a": "Aborted"}


def test_a_graph_may_hold_workflows_and_dynamic_nodes() -> None:
    outer = graph(sub("w", "last"), dynamic("m", "outer"), name="outer", outputs=False)
    run = begun(graph(dynamic("n", "outer"), outputs=False), outer, LAST)
    assert run.on(gave("n", "outer")) == ["n.0.m/0/start", "n.0.w.0.a/0/start"]
    run.plan.grafts[NodePath("n.0.m.0")] = plan_of(LAST)
    run.on(gave("n.0.m", "last"))
    run.on(ok("n.0.m.0.a"), ok("n.0.w.0.a"))
    assert run.phase == "SUCCEEDED"


def test_a_workflow_of_a_graph_is_the_one_that_came_with_it() -> None:
    """A sub-workflow of the same name in the execution's own closure may be another."""
    other = graph(task("other"), name="last", outputs=False)
    run = run_of(graph(dynamic("n", "outer"), sub("s", "last"), outputs=False), LAST)
    run.plan.grafts[NodePath("n.0")] = plan_of(graph(sub("w", "last"), name="outer"), other)
    assert run.on(gave("n", "outer")) == ["n.0.w.0.other/0/start"]


def test_a_graph_of_an_earlier_execution_runs_without_the_task_that_gave_it() -> None:
    run = begun(graph(dynamic("n", "inner"), outputs=False), INNER, reuse={"n": Reuse.TAKE, "n.0.a": Reuse.TAKE})
    assert run.waits_for() == ["n/take"]
    assert run.on(kept("n", "inner")) == ["n.0.a/take"]
    assert run.told == ["node n DYNAMIC_RUNNING"]
    assert run.state.graphs == {"n.0": "inner"}
    assert run.on(taken("n.0.a")) == ["n.0.b/0/start"]
    run.on(ok("n.0.b"), collected("n"))
    assert run.phase == "SUCCEEDED"


def test_when_a_kept_graph_fails_a_retry_is_the_tasks() -> None:
    run = begun(graph(dynamic("n", "inner", retries=1)), INNER, reuse={"n": Reuse.TAKE})
    run.on(kept("n", "inner"))
    assert run.on(err("n.0.a", failure=FLAKE)) == ["n/1/start"]


def test_a_graph_is_kept_once_and_only_while_it_is_asked_for() -> None:
    run = begun(graph(dynamic("n", "inner")), INNER, reuse={"n": Reuse.TAKE})
    assert run.on(untaken("n")) == ["n/0/start"]
    assert run.on(kept("n", "inner")) == []
    assert run.states() == {"n": "Started"}


@pytest.mark.parametrize("lost", [False, True])
def test_a_cached_task_that_has_run_is_not_looked_up_again_after_it_was_held(lost: bool) -> None:
    node = dynamic("n", "inner", retries=1)
    cached = replace(node, task=replace(node.task, cache=CachePolicy(enabled=True, version="1")))
    workflow = graph(cached, task("x"), task("z", "x"), policy=GOES_ON, outputs=False)
    run = begun(workflow, graph(task("a"), name="inner"), limits=Limits(1), attempts=3)
    run.on(CacheMissed(NodePath("n"), 0, 1, CacheNote(CacheStatus.MISS)))
    if lost:
        run.on(err("n", LOST))
        run.on(timer("n", "1/retry", at=S))
    run.on(gave("n", "inner", attempt=int(lost)))
    run.on(ok("x"))
    run.on(ok(f"n.{int(lost)}.a"))
    run.on(uncollectable("n", FLAKE, attempt=int(lost)))
    assert run.states()["n"] == "Held"
    assert run.on(ok("z")) == [f"n/{int(lost) + 1}/start"]


def test_what_the_task_itself_used_is_told_as_its_nodes_begin() -> None:
    run = begun(graph(task("n")), INNER)
    run.on(replace(gave("n", "inner"), used=AttemptUse(7, 8)))
    told = [it for it in run.decision.records if isinstance(it, AttemptChanged) and it.path == "n"]
    assert [(it.phase.name, it.used) for it in told] == [("SUCCEEDED", AttemptUse(7, 8))]
