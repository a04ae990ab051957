"""Task nodes: order, results, retries, back-off, deadlines."""

from dataclasses import replace

import pytest

from flytelike.model.failure import Failure
from flytelike.model.history import AttemptChanged
from flytelike.model.ids import Identifier
from flytelike.model.policies import Backoff
from flytelike.model.usage import AskedResources, AttemptUse, ResourceAmounts
from propeller.core.commands import SetTimer, StartAttempt
from propeller.core.deadline import GRACE_NS
from propeller.core.header import Limits
from propeller.core.node_state import Failed, Skipped, Started
from propeller.core.resume import outstanding
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
    runs,
    task,
    timer,
)


def diamond() -> Run:
    return run_of(graph(task("a"), task("b", "a"), task("c", "a"), task("d", "b", "c")))


def test_nodes_without_predecessors_start_first() -> None:
    run = Run(plan_of(graph(task("a"), task("b"), task("c", "a"))))
    assert run.on(begin()) == ["a/0/start", "b/0/start"]


def test_a_node_starts_when_all_above_it_have_succeeded() -> None:
    run = diamond()
    assert run.on(ok("a")) == ["b/0/start", "c/0/start"]
    assert run.on(ok("c")) == []
    assert run.on(ok("b")) == ["d/0/start"]


def test_outputs_are_collected_at_the_end() -> None:
    run = run_of(graph(task("a")))
    assert run.on(ok("a")) == ["/0/collect"]
    assert run.phase == "SUCCEEDING"
    assert run.on(collected()) == []
    assert run.phase == "SUCCEEDED"


def test_an_execution_without_outputs_ends_with_its_last_node() -> None:
    run = run_of(graph(task("a"), outputs=False))
    assert run.on(ok("a")) == []
    assert run.told == [
        "attempt a/0 SUCCEEDED",
        "node a SUCCEEDED",
        "execution SUCCEEDING",
        "execution SUCCEEDED",
    ]


def test_a_task_tells_five_records_at_most() -> None:
    run = Run(plan_of(graph(task("a"))))
    run.on(begin())
    assert run.told == ["execution RUNNING", "node a RUNNING", "attempt a/0 QUEUED"]
    run.on(runs("a"))
    assert run.told == ["attempt a/0 RUNNING"]
    run.on(ok("a"))
    assert run.told == ["attempt a/0 SUCCEEDED", "node a SUCCEEDED", "execution SUCCEEDING"]


def test_what_an_attempt_asked_for_and_used_passes_through() -> None:
    run = run_of(graph(task("a", retries=1)))
    asked = AskedResources(ResourceAmounts(500), ResourceAmounts())
    events = (
        replace(runs("a"), asked=asked),
        replace(err("a", FLAKE), used=AttemptUse(7, 8)),
        replace(ok("a", 1), used=AttemptUse(9, 10)),
    )
    told = []
    for event in events:
        run.on(event)
        told += [(it.phase.name, it.asked, it.used) for it in run.decision.records if isinstance(it, AttemptChanged)]
    assert told == [
        ("RUNNING", asked, None),
        ("RETRYABLE_FAILED", None, AttemptUse(7, 8)),
        ("QUEUED", None, None),
        ("SUCCEEDED", None, AttemptUse(9, 10)),
    ]


def test_only_what_changed_is_in_the_decision() -> None:
    run = diamond()
    run.on(ok("a"))
    run.on(ok("b"))
    assert set(run.decision.nodes) == {"b"}
    assert run.decision.header is run.state.header


# --- failures ---------------------------------------------------------------------------


def test_a_failure_that_is_not_retryable_fails_the_node_whatever_retries_are_left() -> None:
    run = run_of(graph(task("a", retries=5)))
    assert run.on(err("a", BUG)) == []
    assert run.state.get("a") == Failed(0, BUG)  # type: ignore[arg-type]
    assert run.told == [
        "attempt a/0 FAILED USER:ValueError",
        "node a FAILED USER:ValueError",
        "execution FAILING USER:ValueError",
        "execution FAILED USER:ValueError",
    ]


def test_a_retryable_failure_is_retried_at_once() -> None:
    run = run_of(graph(task("a", retries=1)))
    assert run.on(err("a", FLAKE)) == ["a/1/start"]
    assert run.told == ["attempt a/0 RETRYABLE_FAILED USER:Flaky", "attempt a/1 QUEUED"]
    assert run.on(ok("a", attempt=1)) == ["/0/collect"]


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_an_author_who_asks_for_n_retries_gets_n(retries: int) -> None:
    run = run_of(graph(task("a", retries=retries)))
    for attempt in range(retries):
        assert run.on(err("a", FLAKE, attempt)) == [f"a/{attempt + 1}/start"]
    assert run.on(err("a", FLAKE, retries)) == []
    assert "node a FAILED RetriesExhausted|USER:Flaky" in run.told
    assert f"attempt a/{retries} FAILED USER:Flaky" in run.told


def test_a_node_overrides_its_tasks_retries() -> None:
    assert run_of(graph(task("a", own_retries=1))).on(err("a", FLAKE)) == ["a/1/start"]
    assert run_of(graph(task("a", retries=1, own_retries=0))).on(err("a", FLAKE)) == ["a/1/start"]


def test_a_failure_of_the_platform_waits_a_growing_pause() -> None:
    run = run_of(graph(task("a")))
    for attempt, pause in enumerate([1, 2, 4]):
        now = 100 * S * (attempt + 1)
        stamp = f"{attempt + 1}/retry"
        assert run.on(err("a", LOST, attempt, at=now)) == [f"a/{stamp}"]
        assert run.commands == (SetTimer(f"a/{stamp}", "a", stamp, now + pause * S),)  # type: ignore[arg-type]
        assert run.on(timer("a", stamp)) == [f"a/{attempt + 1}/start"]
    run.on(err("a", LOST, attempt=3))
    assert "node a FAILED RetriesExhausted|Interrupted" in run.told


@pytest.mark.parametrize(
    ("backoff", "pauses"),
    [
        (Backoff(2 * S), [2, 4, 8, 16]),
        (Backoff(S, 3.0), [1, 3, 9, 27]),
        (Backoff(3 * S, 1.0), [3, 3, 3, 3]),
        (Backoff(2 * S, 2.0, 5 * S), [2, 4, 5, 5]),
        (Backoff(40 * 3600 * S), [24 * 3600] * 4),
    ],
)
def test_a_retry_waits_as_its_author_asks(backoff: Backoff, pauses: list[int]) -> None:
    run = run_of(graph(task("a", retries=4, backoff=backoff)))
    for attempt, pause in enumerate(pauses):
        now = 100 * S * (attempt + 1)
        stamp = f"{attempt + 1}/retry"
        assert run.on(err("a", FLAKE, attempt, at=now)) == [f"a/{stamp}"]
        assert run.commands == (SetTimer(f"a/{stamp}", "a", stamp, now + pause * S),)  # type: ignore[arg-type]
        assert run.on(timer("a", stamp)) == [f"a/{attempt + 1}/start"]
    run.on(err("a", FLAKE, attempt=4))
    assert "node a FAILED RetriesExhausted|USER:Flaky" in run.told


class TestQueuedTimeout:
    def waiting(self, retries: int = 0) -> Run:
        run = Run(plan_of(graph(task("a", retries=retries, queued_timeout_ns=30 * S))))
        assert run.on(begin(at=5 * S)) == ["a/0/start", "a/0/queued"]
        assert run.commands[1] == SetTimer("a/0/queued", "a", "0/queued", 35 * S)  # type: ignore[arg-type]
        return run

    def test_an_attempt_that_waits_too_long_fails(self) -> None:
        run = self.waiting(retries=1)
        assert run.on(timer("a", "0/queued")) == ["a/0/abort", "a/1/start", "a/1/queued"]
        assert run.told[0] == "attempt a/0 RETRYABLE_FAILED TimeoutExpired"
        run.on(timer("a", "1/queued"))
        assert "node a FAILED RetriesExhausted|TimeoutExpired" in run.told

    def test_it_does_not_count_once_the_attempt_runs(self) -> None:
        run = self.waiting()
        run.on(runs("a"))
        assert run.on(timer("a", "0/queued")) == []
        assert run.on(ok("a")) == ["/0/collect"]

    def test_the_timer_of_an_earlier_attempt_changes_nothing(self) -> None:
        run = self.waiting(retries=1)
        assert run.on(err("a", FLAKE)) == ["a/1/start", "a/1/queued"]
        assert run.on(timer("a", "0/queued")) == []

    def test_it_is_kept_over_a_restart(self) -> None:
        run = self.waiting()
        again = {command.id: command for command in outstanding(run.plan, run.state)}
        assert again["a/0/queued"] == SetTimer("a/0/queued", "a", "0/queued", 35 * S)  # type: ignore[arg-type]


def test_failures_of_the_platform_do_not_use_up_the_authors_retries() -> None:
    run = run_of(graph(task("a", retries=1)))
    run.on(err("a", LOST, 0))
    run.on(timer("a", "1/retry"))
    assert run.on(err("a", FLAKE, 1)) == ["a/2/start"]
    assert run.state.get("a") == Started(user_failures=1, system_failures=1)  # type: ignore[arg-type]
    run.on(err("a", LOST, 2))
    assert run.on(timer("a", "3/retry")) == ["a/3/start"]
    run.on(err("a", FLAKE, 3))
    assert run.phase == "FAILED"


def test_the_first_failure_stops_the_other_nodes() -> None:
    run = run_of(graph(task("a"), task("b"), task("c")))
    run.on(ok("a"))
    assert run.on(err("b")) == ["c/0/abort"]
    assert run.told[-4:] == [
        "execution FAILING USER:ValueError",
        "attempt c/0 ABORTED",
        "node c ABORTED",
        "execution FAILED USER:ValueError",
    ]


def test_what_can_still_run_does_when_the_author_asked_for_it() -> None:
    run = run_of(graph(task("a"), task("b"), task("below", "a", "b"), task("last", "below"), policy=GOES_ON))
    assert run.on(err("a")) == []
    assert run.told[2:] == ["node below SKIPPED", "node last SKIPPED"]
    assert run.phase == "RUNNING"
    assert run.on(err("b", FLAKE)) == []
    assert run.told[-1] == "execution FAILED USER:ValueError", "the first failure is the execution's"


def test_a_skipped_node_is_not_started_by_its_other_predecessors() -> None:
    run = run_of(graph(task("a"), task("b"), task("below", "a", "b"), policy=GOES_ON))
    run.on(err("a"))
    assert run.on(ok("b")) == []
    assert run.state.get("below") == Skipped()  # type: ignore[arg-type]
    assert run.phase == "FAILED"


# --- events that are no longer current -----------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        *(ok("a", 0), err("a", BUG, 0), runs("a", 0), ok("a", 2), ok("b"), ok("nowhere"), ok("a.0.x"), begin()),
        *(timer("a", "1/retry"), timer("a", "1/deadline/0"), timer("", "timeout")),
        *(collected(), collected("a")),
    ],
    ids=repr,
)
def test_what_is_stale_changes_nothing(event: object) -> None:
    run = run_of(graph(task("a", retries=1), task("b", "a")))
    run.on(err("a", FLAKE, 0))
    run.on(event)  # type: ignore[arg-type]
    assert run.decision.changes_nothing
    assert run.waits_for() == ["a/1/start"]


@pytest.mark.parametrize("last", [ok("a"), err("a"), abort()], ids=repr)
def test_terminal_states_never_change(last: object) -> None:
    run = run_of(graph(task("a"), outputs=False))
    run.on(last)  # type: ignore[arg-type]
    for event in (ok("a"), err("a"), runs("a"), abort(), begin(), timer("", "timeout"), collected()):
        run.on(event)
        assert run.decision.changes_nothing
    assert run.waits_for() == []


def test_a_failed_attempt_that_succeeds_late_has_failed() -> None:
    run = run_of(graph(task("a")))
    run.on(err("a", LOST))
    run.on(ok("a"))
    assert run.decision.changes_nothing


# --- deadlines --------------------------------------------------------------------------


def test_the_core_waits_some_grace_for_the_executor_to_enforce_a_deadline() -> None:
    run = run_of(graph(task("a", timeout_ns=10 * S, retries=1)))
    assert run.on(runs("a", at=5 * S)) == [f"a/0/deadline/{5 * S}"]
    (command,) = run.commands
    assert isinstance(command, SetTimer)
    assert command.due_ns == 15 * S + GRACE_NS
    assert run.on(timer("a", command.stamp)) == ["a/0/abort", "a/1/start"]
    assert run.told[0] == "attempt a/0 RETRYABLE_FAILED TimeoutExpired"


def test_a_node_overrides_its_tasks_timeout() -> None:
    run = run_of(graph(task("a", timeout_ns=10 * S, own_timeout_ns=S)))
    run.on(runs("a"))
    assert isinstance(run.commands[0], SetTimer)
    assert run.commands[0].due_ns == S + GRACE_NS


def test_an_attempt_that_began_anew_has_its_whole_time_again() -> None:
    run = run_of(graph(task("a", timeout_ns=10 * S)))
    run.on(runs("a", at=S))
    assert run.on(runs("a", at=9 * S)) == [f"a/0/deadline/{9 * S}"]
    assert run.told == [], "it is the same attempt"
    assert run.on(timer("a", f"0/deadline/{S}")) == []
    assert run.on(timer("a", f"0/deadline/{9 * S}")) == ["a/0/abort"]


# --- interruptible machines --------------------------------------------------------------


@pytest.mark.parametrize(
    ("of_task", "of_execution", "of_workflow", "expected"),
    [
        (None, None, False, False),
        (None, None, True, True),
        (None, False, True, False),
        (None, True, False, True),
        (False, True, True, False),
        (True, False, False, True),
    ],
)
def test_who_decides_about_interruptible(
    of_task: bool | None, of_execution: bool | None, of_workflow: bool, expected: bool
) -> None:
    sketch = graph(task("a", interruptible=of_task), interruptible=of_workflow)
    run = Run(plan_of(sketch), Limits(interruptible=of_execution))
    run.on(begin())
    assert isinstance(run.commands[0], StartAttempt)
    assert run.commands[0].interruptible is expected


def test_the_last_attempt_after_failures_of_the_platform_is_not_interruptible() -> None:
    run = run_of(graph(task("a", interruptible=True)))
    seen = []
    for attempt in range(3):
        run.on(err("a", LOST, attempt))
        run.on(timer("a", f"{attempt + 1}/retry"))
        seen.extend(command.interruptible for command in run.commands if isinstance(command, StartAttempt))
    assert seen == [True, True, False]


def test_commands_name_the_task() -> None:
    run = Run(plan_of(graph(task("a"))))
    run.on(begin())
    (command,) = run.commands
    assert isinstance(command, StartAttempt)
    assert isinstance(command.task, Identifier)
    assert command.task.name == "main.a"


def test_the_message_of_used_up_retries_tells_how_often_and_keeps_the_last() -> None:
    run = run_of(graph(task("a", retries=1)))
    run.on(err("a", FLAKE, 0))
    run.on(err("a", Failure("USER:Other", "the last one", FLAKE.fault, retryable=True), 1))
    failed = run.state.get("a")  # type: ignore[arg-type]
    assert isinstance(failed, Failed)
    assert failed.failure.message == "Failed 2 times, no retries are left. Last failure: the last one"


@pytest.mark.parametrize(("failure", "cause"), [(FLAKE, "exhausted"), (BUG, "failed")])
def test_a_task_that_gives_up_says_whether_its_retries_are_used_up(failure: Failure, cause: str) -> None:
    run = run_of(graph(task("a", retries=1)))
    run.on(err("a", FLAKE))
    run.on(err("a", failure, attempt=1))
    assert run.decision.steps[0].transition.name == f"Started -{cause}-> Failed"
