"""Nodes that run a task, attempt by attempt."""

from dataclasses import replace

from flytelike.model.failure import Failure
from flytelike.model.phases import NodePhase, TaskPhase
from flytelike.model.usage import AttemptUse
from propeller.core import deadline
from propeller.core.commands import AbortAttempt, StartAttempt
from propeller.core.events import AttemptFailed, AttemptRunning, AttemptSucceeded, AttemptWaits, TimerFired
from propeller.core.header import Limits
from propeller.core.line import needs_slot
from propeller.core.node_state import BackingOff, Failed, Running, Started, Succeeded
from propeller.core.plan import NodePlan, Place, Plan, TaskWork
from propeller.core.retry import Budget, GiveUp, RetryLater, RetryNow, judge
from propeller.core.transitions import Cause
from propeller.core.turn import Turn
from propeller.core.wait import for_room


def again(turn: Turn, place: Place, work: TaskWork, user_failures: int, system_failures: int) -> None:
    """Run the task of a dynamic node again, since the nodes it gave failed; as soon as a slot is free."""
    if not needs_slot(place) or (turn.slot_is_free and turn.tally.held == 0):
        turn.tell_node(place, NodePhase.RUNNING)
        start_attempt(turn, place, work, Started(user_failures, system_failures), Cause.RETRIED)
    else:
        turn.hold(place, user_failures, system_failures)


def waits(turn: Turn, event: AttemptWaits, state: Started) -> None:
    """Tell what an attempt waits for that has not begun, or that it waits for nothing any more."""
    place = turn.plan.place(event.path)
    work = place.node.work
    if state.attempt != event.attempt or not isinstance(work, TaskWork) or event.what == state.waits:
        return
    turn.move(place, Cause.LINED_UP, replace(state, waits=event.what))
    if not (event.what and state.waits):
        phase = TaskPhase.WAITING_FOR_RESOURCES if event.what else TaskPhase.QUEUED
        turn.tell_attempt(place, work, event.attempt, phase)
    turn.tell_node(place, NodePhase.RUNNING, waits=for_room(event.what))


def began(turn: Turn, event: AttemptRunning) -> None:
    """Take in that the attempt's process runs; once more if it was started again after a restart."""
    state = turn.get(event.path)
    if not isinstance(state, Started | Running) or state.attempt != event.attempt:
        return
    anew = isinstance(state, Running)
    if isinstance(state, Running) and event.at_ns <= state.started_ns:
        return
    place = turn.plan.place(event.path)
    running = Running(event.at_ns, state.user_failures, state.system_failures)
    turn.move(place, Cause.BEGAN_ANEW if anew else Cause.BEGAN, running)
    timeout_ns = place.node.timeout_ns
    if timeout_ns:
        due_ns = event.at_ns + timeout_ns + deadline.GRACE_NS
        turn.commands.append(deadline.deadline(event.path, event.attempt, event.at_ns, due_ns))
    work = place.node.work
    if not anew and isinstance(work, TaskWork):
        turn.tell_running(place, work, event.attempt, event.asked)
    if isinstance(state, Started) and state.waits:
        turn.tell_node(place, NodePhase.RUNNING)


def succeeded(turn: Turn, event: AttemptSucceeded) -> None:
    """Accept the attempt's result."""
    state = turn.get(event.path)
    if not isinstance(state, Started | Running) or state.attempt != event.attempt:
        return
    place = turn.plan.place(event.path)
    turn.move(place, Cause.SUCCEEDED, Succeeded(event.attempt))
    work = place.node.work
    if isinstance(work, TaskWork):
        turn.tell_attempt(place, work, event.attempt, TaskPhase.SUCCEEDED, used=event.used)
    turn.tell_node(place, NodePhase.SUCCEEDED, cache=event.cache)


def failed(turn: Turn, event: AttemptFailed) -> None:
    """Retry, back off or give up."""
    state = turn.get(event.path)
    if isinstance(state, Started | Running) and state.attempt == event.attempt:
        _fail(turn, turn.plan.place(event.path), state, event.failure, event.used)


def timer_fired(turn: Turn, event: TimerFired) -> None:
    """Wake the node from its back-off, or end an attempt that its executor did not end in time."""
    state = turn.get(event.path)
    place = turn.plan.place(event.path)
    work = place.node.work
    if not isinstance(work, TaskWork):
        return
    if isinstance(state, BackingOff) and event.stamp == deadline.retry_stamp(state.attempt):
        start_attempt(turn, place, work, Started(state.user_failures, state.system_failures), Cause.WOKEN)
    elif isinstance(state, Started | Running) and (failure := _out_of_time(place, state, event.stamp)) is not None:
        turn.commands.append(abort_command(place, state.attempt, failure.message))
        _fail(turn, place, state, failure)


def start_command(plan: Plan, place: Place, work: TaskWork, state: Started | Running, limits: Limits) -> StartAttempt:
    """Return the command that starts the attempt the node is in."""
    attempt = state.attempt
    may_be = interruptible(plan, place.node, limits, state.system_failures)
    return StartAttempt(f"{place.path}/{attempt}/start", place.path, attempt, work.task, may_be)


def abort_command(place: Place, attempt: int, reason: str) -> AbortAttempt:
    """Return the command that stops an attempt."""
    return AbortAttempt(f"{place.path}/{attempt}/abort", place.path, attempt, reason)


def _out_of_time(place: Place, state: Started | Running, stamp: str) -> Failure | None:
    """Return the failure of an attempt that a timer is about; None for a timer of another one."""
    match state:
        case Started() if stamp == deadline.queued_stamp(state.attempt):
            return deadline.waited(place.node.queued_timeout_ns)
        case Running() if stamp == deadline.stamp(state.attempt, state.started_ns):
            return deadline.expired("The attempt", place.node.timeout_ns)
        case _:
            return None


def start_attempt(turn: Turn, place: Place, work: TaskWork, state: Started, cause: Cause) -> None:
    """Start the attempt that `state` is in."""
    limit_ns = place.node.queued_timeout_ns
    if limit_ns:
        state = replace(state, since_ns=turn.now_ns)
    turn.move(place, cause, state)
    turn.commands.append(start_command(turn.plan, place, work, state, turn.header.limits))
    if limit_ns:
        turn.commands.append(deadline.queued(place.path, state.attempt, turn.now_ns + limit_ns))
    turn.tell_attempt(place, work, state.attempt, TaskPhase.QUEUED)


def _fail(turn: Turn, place: Place, state: Started | Running, failure: Failure, used: AttemptUse | None = None) -> None:
    node = place.node
    work = node.work
    if not isinstance(work, TaskWork):
        return
    budget = Budget(node.retries, node.system_retries, node.backoff)
    attempt = state.attempt
    match judge(failure, state.user_failures, state.system_failures, budget):
        case GiveUp(failure=final, exhausted=exhausted):
            turn.move(place, Cause.EXHAUSTED if exhausted else Cause.FAILED, Failed(attempt, final))
            turn.tell_attempt(place, work, attempt, TaskPhase.FAILED, failure, used=used)
            turn.tell_node(place, NodePhase.FAILED, final)
        case RetryNow(user_failures=users, system_failures=systems):
            turn.tell_attempt(place, work, attempt, TaskPhase.RETRYABLE_FAILED, failure, used=used)
            start_attempt(turn, place, work, Started(users, systems), Cause.RETRIED)
        case RetryLater(user_failures=users, system_failures=systems, pause_ns=pause_ns):
            until_ns = turn.now_ns + pause_ns
            turn.move(place, Cause.BACKED_OFF, BackingOff(until_ns, users, systems))
            turn.tell_attempt(place, work, attempt, TaskPhase.RETRYABLE_FAILED, failure, next_ns=until_ns, used=used)
            turn.commands.append(deadline.retry(place.path, attempt + 1, until_ns))


def interruptible(plan: Plan, node: NodePlan, limits: Limits, system_failures: int) -> bool:
    """Say whether the attempt may run on machines that can be taken away.

    The last attempt that the platform's failures leave never does, so that it can end (Flyte's rule).
    """
    if system_failures >= node.system_retries:
        return False
    if node.interruptible is not None:
        return node.interruptible
    if limits.interruptible is not None:
        return limits.interruptible
    return plan.primary.interruptible
