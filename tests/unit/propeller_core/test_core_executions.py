"""Launch-plan nodes and the execution as a whole: parallelism, timeout, abort, restart."""

from dataclasses import replace

import pytest

from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import ArrayTarget, GateTarget, NodeTarget
from flytelike.model.ids import NodeId, NodePath
from flytelike.model.phases import WorkflowPhase
from propeller.core.header import ExecutionAborted, Limits
from propeller.core.plan import Plan, UnsupportedPlan, _gives, unsupported
from tests.unit.propeller_core.builders import (
    BUG,
    FLAKE,
    GOES_ON,
    LOST,
    NodeSketch,
    Run,
    S,
    abort,
    begin,
    child,
    child_ended,
    closure_of,
    collected,
    each,
    err,
    graph,
    ok,
    plan_of,
    run_of,
    runs,
    sub,
    task,
    timer,
)

PAIR = graph(task("x"), task("y"), name="pair")

# --- launch plans -----------------------------------------------------------------------


def test_a_launch_plan_node_starts_a_child_and_waits_for_it() -> None:
    run = run_of(graph(child("c", "nightly"), task("b", "c")))
    assert run.waits_for() == ["c/0/start"]
    assert run.on(child_ended("c")) == ["b/0/start"]


@pytest.mark.parametrize(
    ("phase", "failure", "code"),
    [
        (WorkflowPhase.FAILED, BUG, "USER:ValueError"),
        (WorkflowPhase.FAILED, None, "ChildFailed"),
        (WorkflowPhase.TIMED_OUT, None, "ChildFailed"),
        (WorkflowPhase.ABORTED, None, "ChildAborted"),
    ],
)
def test_a_child_that_does_not_succeed_fails_its_node(phase: WorkflowPhase, failure: Failure | None, code: str) -> None:
    run = run_of(graph(child("c", "nightly")))
    run.on(child_ended("c", phase, failure))
    assert run.told[0] == f"node c FAILED {code}"


def test_a_child_that_has_not_ended_changes_nothing() -> None:
    run = run_of(graph(child("c", "nightly")))
    run.on(child_ended("c", WorkflowPhase.RUNNING))
    assert run.decision.changes_nothing


def test_a_child_is_started_again_when_the_author_asked_for_retries() -> None:
    run = run_of(graph(child("c", "nightly", retries=1)))
    assert run.on(child_ended("c", WorkflowPhase.FAILED, LOST)) == ["c/1/start"]
    assert run.on(child_ended("c", WorkflowPhase.SUCCEEDED)) == [], "it is about the first child"
    run.on(child_ended("c", WorkflowPhase.FAILED, LOST, attempt=1))
    assert run.told[0] == "node c FAILED RetriesExhausted|Interrupted"


@pytest.mark.parametrize(("failure", "cause"), [(LOST, "exhausted"), (BUG, "failed")])
def test_a_child_that_fails_for_good_says_whether_its_retries_are_used_up(failure: Failure, cause: str) -> None:
    run = run_of(graph(child("c", "nightly", retries=1)))
    run.on(child_ended("c", WorkflowPhase.FAILED, LOST))
    run.on(child_ended("c", WorkflowPhase.FAILED, failure, attempt=1))
    assert run.decision.steps[0].transition.name == f"ChildRunning -{cause}-> Failed"


def test_a_child_that_somebody_aborted_is_not_started_again() -> None:
    run = run_of(graph(child("c", "nightly", retries=1)))
    run.on(child_ended("c", WorkflowPhase.ABORTED))
    assert run.phase == "FAILED"


def test_a_child_may_have_a_timeout() -> None:
    run = Run(plan_of(graph(child("c", "nightly", timeout_ns=S))))
    assert run.on(begin(at=S)) == ["c/0/start", f"c/0/deadline/{S}"]
    assert run.on(timer("c", f"0/deadline/{S}")) == ["c/0/abort"]
    assert run.told[0] == "node c FAILED TimeoutExpired"


def test_a_failure_elsewhere_stops_the_child() -> None:
    run = run_of(graph(child("c", "nightly"), task("a")))
    assert run.on(err("a")) == ["c/0/abort"]
    run.on(child_ended("c", WorkflowPhase.ABORTED))
    assert run.decision.changes_nothing


# --- max_parallelism --------------------------------------------------------------------


def test_no_more_nodes_run_at_once_than_allowed() -> None:
    run = Run(plan_of(graph(task("a"), task("b"), child("c", "lp"), task("d"))), Limits(max_parallelism=2))
    assert run.on(begin()) == ["a/0/start", "b/0/start"]
    assert run.told[-2:] == ["node c QUEUED", "node d QUEUED"]
    assert run.on(ok("b")) == ["c/0/start"]
    assert run.on(child_ended("c")) == ["d/0/start"]
    assert run.on(ok("a")) == []


def test_a_node_that_waited_longer_starts_first() -> None:
    run = Run(plan_of(graph(task("a"), task("z"), task("b", "a"))), Limits(max_parallelism=1))
    run.on(begin())
    assert run.on(ok("a")) == ["z/0/start"]
    assert run.on(ok("z")) == ["b/0/start"]


def test_a_retry_keeps_its_place_and_a_back_off_too() -> None:
    run = Run(plan_of(graph(task("a", retries=1), task("b"))), Limits(max_parallelism=1))
    run.on(begin())
    assert run.on(err("a", FLAKE)) == ["a/1/start"]
    assert run.on(err("a", LOST, 1)) == ["a/2/retry"]
    assert run.on(timer("a", "2/retry")) == ["a/2/start"]


def test_sub_workflows_need_no_slot_and_their_nodes_do() -> None:
    run = Run(plan_of(graph(sub("s", "pair"), sub("t", "pair")), PAIR), Limits(max_parallelism=2))
    assert run.on(begin()) == ["s.0.x/0/start", "s.0.y/0/start"]
    assert run.on(ok("s.0.x"), ok("s.0.y")) == ["t.0.x/0/start", "s/0/collect", "t.0.y/0/start"]


def test_nodes_held_in_a_scope_that_failed_are_not_started() -> None:
    outer = graph(sub("s", "pair"), task("b"), policy=GOES_ON)
    run = Run(plan_of(outer, PAIR), Limits(max_parallelism=1))
    assert run.on(begin()) == ["b/0/start"]
    assert run.on(ok("b")) == ["s.0.x/0/start"]
    run.on(err("s.0.x"))
    assert run.phase == "FAILED"
    assert run.states()["s.0.y"] == "Aborted"


# --- timeout and abort ------------------------------------------------------------------


def test_an_execution_that_takes_too_long_times_out() -> None:
    run = Run(plan_of(graph(task("a"), task("b", "a"))), Limits(timeout_ns=60 * S))
    assert run.on(begin(at=S)) == ["/timeout", "a/0/start"]
    assert run.on(timer("", "timeout", at=61 * S)) == ["a/0/abort"]
    assert run.phase == "TIMED_OUT"
    assert run.told == [
        "execution FAILING TimeoutExpired",
        "attempt a/0 ABORTED",
        "node a ABORTED",
        "execution TIMED_OUT TimeoutExpired",
    ]


def test_the_outputs_must_be_collected_in_time_too() -> None:
    run = Run(plan_of(graph(task("a"))), Limits(timeout_ns=60 * S))
    run.on(begin())
    run.on(ok("a"))
    run.on(timer("", "timeout"))
    assert run.phase == "TIMED_OUT"


def test_an_abort_stops_all_that_runs() -> None:
    run = run_of(graph(task("a"), task("b"), child("c", "lp"), task("d"), task("e", "a")))
    run.on(runs("b"), err("d", LOST))
    assert run.on(abort("wrong month")) == ["a/0/abort", "b/0/abort", "c/0/abort"]
    assert run.state.header.status == ExecutionAborted("wrong month", "ada")
    assert run.told == [
        "execution ABORTING",
        "attempt a/0 ABORTED",
        "node a ABORTED",
        "attempt b/0 ABORTED",
        "node b ABORTED",
        "node c ABORTED",
        "node d ABORTED",
        "execution ABORTED",
    ]
    assert "e" not in run.states(), "it had not started"


def test_an_abort_before_the_start_wins() -> None:
    run = Run(plan_of(graph(task("a"))))
    assert run.on(abort()) == []
    assert run.on(begin()) == []
    assert run.phase == "ABORTED"


def test_an_abort_while_outputs_are_collected_wins() -> None:
    run = run_of(graph(sub("s", "pair")), PAIR)
    run.on(ok("s.0.x"), ok("s.0.y"))
    run.on(abort())
    run.on(collected("s"))
    assert run.phase == "ABORTED"
    run = run_of(graph(task("a")))
    run.on(ok("a"))
    run.on(abort())
    run.on(collected())
    assert run.phase == "ABORTED"


# --- restart ----------------------------------------------------------------------------


def test_a_restart_gives_again_what_is_unanswered() -> None:
    sketch = graph(task("a"), task("b", timeout_ns=S), task("c"), child("d", "lp", timeout_ns=S), sub("s", "empty"))
    run = Run(plan_of(sketch, graph(name="empty")), Limits(timeout_ns=9 * S))
    assert run.waits_for() == []
    run.on(begin(), runs("b", at=S), err("c", LOST, at=S))
    assert run.waits_for() == [
        "/timeout",
        "a/0/start",
        "b/0/start",
        f"b/0/deadline/{S}",
        "c/1/retry",
        "d/0/start",
        "d/0/deadline/0",
        "s/0/collect",
    ]


def test_an_execution_that_ended_waits_for_nothing() -> None:
    run = run_of(graph(task("a")))
    run.on(ok("a"))
    assert run.waits_for() == ["/0/collect"]
    run.on(collected())
    assert run.waits_for() == []


# --- plans ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "what"),
    [(NodeSketch("n", workflow="nowhere"), "missing workflow"), (NodeSketch("n"), "missing task")],
)
def test_a_plan_names_what_is_missing(node: NodeSketch, what: str) -> None:
    closure = closure_of(graph(node))
    closure.tasks.clear()  # type: ignore[attr-defined]
    with pytest.raises(UnsupportedPlan, match=rf"node 'n' names a {what}"):
        Plan.of(closure)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (GateTarget(None), "the gate 'n' waits for nothing"),
    ],
)
def test_a_plan_refuses_nodes_that_cannot_be_run(target: NodeTarget, why: str) -> None:
    closure = closure_of(graph(task("n")))
    template = closure.primary.template
    nodes = tuple(replace(node, target=target) for node in template.nodes)
    unfit = replace(closure, primary=replace(closure.primary, template=replace(template, nodes=nodes)))
    with pytest.raises(UnsupportedPlan, match=why):
        Plan.of(unfit)


def test_a_plan_that_cannot_be_names_the_node_and_its_kind() -> None:
    closure = closure_of(graph(task("n")))
    found = unsupported(closure.primary, closure.primary.template.nodes[0], "array")
    assert isinstance(found, UnsupportedPlan)
    assert str(found).endswith("node 'n' is of kind 'array'")


def test_nodes_that_are_no_tasks_have_the_priority_of_what_is_around_them() -> None:
    plan = plan_of(graph(sub("s", "w"), child("l", "main.lp"), each(task("a"))), graph(task("b"), name="w"))
    assert [plan.place(NodePath(path)).node.priority for path in ("s", "l", "a")] == [0, 0, 0]


def test_an_array_is_not_tried_again_as_a_whole_and_its_elements_have_no_priority_of_their_own() -> None:
    node = each(task("a", retries=3))
    rated = replace(node, metadata=replace(node.metadata, priority=7))
    plan = plan_of(graph(rated))
    array, element = plan.place(NodePath("a")).node, plan.place(NodePath("a.0.0")).node
    assert (array.retries, array.priority) == (0, 7)
    assert (element.retries, element.priority) == (3, 0)


def test_an_array_of_arrays_gives_what_the_inner_ones_give() -> None:
    closure = closure_of(graph(each(task("a"))))
    template = closure.primary.template
    node = template.nodes[0]
    assert isinstance(node.target, ArrayTarget)
    nested = replace(node, target=replace(node.target, node=node))
    gives = closure.tasks[next(iter(closure.tasks))].interface.outputs
    assert _gives(nested, closure) is bool(gives) is _gives(node, closure)
    assert _gives(replace(node, target=GateTarget(None)), closure) is True, "a signal's value"
    nothing = {id_: replace(it, interface=replace(it.interface, outputs={})) for id_, it in closure.tasks.items()}
    assert _gives(nested, replace(closure, tasks=nothing)) is False


def test_a_plan_leaves_the_start_and_end_nodes_out() -> None:
    plan = plan_of(graph(task("a"), task("b", "a")))
    assert plan.primary.roots == ("a",)
    assert plan.primary.nodes[NodeId("a")].upstream == ()
    assert plan.primary.nodes[NodeId("b")].downstream == ()


def test_a_failure_by_nobodys_fault_counts_as_the_users() -> None:
    unknown = Failure("Odd", "?", Fault.UNKNOWN, retryable=True)
    assert run_of(graph(task("a", retries=1))).on(err("a", unknown)) == ["a/1/start"]
