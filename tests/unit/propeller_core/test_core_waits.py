"""What nodes wait for is told with the record that says they wait, and is over with the next one."""

import pytest

from flytelike.model.graph import MinSuccesses
from flytelike.model.history import AttemptChanged, NodeChanged
from flytelike.model.phases import TaskPhase
from propeller.core.events import AttemptWaits
from propeller.core.header import Limits
from propeller.core.wait import NO_WAIT, Wait, for_equal_work, for_place, for_room, for_signal, for_time
from tests.unit.propeller_core.builders import (
    FLAKE,
    LOST,
    Run,
    broke,
    done,
    each,
    err,
    gate,
    graph,
    ok,
    opened,
    passed,
    run_of,
    runs,
    task,
)
from tests.unit.propeller_core.builders import waits as attempt_waits

S = 1_000_000_000


def waits(run: Run) -> dict[str, tuple[str, int]]:
    """Return what the nodes told of in the last step wait for."""
    told = [record for record in run.decision.records if isinstance(record, NodeChanged)]
    return {record.path: (record.waits, record.waits_until_ns) for record in told}


@pytest.mark.parametrize(
    ("wait", "what", "until_ns"),
    [
        (for_signal("ok", approval=True), 'approval "ok"', 0),
        (for_signal("size", approval=False, until_ns=7), 'signal "size"', 7),
        (for_time(5), "its time", 5),
        (for_equal_work(6), "an equal task that runs already", 6),
        (for_room("2 cpu"), "2 cpu", 0),
        (for_place(2), "one of 2 places (max_parallelism)", 0),
        (NO_WAIT, "", 0),
    ],
)
def test_words(wait: Wait, what: str, until_ns: int) -> None:
    assert (wait.what, wait.until_ns) == (what, until_ns)


def test_gates_tell_their_signal_and_until_when() -> None:
    gates = (gate("g", "a", timeout_ns=5 * S), gate("h", "a", sleep_ns=9 * S), gate("i", "a"))
    run = run_of(graph(*gates, task("a"), outputs=False))
    run.on(ok("a", at=2 * S))
    assert waits(run) == {
        "a": ("", 0),
        "g": ('approval "signal-g"', 7 * S),
        "h": ("its time", 11 * S),
        "i": ('approval "signal-i"', 0),
    }
    run.on(passed("g"))
    assert waits(run)["g"] == ("", 0)


def test_a_node_that_is_held_tells_the_limit() -> None:
    run = run_of(graph(task("x"), task("a", "x"), task("b", "x")), limits=Limits(max_parallelism=1))
    run.on(ok("x"))
    assert waits(run)["b"] == ("one of 1 places (max_parallelism)", 0)
    run.on(ok("a"))
    assert waits(run)["b"] == ("", 0)


def test_an_attempt_that_is_followed_by_a_pause_tells_when_the_next_one_begins() -> None:
    run = run_of(graph(task("a", retries=1)))
    run.on(err("a", FLAKE, at=5 * S))
    told = [record for record in run.decision.records if isinstance(record, AttemptChanged)]
    assert [record.next_ns for record in told] == [0, 0], "the author's retry begins at once"
    run.on(err("a", LOST, attempt=1, at=9 * S))
    told = [record for record in run.decision.records if isinstance(record, AttemptChanged)]
    assert [record.next_ns for record in told] == [10 * S]


def phases(run: Run) -> list[TaskPhase]:
    """Return the phases of attempts told of in the last step."""
    return [record.phase for record in run.decision.records if isinstance(record, AttemptChanged)]


def test_an_attempt_says_what_it_waits_for_until_it_runs() -> None:
    run = run_of(graph(task("a")))
    run.on(attempt_waits("a", "4 cpu: team t uses 4 of 6"))
    assert phases(run) == [TaskPhase.WAITING_FOR_RESOURCES]
    assert waits(run) == {"a": ("4 cpu: team t uses 4 of 6", 0)}
    run.on(attempt_waits("a", "its turn"))
    assert phases(run) == [], "it waits already"
    assert waits(run) == {"a": ("its turn", 0)}
    run.on(runs("a"))
    assert phases(run) == [TaskPhase.RUNNING]
    assert waits(run) == {"a": ("", 0)}


def test_an_attempt_that_waits_no_more_is_queued_until_it_runs() -> None:
    run = run_of(graph(task("a")))
    run.on(attempt_waits("a"))
    run.on(attempt_waits("a", ""))
    assert phases(run) == [TaskPhase.QUEUED]
    assert waits(run) == {"a": ("", 0)}
    run.on(runs("a"))
    assert phases(run) == [TaskPhase.RUNNING]
    assert waits(run) == {}


@pytest.mark.parametrize(
    "news",
    [attempt_waits("a", ""), attempt_waits("a", attempt=1), attempt_waits("nobody"), attempt_waits("a.0.3")],
)
def test_news_of_waits_that_are_over_or_never_were_change_nothing(news: AttemptWaits) -> None:
    run = run_of(graph(task("a")))
    run.on(news)
    assert run.decision.records == ()


def test_an_attempt_that_runs_waits_for_nothing() -> None:
    run = run_of(graph(task("a")))
    run.on(runs("a"))
    run.on(attempt_waits("a"))
    assert run.decision.records == ()


@pytest.mark.parametrize("who", ["m", "m.0.2"])
def test_an_array_says_what_its_elements_wait_for_until_one_ends(who: str) -> None:
    run = run_of(graph(each(task("m"))))
    run.on(opened("m", 3))
    run.on(attempt_waits(who))
    assert waits(run) == {"m": ("room", 0)}
    run.on(done("m", 0))
    assert waits(run) == {"m": ("", 0)}
    run.on(attempt_waits("m.0.1"))
    assert waits(run) == {}, "it gets on, its counts say how"
    run.on(done("m", 1))
    assert waits(run) == {}, "it was said that it waits no more"


def test_an_array_gets_on_with_what_fails_too() -> None:
    run = run_of(graph(each(task("m"), length=4, success=MinSuccesses(1))))
    run.on(opened("m", 4))
    run.on(done("m", 0))
    run.on(broke("m", 1))
    run.on(attempt_waits("m.0.2"))
    assert waits(run) == {}


def test_an_array_whose_elements_wait_no_more_says_so() -> None:
    run = run_of(graph(each(task("m"))))
    run.on(opened("m", 3))
    run.on(attempt_waits("m.0.2", "room (place 1 of 2)"))
    run.on(attempt_waits("m.0.1", "room (place 2 of 2)"))
    assert waits(run) == {}, "the first stands for all"
    run.on(attempt_waits("m.0.2", ""))
    assert waits(run) == {"m": ("", 0)}
    run.on(done("m", 0))
    assert waits(run) == {}
