"""The one door: what follows from events."""

from collections.abc import Sequence
from typing import Protocol, assert_never

from flytelike.model.ids import ROOT, NodePath
from propeller.core import (
    array_node,
    branch_node,
    cache_lookup,
    dynamic_node,
    execution,
    gate_node,
    launch_plan_node,
    sub_workflow_node,
    taking_over,
    task_node,
)
from propeller.core.decision import Decision
from propeller.core.events import (
    AbortRequested,
    ArrayOpened,
    ArrayRefused,
    AttemptExpanded,
    AttemptFailed,
    AttemptRunning,
    AttemptSucceeded,
    AttemptWaits,
    BranchDecided,
    BranchUndecided,
    CacheFound,
    CacheFreed,
    CacheMissed,
    CacheTaken,
    ChildEnded,
    ElementsEnded,
    Event,
    ExecutionStarted,
    GatePassed,
    GateRefused,
    GraphTaken,
    NothingTaken,
    OutputsCollected,
    OutputsFailed,
    TakenOver,
    TimerFired,
)
from propeller.core.node_state import Started
from propeller.core.plan import (
    ArrayWork,
    BranchWork,
    LaunchPlanWork,
    Plan,
    SignalWork,
    SleepWork,
    SubWorkflowWork,
    TaskWork,
)
from propeller.core.settle import run, settle
from propeller.core.state import ExecutionState
from propeller.core.turn import Turn


def evaluate(plan: Plan, state: ExecutionState, events: Sequence[Event]) -> Decision:
    """Return what a batch of events changes, and what is to be done about it.

    Pure: `state` is read only, and the same arguments give the same decision. Costs grow
    with what changes, not with the size of the workflow. A batch gives what its events give
    one by one, save that what it both starts and stops again is not started at all. Events
    that speak of something no longer current change nothing.
    """
    turn = Turn(plan, state)
    for event in events:
        if turn.header.ended:
            break
        turn.now_ns = event.at_ns
        _take(turn, event)
        settle(turn)
    return turn.decision()


def _take(turn: Turn, event: Event) -> None:
    match event:
        case AttemptSucceeded() | AttemptRunning() | AttemptExpanded() | AttemptFailed():
            _take_news(turn, event)
        case AttemptWaits():
            _take_wait(turn, event)
        case ElementsEnded() | ArrayOpened() | ArrayRefused():
            _take_of_array(turn, event)
        case CacheFound() | CacheMissed() | CacheTaken() | CacheFreed():
            cache_lookup.answered(turn, event)
        case ChildEnded():
            launch_plan_node.ended(turn, event)
        case OutputsCollected() | OutputsFailed():
            _take_outputs(turn, event)
        case BranchDecided() | BranchUndecided() | GatePassed() | GateRefused():
            _take_answer(turn, event)
        case TimerFired():
            _take_timer(turn, event)
        case TakenOver() | GraphTaken() | NothingTaken():
            _take_results(turn, event)
        case ExecutionStarted():
            execution.started(turn, event)
        case AbortRequested():
            execution.abort(turn, event)
        case unreachable:
            assert_never(unreachable)


def _take_wait(turn: Turn, event: AttemptWaits) -> None:
    if isinstance(state := turn.get(event.path), Started):
        task_node.waits(turn, event, state)
    else:
        array_node.waits(turn, event)


def _take_answer(turn: Turn, event: BranchDecided | BranchUndecided | GatePassed | GateRefused) -> None:
    if isinstance(event, BranchDecided | BranchUndecided):
        branch_node.answered(turn, event)
    else:
        gate_node.answered(turn, event)


def _take_of_array(turn: Turn, event: ElementsEnded | ArrayOpened | ArrayRefused) -> None:
    match event:
        case ElementsEnded():
            array_node.elements_ended(turn, event)
        case ArrayOpened():
            array_node.opened(turn, event)
        case ArrayRefused():
            array_node.refused(turn, event)
        case unreachable:
            assert_never(unreachable)


class _OwnerOfScope(Protocol):
    """What has outputs that are collected."""

    def collected(self, turn: Turn, event: OutputsCollected) -> None:
        """Take the outputs over."""

    def collecting_failed(self, turn: Turn, event: OutputsFailed) -> None:
        """Take over that there are none."""


def _owner_of_scope(turn: Turn, path: NodePath) -> _OwnerOfScope:
    if path == ROOT:
        return execution
    of_array = turn.get(path) is not None and isinstance(turn.plan.place(path).node.work, ArrayWork)
    return array_node if of_array else sub_workflow_node


def _take_outputs(turn: Turn, event: OutputsCollected | OutputsFailed) -> None:
    owner = _owner_of_scope(turn, event.path)
    if isinstance(event, OutputsCollected):
        owner.collected(turn, event)
    else:
        owner.collecting_failed(turn, event)


def _take_results(turn: Turn, event: TakenOver | GraphTaken | NothingTaken) -> None:
    if isinstance(event, TakenOver):
        taking_over.taken(turn, event)
    elif isinstance(event, GraphTaken):
        dynamic_node.graph_taken(turn, event)
    elif (place := taking_over.nothing_taken(turn, event)) is not None:
        run(turn, place)


def _take_news(turn: Turn, event: AttemptSucceeded | AttemptRunning | AttemptExpanded | AttemptFailed) -> None:
    match event:
        case AttemptSucceeded():
            task_node.succeeded(turn, event)
        case AttemptRunning():
            task_node.began(turn, event)
        case AttemptExpanded():
            dynamic_node.expanded(turn, event)
        case AttemptFailed():
            task_node.failed(turn, event)
        case unreachable:
            assert_never(unreachable)


def _take_timer(turn: Turn, event: TimerFired) -> None:
    if event.path == ROOT:
        execution.timer_fired(turn, event)
    elif turn.get(event.path) is not None:
        match turn.plan.place(event.path).node.work:
            case TaskWork():
                cache_lookup.timer_fired(turn, event)
                task_node.timer_fired(turn, event)
                dynamic_node.timer_fired(turn, event)
            case LaunchPlanWork():
                launch_plan_node.timer_fired(turn, event)
            case SubWorkflowWork():
                sub_workflow_node.timer_fired(turn, event)
            case ArrayWork():
                array_node.timer_fired(turn, event)
            case SignalWork() | SleepWork():
                gate_node.timer_fired(turn, event)
            case BranchWork():
                pass  # No timer is ever set for one.
            case unreachable:
                assert_never(unreachable)
