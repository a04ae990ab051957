"""Arrays: elements begin in a window, end in any order, and decide together."""

from dataclasses import replace

import pytest

from flytelike.model.caching import CacheStatus
from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import MinSuccesses, MinSuccessRatio
from flytelike.model.history import ElementFailure, ElementsChanged
from flytelike.model.ids import Identifier, NodeId, NodePath, ResourceKind
from propeller.core.commands import AbortElements, SetTimer, StartElements
from propeller.core.elements import CHUNK, Span, element_of
from propeller.core.header import Limits
from propeller.core.node_state import Failed, Succeeded
from propeller.core.plan import NODES_OPEN_MAX, PLACES_KEPT, TASKS_OPEN_MAX, Plan
from propeller.core.turn import bounded, without_vain
from tests.unit.propeller_core.builders import (
    BUG,
    FLAKE,
    GOES_ON,
    LOST,
    Run,
    S,
    abort,
    begin,
    broke,
    child,
    child_ended,
    closure_of,
    collected,
    done,
    each,
    err,
    graph,
    ok,
    opened,
    plan_of,
    run_of,
    sub,
    task,
    timer,
    uncollectable,
    unopened,
)


def started(run: Run) -> list[tuple[Span, ...]]:
    return [command.elements for command in run.commands if isinstance(command, StartElements)]


def state(run: Run, path: str) -> object:
    return run.state.get(NodePath(path))


def test_an_array_asks_for_its_length_then_begins_all_elements_and_collects() -> None:
    run = run_of(graph(each(task("a"))))
    assert run.waits_for() == ["a/0/open"]
    run.on(opened("a", 3))
    assert started(run) == [(Span(0, 3),)]
    assert run.told == ["attempt a/0 RUNNING", "elements a 0+3 RUNNING"]
    assert run.on(done("a", 0, 2)) == []
    assert run.on(done("a", 1)) == ["a/0/collect"]
    run.on(collected("a"))
    assert state(run, "a") == Succeeded(0)
    assert run.told[:2] == ["attempt a/0 SUCCEEDED", "node a SUCCEEDED"]


def test_an_empty_list_has_empty_outputs_at_once() -> None:
    run = run_of(graph(each(task("a"), success=MinSuccesses(2))))
    assert run.on(opened("a", 0)) == ["a/0/collect"]


def test_a_window_is_refilled_as_elements_end() -> None:
    run = run_of(graph(each(task("a"), window=2)))
    run.on(opened("a", 5))
    assert started(run) == [(Span(0, 2),)]
    run.on(done("a", 1))
    assert started(run) == [(Span(2, 1),)]
    run.on(done("a", 0, 2))
    assert started(run) == [(Span(3, 2),)]


@pytest.mark.parametrize(("node", "limit"), [(task("a"), TASKS_OPEN_MAX), (child("a", "lp"), NODES_OPEN_MAX)])
def test_however_many_there_are_the_platform_bounds_those_that_are_open(node: object, limit: int) -> None:
    run = run_of(graph(each(node)))  # type: ignore[arg-type]
    run.on(opened("a", limit + 1000))
    assert state(run, "a").open == limit  # type: ignore[attr-defined]


def test_what_an_event_writes_does_not_grow_with_the_array() -> None:
    run = run_of(graph(each(task("a"))))
    run.on(opened("a", 20 * CHUNK))
    run.on(done("a", 0, 1))
    assert set(run.decision.chunks) == {"a.0#0", f"a.0#{TASKS_OPEN_MAX // CHUNK}"}


def test_failures_of_user_and_platform_are_counted_apart_for_each_element() -> None:
    run = run_of(graph(each(task("a", retries=1))))
    run.on(opened("a", 3))
    run.on(broke("a", 1, FLAKE))
    assert started(run) == [(Span(1, 1, 1),)]
    assert run.on(broke("a", 1, LOST, attempt=1, at=5 * S)) == [f"a/0/pause/0/{6 * S}"]
    assert run.waits_for() == ["a/0/start/0/0", f"a/0/pause/0/{6 * S}"]
    run.on(timer("a", f"0/pause/0/{6 * S}", at=6 * S))
    assert started(run) == [(Span(1, 1, 2),)]
    run.on(broke("a", 1, FLAKE, attempt=2))
    assert isinstance(state(run, "a"), Failed)
    (record,) = (it for it in run.decision.records if isinstance(it, ElementsChanged))
    assert [(failure.element, failure.attempt) for failure in record.failures] == [(1, 2)]


def test_the_last_attempt_after_failures_of_the_platform_is_not_interruptible() -> None:
    run = Run(Plan.of(closure_of(graph(each(task("a", interruptible=True)))), system_retries=1))
    run.on(begin())
    run.on(opened("a", 1))
    seen = []
    for attempt in range(2):
        seen += [command.interruptible for command in run.commands if isinstance(command, StartElements)]
        run.on(broke("a", 0, LOST, attempt))
        for command in run.commands:
            assert isinstance(command, SetTimer)
            run.on(timer("a", command.stamp, at=command.due_ns))
    assert seen == [True, False]


def test_elements_that_the_platform_lost_together_wait_for_one_timer() -> None:
    run = run_of(graph(each(task("a"))))
    run.on(opened("a", 3))
    lost = broke("a", 0, LOST)
    both = type(lost)(lost.path, 0, 0, (), (*lost.failed, lost.failed[0]._replace(element=2)))
    assert run.on(both) == [f"a/0/pause/0/{S}"]
    run.on(timer("a", f"0/pause/0/{S}", at=S))
    assert started(run) == [(Span(0, 1, 1), Span(2, 1, 1))]


def test_a_pause_is_asked_for_by_each_event_of_a_batch_as_if_they_came_one_by_one() -> None:
    run = run_of(graph(each(task("a"), 2)))
    run.on(opened("a", 2))
    assert run.on(broke("a", 0, LOST), broke("a", 1, LOST)) == [f"a/0/pause/0/{S}"] * 2


def test_results_that_somebody_had_already_are_told_as_that() -> None:
    run = run_of(graph(each(task("a"))))
    run.on(opened("a", 3))
    run.on(replace(done("a", 0, 1), cache=CacheStatus.HIT, recovered=True))
    (record,) = run.decision.records
    assert isinstance(record, ElementsChanged)
    assert (record.cache, record.recovered) == (CacheStatus.HIT, True)


def test_after_a_restart_all_that_runs_is_started_again_a_chunk_at_a_time() -> None:
    run = run_of(graph(each(task("a"))))
    run.on(opened("a", 2 * CHUNK + 1))
    run.on(done("a", *range(CHUNK + 1)))
    assert run.waits_for() == [f"a/0/start/{CHUNK + 1}/0", f"a/0/start/{2 * CHUNK}/0"]


def test_chunks_are_as_long_as_in_states_that_are_kept() -> None:
    run = run_of(graph(each(task("a"))))
    run.on(opened("a", 1025))
    assert {key: len(chunk.phases) for key, chunk in run.state.chunks.items()} == {"a.0#0": 1024, "a.0#1": 1}


def test_the_scope_of_an_array_has_its_node_under_each_index_and_knows_of_no_number() -> None:
    scope = plan_of(graph(each(task("a")))).primary.nodes[NodeId("a")].work.elements.nodes  # type: ignore[union-attr]
    assert scope[NodeId("0")] is scope[NodeId("70000")]
    assert (len(scope), list(scope)) == (0, [])
    with pytest.raises(KeyError):
        scope[NodeId("x")]


def test_platform_bounds_on_what_is_open() -> None:
    assert (TASKS_OPEN_MAX, NODES_OPEN_MAX, PLACES_KEPT) == (4096, 256, 20_000)


def test_a_span_ends_behind_its_last_element() -> None:
    assert Span(3, 2).end == 5


@pytest.mark.parametrize(
    ("path", "element"),
    [
        ("a", ""),
        ("a.0.b", ""),
        ("a.0.7", "a.0.7"),
        ("a.0.7.0.b", "a.0.7"),
        ("a.0.7.0.3", "a.0.7"),
        ("a.0.b.0.3", "a.0.b.0.3"),
    ],
)
def test_the_outermost_element_that_a_path_lies_in(path: str, element: str) -> None:
    assert element_of(NodePath(path)) == element


def test_a_record_tells_a_hundred_failures_and_two_thousand_letters_of_each() -> None:
    failure = Failure("USER:Long", "x" * 3000, Fault.USER, retryable=False)
    told = bounded(tuple(ElementFailure(number, 0, failure) for number in range(150)))
    assert [it.element for it in told] == [*range(100)]
    assert {len(it.failure.message) for it in told} == {2000}


def test_it_fails_once_success_is_impossible_and_stops_the_rest() -> None:
    run = run_of(graph(each(task("a"), success=MinSuccesses(3))))
    run.on(opened("a", 5))
    assert run.on(broke("a", 3), broke("a", 1)) == []
    assert run.on(broke("a", 4)) == ["a/0/abort"]
    assert isinstance(run.commands[0], AbortElements)
    failed = state(run, "a")
    assert isinstance(failed, Failed)
    assert failed.failure.code == BUG.code
    assert failed.failure.message == "3 of 5 elements failed, 3 must succeed. The first failure: element 3: bad value"


def test_it_may_go_on_to_the_end_though_it_cannot_succeed() -> None:
    run = run_of(graph(each(task("a"), run_all=True)))
    run.on(opened("a", 3))
    assert run.on(broke("a", 0)) == []
    run.on(done("a", 1, 2))
    assert isinstance(state(run, "a"), Failed)


@pytest.mark.parametrize(
    ("success", "length", "needed"),
    [
        (None, 10, 10),
        (MinSuccesses(4), 10, 4),
        (MinSuccessRatio(0.9000000357627869), 10, 9),
        (MinSuccessRatio(0.9000000357627869), 100_000, 90_000),
        (MinSuccessRatio(0.10000000149011612), 100_000, 10_000),
        (MinSuccessRatio(0.3333), 100_000, 33_330),
        (MinSuccessRatio(0.6666666865348816), 3, 2),
        (MinSuccessRatio(1.0), 10_000_000, 10_000_000),
        (MinSuccessRatio(0.5), 3, 2),
        (MinSuccessRatio(0.0), 3, 0),
        (MinSuccessRatio(1.0), 3, 3),
    ],
)
def test_how_many_must_succeed(success: MinSuccesses | MinSuccessRatio | None, length: int, needed: int) -> None:
    run = run_of(graph(each(task("a"), success=success)))
    work = run.plan.primary.nodes[next(iter(run.plan.primary.nodes))].work
    assert work.needed(length) == needed  # type: ignore[union-attr]


def test_more_successes_than_elements_cannot_be_had() -> None:
    run = run_of(graph(each(task("a"), success=MinSuccesses(4))))
    run.on(opened("a", 3))
    failed = state(run, "a")
    assert isinstance(failed, Failed)
    assert failed.failure.code == "TooFewElements"


def test_with_enough_successes_the_failed_are_left_out() -> None:
    run = run_of(graph(each(task("a"), success=MinSuccessRatio(0.5))))
    run.on(opened("a", 2))
    run.on(broke("a", 0))
    assert run.on(done("a", 1)) == ["a/0/collect"]


def test_stale_doubled_and_impossible_news_change_nothing() -> None:
    run = run_of(graph(each(task("a", retries=1))))
    run.on(opened("a", 3))
    run.on(broke("a", 0, FLAKE))
    stale = (done("a", 0), broke("a", 0, FLAKE), done("a", (0, 2)), done("b", 0), opened("a", 9))
    for event in (*stale, done("a", 7), broke("a", 7), collected("a"), uncollectable("a")):
        run.on(event)
        assert run.decision.changes_nothing
    run.on(unopened("a"), timer("a", "0/pause/0/1"), timer("a", "0/pause/x/1"), timer("a", "1/retry"))
    assert run.decision.changes_nothing


def test_lists_that_do_not_fit_fail_the_array() -> None:
    run = run_of(graph(each(task("a"))))
    run.on(unopened("a"))
    assert state(run, "a") == Failed(0, BUG)


def test_outputs_that_cannot_be_put_together_fail_the_array() -> None:
    run = run_of(graph(each(task("a"), length=1)))
    run.on(opened("a", 1), done("a", 0))
    run.on(uncollectable("a"))
    assert state(run, "a") == Failed(0, BUG)


def test_an_array_may_take_only_so_long() -> None:
    run = run_of(graph(each(task("a"), timeout_ns=5 * S)))
    run.on(opened("a", 2))
    assert run.on(timer("a", "0/deadline/0", at=5 * S)) == ["a/0/abort"]
    failed = state(run, "a")
    assert isinstance(failed, Failed)
    assert failed.failure.code == "TimeoutExpired"


def test_an_array_takes_one_slot_however_many_elements_run() -> None:
    run = run_of(graph(each(task("a")), task("b"), task("c")), limits=Limits(max_parallelism=2))
    run.on(opened("a", 50))
    assert run.states() == {"a": "Mapped", "b": "Started", "c": "Held"}


def test_an_abort_stops_the_elements() -> None:
    run = run_of(graph(each(task("a"))))
    run.on(opened("a", 2))
    assert run.on(abort()) == ["a/0/abort"]
    assert run.states() == {"a": "Aborted"}


def test_a_failure_beside_it_stops_the_elements() -> None:
    run = run_of(graph(each(task("a")), task("b")))
    run.on(opened("a", 2))
    assert run.on(err("b")) == ["a/0/abort"]


def test_elements_that_are_executions_begin_one_by_one_and_leave_no_states() -> None:
    run = run_of(graph(each(child("a", "lp"), window=2)), limits=Limits(max_parallelism=1))
    assert run.on(opened("a", 3)) == ["a.0.0/0/start", "a.0.1/0/start"]
    assert run.waits_for() == ["a.0.0/0/start", "a.0.1/0/start"]
    assert run.on(child_ended("a.0.1")) == ["a.0.2/0/start"]
    assert run.states() == {"a": "Mapped", "a.0.0": "ChildRunning", "a.0.2": "ChildRunning"}
    assert run.on(child_ended("a.0.0"), child_ended("a.0.2")) == ["a/0/collect"]
    assert run.states() == {"a": "Gathering"}


def test_elements_that_are_sub_workflows_leave_nothing_behind() -> None:
    run = run_of(graph(each(sub("a", "w"), window=1)), graph(task("x"), task("y", "x"), name="w"))
    assert run.on(opened("a", 2)) == ["a.0.0.0.x/0/start"]
    run.on(ok("a.0.0.0.x"))
    run.on(ok("a.0.0.0.y"))
    assert run.on(collected("a.0.0")) == ["a.0.1.0.x/0/start"]
    assert run.states() == {"a": "Mapped", "a.0.1": "Expanded", "a.0.1.0.x": "Started"}


def test_a_sub_workflow_element_that_fails_is_retried_as_its_node_says() -> None:
    run = run_of(graph(each(sub("a", "w", retries=1)), policy=GOES_ON), graph(task("x"), name="w", outputs=False))
    run.on(opened("a", 2))
    assert run.on(err("a.0.0.0.x", FLAKE)) == ["a.0.0.1.x/0/start"]
    run.on(err("a.0.0.1.x", FLAKE, at=1))
    assert run.states()["a"] == "Failed"


def test_an_array_in_an_array_goes_with_its_element() -> None:
    inner = graph(each(task("m")), name="w", outputs=False)
    run = run_of(graph(each(sub("a", "w"))), inner)
    assert run.on(opened("a", 2)) == ["a.0.0.0.m/0/open", "a.0.1.0.m/0/open"]
    run.on(opened("a.0.0.0.m", 2))
    run.on(done("a.0.0.0.m", 0, 1))
    run.on(collected("a.0.0.0.m"))
    assert run.states() == {"a": "Mapped", "a.0.1": "Expanded", "a.0.1.0.m": "Measuring"}
    assert set(run.state.chunks) == {"a.0#0"}


def test_the_next_nodes_wait_for_the_array() -> None:
    run = run_of(graph(each(task("a")), task("b", "a")))
    run.on(opened("a", 1), done("a", 0))
    assert run.on(collected("a")) == ["b/0/start"]


def test_elements_that_a_batch_starts_and_stops_again_are_not_started() -> None:
    id_ = Identifier(ResourceKind.TASK, "p", "d", "t", "v")

    def start(path: str) -> StartElements:
        return StartElements(f"{path}/0/start/0/0", NodePath(path), 0, id_, (Span(0, 2),), interruptible=False)

    stop = AbortElements("a/0/abort", NodePath("a"), 0, "enough")
    again = replace(start("a"), attempt=1)
    assert without_vain([start("a"), start("b"), again, stop]) == [start("b"), again, stop]
    assert without_vain([start("a")]) == [start("a")]
