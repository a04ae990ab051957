"""What follows from a failure, by whose fault it is; and that a restart watches over what runs as before."""

import pytest

from flytelike.model.policies import Backoff
from propeller.core.commands import SetTimer
from propeller.core.deadline import GRACE_NS
from propeller.core.resume import outstanding
from propeller.core.retry import Budget, GiveUp, RetryNow, asked_pause_ns, judge, judge_whole, pause_ns
from tests.unit.propeller_core.builders import FLAKE, LOST, Run, S, graph, run_of, runs, sub, task


@pytest.mark.parametrize(("failures", "pause_s"), [(1, 1), (2, 2), (6, 32), (7, 60), (100, 60)])
def test_the_platforms_pauses_double_up_to_a_minute(failures: int, pause_s: int) -> None:
    assert pause_ns(failures) == pause_s * S


def test_the_authors_pauses_grow_up_to_the_longest() -> None:
    backoff = Backoff(2 * S, 3.0, 20 * S)
    assert [asked_pause_ns(backoff, failures) for failures in (1, 2, 3, 4, 90)] == [
        2 * S,
        6 * S,
        18 * S,
        20 * S,
        20 * S,
    ]


def test_a_failure_of_the_platform_too_many_uses_the_retries_up() -> None:
    verdict = judge(LOST, 0, 3, Budget(retries=5, system_retries=3))
    assert isinstance(verdict, GiveUp)
    assert verdict.exhausted


def test_what_fails_as_a_whole_counts_no_failures_of_the_platform() -> None:
    assert judge_whole(LOST, 0, 2) == RetryNow(1, 0)
    assert judge_whole(FLAKE, 1, 2) == RetryNow(2, 0)


def deadlines(run: Run) -> dict[str, int]:
    """Return the timers that a restart would set, by node."""
    return {it.path: it.due_ns for it in outstanding(run.plan, run.state) if isinstance(it, SetTimer)}


def test_after_a_restart_the_executor_has_its_grace_and_what_the_engine_runs_has_none() -> None:
    run = run_of(
        graph(task("a", timeout_ns=30 * S), sub("s", "inner", timeout_ns=90 * S)), graph(task("b"), name="inner")
    )
    run.on(runs("a", at=5 * S))
    assert deadlines(run) == {"a": 35 * S + GRACE_NS, "s": 90 * S}
