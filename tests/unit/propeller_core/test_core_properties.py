"""What holds for all graphs and all events."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flytelike.model.failure import Failure, Fault
from flytelike.model.ids import NodePath
from propeller.core import events
from propeller.core.commands import Command, SetTimer
from propeller.core.decision import Decision
from propeller.core.elements import CHUNK, spans_of
from propeller.core.evaluate import evaluate
from propeller.core.header import Limits
from propeller.core.invariants import check
from propeller.core.node_state import Held, NodeState, Skipped, Started, Succeeded
from propeller.core.plan import Plan
from propeller.core.retry import Budget, GiveUp, RetryLater, RetryNow, judge, judge_whole, pause_ns
from propeller.core.state import ExecutionState
from propeller.core.transitions import EXECUTION_TRANSITIONS, NODE_TRANSITIONS
from propeller.core.turn import without_vain
from tests.simulation.graphs import random_scenario
from tests.unit.propeller_core.builders import (
    BUG,
    FLAKE,
    GOES_ON,
    LOST,
    Run,
    S,
    abort,
    begin,
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
)
from tests.unit.propeller_core.story import draw, tell


def _some_events(rng: random.Random, state: ExecutionState) -> list[events.Event]:
    """Events about what is active and what is not, sensible and not."""
    paths = sorted(state.nodes) or [NodePath("n0")]
    batch: list[events.Event] = []
    for _ in range(rng.randint(1, 8)):
        path, attempt = rng.choice(paths), rng.choice([0, 0, 0, 1, 2])
        batch.append(
            rng.choice(
                [
                    events.ExecutionStarted(1),
                    events.AttemptRunning(path, attempt, rng.randint(0, 9)),
                    *[events.AttemptSucceeded(path, attempt, 5)] * 3,
                    events.AttemptFailed(path, attempt, 5, rng.choice([BUG, FLAKE, LOST])),
                    events.ChildEnded(path, attempt, 5, rng.choice(list(events.WorkflowPhase))),
                    events.OutputsCollected(path, attempt, 5),
                    events.OutputsCollected(NodePath(""), 0, 5),
                    events.OutputsFailed(path, attempt, 5, FLAKE),
                    events.TimerFired(path, f"{attempt}/retry", 5),
                ]
            )
        )
    return batch


@given(st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_a_batch_gives_what_its_events_give_one_by_one(rng: random.Random) -> None:
    scenario = random_scenario(rng)
    plan = scenario.plan()
    whole, single = (ExecutionState.new(plan, scenario.limits) for _ in range(2))
    for _ in range(8):
        batch = _some_events(rng, whole)
        decision = evaluate(plan, whole, batch)
        steps = []
        for event in batch:
            steps.append(evaluate(plan, single, [event]))
            single.apply(steps[-1])
        whole.apply(decision)
        check(plan, whole)
        assert (whole.header, whole.nodes) == (single.header, single.nodes)
        assert list(decision.records) == [record for step in steps for record in step.records]
        one_by_one = [command for step in steps for command in step.commands]
        assert list(decision.commands) == list(without_vain(one_by_one))


@given(st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_an_array_does_the_same_however_its_news_are_batched(rng: random.Random) -> None:
    """With the same state in the end, and the same commands: the timers of elements' pauses too."""
    length = rng.choice([2, 5, 2 * CHUNK])
    plan = plan_of(graph(each(task("a", retries=2), length, window=rng.choice([None, 2])), policy=GOES_ON))
    single, whole = ExecutionState.new(plan), ExecutionState.new(plan)
    told: list[events.Event] = [begin(), opened("a", length)]
    commands: list[Command] = []
    for number in range(rng.randint(1, 25)):
        if number:
            told.append(_of_elements(rng, commands, min(length, 6)))
        for event in told[-1:] if number else told:
            decision = evaluate(plan, single, [event])
            single.apply(decision)
            commands.extend(decision.commands)
    together: list[Command] = []
    while told:
        size = rng.randint(1, len(told))
        decision = evaluate(plan, whole, told[:size])
        whole.apply(decision)
        together.extend(decision.commands)
        told = told[size:]
    assert (whole.header, whole.nodes, whole.chunks) == (single.header, single.nodes, single.chunks)
    assert without_vain(together) == without_vain(commands)


def _of_elements(rng: random.Random, commands: list[Command], among: int) -> events.Event:
    """Elements that ended, many at the same instant; or the end of a pause that was asked for."""
    pauses = [it for it in commands if isinstance(it, SetTimer)]
    if pauses and rng.random() < 0.4:
        pause = rng.choice(pauses)
        return timer(pause.path, pause.stamp, pause.due_ns)
    where = rng.choice([0, CHUNK - 3])
    ends = sorted({(where + rng.randrange(among), rng.choice([0, 0, 0, 1, 2])) for _ in range(rng.randint(1, 4))})
    lost = {end: rng.choice([FLAKE, LOST, LOST, LOST]) for end in ends if rng.random() < 0.8}
    failed = tuple(events.ElementFailed(*end, failure) for end, failure in lost.items())
    succeeded = spans_of(end for end in ends if end not in lost)
    return events.ElementsEnded(NodePath("a"), 0, rng.choice([5, 5, 5, S]), succeeded, failed)


def test_what_a_batch_starts_and_stops_is_not_started() -> None:
    run = run_of(graph(task("a"), task("b"), task("c", "a")))
    assert run.on(ok("a"), err("b")) == []
    assert run.states()["c"] == "Aborted"


def test_the_cost_of_an_event_does_not_grow_with_the_workflow() -> None:
    """Counted, not timed: how many nodes a decision looks at."""
    looks = {}
    for size in (100, 2_000):
        plan = plan_of(graph(task("n0"), *(task(f"n{i}", f"n{i - 1}") for i in range(1, size))))
        state = ExecutionState.new(plan)
        state.apply(evaluate(plan, state, [begin()]))
        counting = _Counting(plan.primary.nodes)
        object.__setattr__(plan.primary, "nodes", counting)
        state.apply(evaluate(plan, state, [ok("n0")]))
        looks[size] = counting.looks
    assert looks[100] == looks[2_000] < 20


class _Counting(dict):  # type: ignore[type-arg]
    looks = 0

    def __getitem__(self, key: object) -> object:
        self.looks += 1
        return super().__getitem__(key)

    def __iter__(self) -> object:  # type: ignore[override]
        self.looks += len(self)
        return super().__iter__()


# --- retries ----------------------------------------------------------------------------


@given(st.integers(0, 5), st.integers(0, 5), st.lists(st.sampled_from([FLAKE, LOST]), max_size=20))
def test_a_task_is_tried_as_often_as_its_budget_says(
    retries: int, system_retries: int, failures: list[Failure]
) -> None:
    users = systems = 0
    for failure in failures:
        match judge(failure, users, systems, Budget(retries, system_retries)):
            case GiveUp(exhausted=exhausted):
                assert exhausted
                assert (users if failure is FLAKE else systems) == (retries if failure is FLAKE else system_retries)
                return
            case RetryNow(users, systems) | RetryLater(users, systems):
                assert users <= retries
                assert systems <= system_retries


def test_pauses_grow_to_a_minute() -> None:
    assert [pause_ns(n) / 1e9 for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert pause_ns(10_000) == pause_ns(8)


def test_a_whole_is_retried_whosesoever_fault_it_was() -> None:
    assert judge_whole(LOST, 0, 1) == RetryNow(1, 0)
    assert judge_whole(LOST, 0, 0) == GiveUp(LOST, exhausted=False)
    assert judge_whole(BUG, 0, 5) == GiveUp(BUG, exhausted=False)
    used_up = Failure("RetriesExhausted|X", "m", Fault.USER, retryable=True)
    assert judge_whole(used_up, 1, 1) == GiveUp(used_up, exhausted=True)


# --- invariants bite --------------------------------------------------------------------


def _plan() -> Plan:
    return plan_of(graph(task("a"), task("b", "a"), sub("s", "one", "a")), graph(task("x"), name="one"))


@pytest.mark.parametrize(
    ("nodes", "rule"),
    [
        ({"a": Started(), "b": Started()}, "b: is Started"),
        ({"a": Started(5, 0)}, "a: too many retries"),
        ({"a": Started(0, 4)}, "a: too many restarts"),
        ({"a": Skipped()}, "a: is skipped without a reason"),
        ({"a": Held(0)}, "1 nodes are held while 0 of 0"),
        ({"a": Succeeded(0)}, "nodes may run in this scope, and none does"),
        ({"a": Succeeded(0), "b": Started()}, "s: is ready and was not started"),
        ({"a": Succeeded(0), "b": Started(), "s": Started()}, "s: its kind cannot be"),
        ({}, "nodes may run in this scope, and none does"),
    ],
)
def test_invariants_name_what_is_wrong(nodes: dict[NodePath, NodeState], rule: str) -> None:
    run = Run(_plan())
    run.on(begin())
    with pytest.raises(AssertionError, match=rule):
        check(run.plan, ExecutionState(run.plan, run.state.header, nodes))


def test_invariants_find_an_index_that_is_wrong() -> None:
    run = Run(_plan(), Limits(max_parallelism=1))
    run.on(begin())
    run.state.index.tally.slots += 1
    with pytest.raises(AssertionError, match="index slots is 2, should be 1"):
        check(run.plan, run.state)


def test_a_transition_that_is_not_in_the_table_cannot_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(graph(task("a")))
    monkeypatch.setattr("propeller.core.turn.TRANSITIONS", frozenset())
    with pytest.raises(AssertionError, match="there is no transition Started -succeeded-> Succeeded"):
        evaluate(run.plan, run.state, [ok("a")])


# --- stories ----------------------------------------------------------------------------


def test_a_decision_can_be_told() -> None:
    run = run_of(graph(task("a")))
    run.on(err("a", LOST))
    assert tell(run.decision) == [
        "a: Started -backed_off-> BackingOff",
        "do a/1/retry due 1000000000",
        "record attempt a/0 RETRYABLE_FAILED Interrupted",
    ]
    run.on(timer("a", "1/retry"))
    run.on(abort())
    assert tell(run.decision)[:2] == [
        "a: Started -aborted-> Aborted",
        "execution: InProgress -aborted-> ExecutionAborted",
    ]
    assert tell(Decision(run.state.header)) == []


@pytest.mark.parametrize("table", [NODE_TRANSITIONS, EXECUTION_TRANSITIONS], ids=["nodes", "executions"])
def test_the_diagrams_in_the_docs_are_up_to_date(table: frozenset[object]) -> None:
    page = Path(__file__).parents[3] / "docs/adr/0002-pure-core.md"
    assert draw(table) in page.read_text(encoding="utf-8")  # type: ignore[arg-type]
