"""Nodes that are executions of their own."""

from flytelike.model.failure import Failure, Fault
from flytelike.model.phases import NodePhase, WorkflowPhase
from propeller.core import deadline
from propeller.core.commands import AbortChild, StartChild
from propeller.core.events import ChildEnded, TimerFired
from propeller.core.node_state import ChildRunning, Failed, Succeeded
from propeller.core.plan import LaunchPlanWork, Place
from propeller.core.retry import GiveUp, RetryLater, RetryNow, judge_whole
from propeller.core.transitions import Cause
from propeller.core.turn import Turn


def start(turn: Turn, place: Place, work: LaunchPlanWork) -> None:
    """Start the child of a node that is ready."""
    turn.tell_node(place, NodePhase.RUNNING)
    _start_child(turn, place, work, ChildRunning(turn.now_ns), Cause.STARTED)


def ended(turn: Turn, event: ChildEnded) -> None:
    """Take the child's end over."""
    state = turn.get(event.path)
    if not isinstance(state, ChildRunning) or state.attempt != event.attempt or not event.phase.terminal:
        return
    place = turn.plan.place(event.path)
    if event.phase is WorkflowPhase.SUCCEEDED:
        turn.move(place, Cause.SUCCEEDED, Succeeded(event.attempt))
        turn.tell_node(place, NodePhase.SUCCEEDED)
    else:
        _fail(turn, place, state, _failure_of(event))


def timer_fired(turn: Turn, event: TimerFired) -> None:
    """End a child that takes longer than the node allows."""
    state = turn.get(event.path)
    if not isinstance(state, ChildRunning):
        return
    if event.stamp == deadline.stamp(state.attempt, state.started_ns):
        place = turn.plan.place(event.path)
        failure = deadline.expired("The child execution", place.node.timeout_ns)
        turn.commands.append(abort_command(place, state.attempt, failure.message))
        _fail(turn, place, state, failure)


def start_command(place: Place, work: LaunchPlanWork, state: ChildRunning) -> StartChild:
    """Return the command that starts the child the node waits for."""
    attempt = state.attempt
    return StartChild(f"{place.path}/{attempt}/start", place.path, attempt, work.launch_plan)


def abort_command(place: Place, attempt: int, reason: str) -> AbortChild:
    """Return the command that stops a child."""
    return AbortChild(f"{place.path}/{attempt}/abort", place.path, attempt, reason)


def _start_child(turn: Turn, place: Place, work: LaunchPlanWork, state: ChildRunning, cause: Cause) -> None:
    turn.move(place, cause, state)
    turn.commands.append(start_command(place, work, state))
    timeout_ns = place.node.timeout_ns
    if timeout_ns:
        due_ns = state.started_ns + timeout_ns
        turn.commands.append(deadline.deadline(place.path, state.attempt, state.started_ns, due_ns))


def _fail(turn: Turn, place: Place, state: ChildRunning, failure: Failure) -> None:
    work = place.node.work
    if not isinstance(work, LaunchPlanWork):
        return
    match judge_whole(failure, state.user_failures, place.node.retries):
        case GiveUp(failure=final, exhausted=exhausted):
            turn.move(place, Cause.EXHAUSTED if exhausted else Cause.FAILED, Failed(state.attempt, final))
            turn.tell_node(place, NodePhase.FAILED, final)
        case RetryNow(user_failures=failures) | RetryLater(user_failures=failures):
            _start_child(turn, place, work, ChildRunning(turn.now_ns, failures), Cause.RETRIED)


def _failure_of(event: ChildEnded) -> Failure:
    """Return why the child did not succeed. One that was aborted is not tried again: somebody meant it."""
    if event.failure is not None:
        return event.failure
    aborted = event.phase is WorkflowPhase.ABORTED
    return Failure(
        code="ChildAborted" if aborted else "ChildFailed",
        message=f"The child execution ended as {event.phase.name}",
        fault=Fault.USER,
        retryable=not aborted,
    )
