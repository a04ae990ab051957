"""A cached task asks the catalog first; what it says decides whether the task runs at all."""

import pytest

from flytelike.model.caching import CacheNote, CacheStatus
from flytelike.model.ids import NodePath
from propeller.core.commands import ReleaseReservation
from propeller.core.events import CacheFound, CacheFreed, CacheMissed, CacheTaken, Event
from propeller.core.header import Limits
from propeller.core.node_state import LookingUp, Succeeded, WaitingForCache
from tests.unit.propeller_core.builders import FLAKE, Run, S, abort, begin, err, graph, ok, run_of, task, timer

HIT, MISS = CacheNote(CacheStatus.HIT), CacheNote(CacheStatus.MISS)
A = NodePath("a")


def found(asked: int = 0) -> Event:
    return CacheFound(A, asked, 1, HIT)


def missed(asked: int = 0) -> Event:
    return CacheMissed(A, asked, 1, MISS)


def taken(asked: int = 0, until_ns: int = 9 * S) -> Event:
    return CacheTaken(A, asked, 1, until_ns, MISS)


def freed(asked: int = 0) -> Event:
    return CacheFreed(A, asked, 2)


@pytest.fixture
def run() -> Run:
    return run_of(graph(task("a", serialize=1), task("b", "a"), outputs=False))


def test_a_cached_task_is_looked_up_before_it_runs(run: Run) -> None:
    assert run.state.get(A) == LookingUp(0)
    assert run.waits_for() == ["a/cache/0"]
    assert run.told == ["execution RUNNING", "node a QUEUED"]


def test_what_is_found_counts_as_success_without_an_attempt(run: Run) -> None:
    assert run.on(found()) == ["b/0/start"]
    assert run.state.get(A) == Succeeded(0)
    assert run.told == ["node a SUCCEEDED", "node b RUNNING", "attempt b/0 QUEUED"]


def test_what_is_missed_runs_and_is_not_looked_up_again_for_a_retry() -> None:
    run = run_of(graph(task("a", cached=1, retries=1), outputs=False))
    assert run.on(missed()) == ["a/0/start"]
    assert run.told == ["node a RUNNING", "attempt a/0 QUEUED"]
    assert run.on(err("a", FLAKE)) == ["a/1/start"]


@pytest.mark.parametrize("event", [freed(), timer("a", "cache/0", 9 * S)], ids=["freed", "timer"])
def test_who_waits_for_anothers_result_asks_again(run: Run, event: Event) -> None:
    assert run.on(taken()) == ["a/cache/0"]
    assert run.state.get(A) == WaitingForCache(0, 9 * S)
    assert run.waits_for() == ["a/cache/0"]
    assert run.on(event) == ["a/cache/1"]
    assert run.on(found(1)) == ["b/0/start"]


@pytest.mark.parametrize("stale", [found(1), missed(1), taken(1), freed(0), freed(1), timer("a", "cache/0")])
def test_answers_to_other_questions_change_nothing(run: Run, stale: Event) -> None:
    assert run.on(stale) == []
    assert run.decision.changes_nothing


@pytest.mark.parametrize("late", [found(), missed(), taken()])
def test_a_late_answer_does_not_disturb_an_attempt(run: Run, late: Event) -> None:
    run.on(missed())
    assert run.on(late) == []
    assert run.on(ok("a")) == ["b/0/start"]


@pytest.mark.parametrize("before", [[], [taken()], [missed()]], ids=["looking", "waiting", "running"])
def test_an_abort_lets_go_of_the_work(run: Run, before: list[Event]) -> None:
    run.on(*before)
    run.on(abort())
    assert [c.path for c in run.commands if isinstance(c, ReleaseReservation)] == [A]


def test_a_failure_lets_go_of_the_work(run: Run) -> None:
    run.on(missed())
    assert run.on(err("a")) == ["a/cache/release"]


def test_a_look_up_that_the_same_batch_stops_is_not_made() -> None:
    run = Run(run_of(graph(task("a", cached=1))).plan)
    ids = run.on(begin(), abort())
    assert ids == ["a/cache/release"]


def test_looking_takes_a_slot() -> None:
    run = run_of(graph(task("a", cached=1), task("b")), limits=Limits(max_parallelism=1))
    assert run.states() == {"a": "LookingUp", "b": "Held"}
    assert run.on(found()) == ["b/0/start"]


def test_an_execution_may_leave_the_cache_alone() -> None:
    run = run_of(graph(task("a", serialize=1)), limits=Limits(cached=False))
    assert run.waits_for() == ["a/0/start"]
