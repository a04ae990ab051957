"""Stopping everything that is active in a scope, and in the scopes below it."""

from typing import assert_never

from flytelike.model.ids import NodePath
from flytelike.model.phases import NodePhase, TaskPhase
from propeller.core import cache_lookup, launch_plan_node, task_node
from propeller.core.commands import AbortElements
from propeller.core.node_state import (
    Aborted,
    AtGate,
    BackingOff,
    ChildRunning,
    Collecting,
    Decided,
    Deciding,
    Expanded,
    Failed,
    Gathering,
    HandlingScopeFailure,
    Held,
    LeftOut,
    LookingUp,
    Mapped,
    Measuring,
    Running,
    Skipped,
    Started,
    Succeeded,
    TakingOver,
    WaitingForCache,
)
from propeller.core.plan import ArrayWork, Place, TaskWork, scope_of
from propeller.core.transitions import Cause
from propeller.core.turn import Turn


def stop_scope(turn: Turn, scope: NodePath, reason: str) -> None:
    """Abort all active nodes of the scope, those of inner scopes first. Nodes that wait stay so."""
    for path in turn.active_in(scope):
        place = turn.plan.place(path)
        work = place.node.work
        match turn.get(path):
            case Started(attempt=attempt) | Running(attempt=attempt):
                turn.commands.append(task_node.abort_command(place, attempt, reason))
                if isinstance(work, TaskWork):
                    turn.tell_attempt(place, work, attempt, TaskPhase.ABORTED)
            case ChildRunning(attempt=attempt):
                turn.commands.append(launch_plan_node.abort_command(place, attempt, reason))
            case Expanded(attempt=attempt) | HandlingScopeFailure(attempt=attempt):
                stop_scope(turn, scope_of(path, attempt), reason)
            case Measuring() | Mapped() | Gathering() as state:
                stop_elements(turn, place, state, reason)
                if isinstance(work, ArrayWork) and isinstance(work.element.work, TaskWork):
                    turn.tell_attempt(place, work.element.work, state.attempt, TaskPhase.ABORTED)
            case (
                Held()
                | LookingUp()
                | WaitingForCache()
                | BackingOff()
                | Collecting()
                | Deciding()
                | Decided()
                | AtGate()
                | TakingOver()
            ):
                pass  # nothing of its own runs
            case Succeeded() | Failed() | Skipped() | LeftOut() | Aborted() | None:
                continue
            case unreachable:
                assert_never(unreachable)
        if isinstance(work, TaskWork) and cache_lookup.wanted(turn, work):
            turn.commands.append(cache_lookup.release_command(place))
        turn.move(place, Cause.ABORTED, Aborted())
        turn.tell_node(place, NodePhase.ABORTED)


def stop_elements(turn: Turn, place: Place, state: Measuring | Mapped | Gathering, reason: str) -> None:
    """Stop what runs of an array; its elements are left as they are, and the array's own end tells what that means."""
    work = place.node.work
    if not isinstance(state, Mapped) or not isinstance(work, ArrayWork) or not state.open:
        return
    if isinstance(work.element.work, TaskWork):
        name = f"{place.path}/{state.attempt}/abort"
        turn.commands.append(AbortElements(name, place.path, state.attempt, reason))
    else:
        stop_scope(turn, scope_of(place.path, state.attempt), reason)
