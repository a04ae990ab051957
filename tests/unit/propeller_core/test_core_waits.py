"""What nodes wait for is told with the record that says they wait, and is over with the next one."""

import pytest

from flytelike.model.history import AttemptChanged, NodeChanged
from propeller.core.header import Limits
from propeller.core.wait import NO_WAIT, Wait, for_equal_work, for_place, for_signal, for_time
from tests.unit.propeller_core.builders import FLAKE, LOST, Run, err, gate, graph, ok, passed, run_of, task

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
