"""Nodes that hold the nodes of another workflow, in a scope opened for each attempt.

What happens in such a scope is the same for a dynamic node, whose nodes its own task gave; only its next
attempt is its task's.
"""

from flytelike.model.caching import CacheNote
from flytelike.model.failure import Failure
from flytelike.model.phases import NodePhase
from propeller.core import deadline, task_node
from propeller.core.commands import CollectOutputs
from propeller.core.events import OutputsCollected, OutputsFailed, TimerFired
from propeller.core.node_state import Collecting, EndState, Expanded, Failed, HandlingScopeFailure, Succeeded
from propeller.core.plan import Place, TaskWork, place_in, scope_of
from propeller.core.retry import GiveUp, RetryLater, RetryNow, judge_whole
from propeller.core.stop import stop_scope
from propeller.core.transitions import Cause
from propeller.core.turn import Turn


def start(turn: Turn, place: Place) -> None:
    """Open the scope of a node that is ready."""
    turn.tell_node(place, NodePhase.RUNNING)
    _expand(turn, place, Expanded(turn.now_ns), Cause.EXPANDED)


def nodes_ended(turn: Turn, place: Place, state: Expanded) -> None:
    """Go on when all nodes of the scope have ended."""
    if state.failure is not None:
        fail(turn, place, state, state.failure)
    elif turn.plan.workflow_in(scope_of(place.path, state.attempt)).has_outputs:
        collecting = Collecting(state.started_ns, state.user_failures, state.system_failures)
        turn.move(place, Cause.COLLECTING, collecting)
        turn.commands.append(collect_command(place, state.attempt))
    else:
        _succeed(turn, place, state.attempt)


def keep_failure(turn: Turn, place: Place, state: Expanded, failure: Failure) -> None:
    """Remember the first failure while other nodes go on."""
    if state.failure is None:
        kept = Expanded(state.started_ns, state.user_failures, failure, state.system_failures)
        turn.move(place, Cause.FAILURE_KEPT, kept)


def fail(turn: Turn, place: Place, state: Expanded | Collecting, failure: Failure) -> None:
    """Stop what still runs in the scope, let its failure node run, then retry the node as a whole or give up."""
    scope = scope_of(place.path, state.attempt)
    stop_scope(turn, scope, f"{place.path} failed: {failure.code}")
    workflow = turn.plan.workflow_in(scope)
    if workflow.cleanup is None:
        _retry_or_fail(turn, place, state, failure)
        return
    turn.move(place, Cause.HANDLING, HandlingScopeFailure(state.started_ns, state.user_failures, failure))
    turn.tell_node(place, NodePhase.FAILING, failure)
    turn.ready.append(place_in(scope, workflow, workflow.cleanup))


def handled(turn: Turn, place: Place, state: HandlingScopeFailure, end: EndState) -> None:
    """Go on after the scope's failure node: with the failure of that one, if it failed itself."""
    _retry_or_fail(turn, place, state, end.failure if isinstance(end, Failed) else state.failure)


def _retry_or_fail(
    turn: Turn, place: Place, state: Expanded | Collecting | HandlingScopeFailure, failure: Failure
) -> None:
    match judge_whole(failure, state.user_failures, place.node.retries):
        case GiveUp(failure=final, exhausted=exhausted):
            turn.move(place, Cause.EXHAUSTED if exhausted else Cause.FAILED, Failed(state.attempt, final))
            turn.tell_node(place, NodePhase.FAILED, final)
        case RetryNow(user_failures=failures) | RetryLater(user_failures=failures):
            work = place.node.work
            if isinstance(work, TaskWork) and not isinstance(state, HandlingScopeFailure):
                task_node.again(turn, place, work, failures, state.system_failures)
                return  # A graph that a task gave has no failure node.
            if isinstance(state, HandlingScopeFailure):
                turn.tell_node(place, NodePhase.RUNNING)
            _expand(turn, place, Expanded(turn.now_ns, failures), Cause.RETRIED)


def collected(turn: Turn, event: OutputsCollected) -> None:
    """Accept the scope's outputs."""
    state = turn.get(event.path)
    if isinstance(state, Collecting) and state.attempt == event.attempt:
        _succeed(turn, turn.plan.place(event.path), state.attempt, event.cache)


def collecting_failed(turn: Turn, event: OutputsFailed) -> None:
    """Fail the node, since its outputs could not be bound."""
    state = turn.get(event.path)
    if isinstance(state, Collecting) and state.attempt == event.attempt:
        fail(turn, turn.plan.place(event.path), state, event.failure)


def timer_fired(turn: Turn, event: TimerFired) -> None:
    """End a sub-workflow that takes longer than the node allows."""
    state = turn.get(event.path)
    if not isinstance(state, Expanded | Collecting):
        return
    if event.stamp == deadline.stamp(state.attempt, state.started_ns):
        place = turn.plan.place(event.path)
        fail(turn, place, state, deadline.expired("The sub-workflow", place.node.timeout_ns))


def open_scope(turn: Turn, place: Place, state: Expanded) -> None:
    """Let those nodes of the scope start that wait for no other."""
    scope = scope_of(place.path, state.attempt)
    workflow = turn.plan.workflow_in(scope)
    for root in workflow.roots:
        turn.ready.append(place_in(scope, workflow, root))
    if workflow.size == 0:
        nodes_ended(turn, place, state)


def collect_command(place: Place, attempt: int) -> CollectOutputs:
    """Return the command that binds the outputs of the node's scope."""
    return CollectOutputs(f"{place.path}/{attempt}/collect", place.path, attempt)


def _expand(turn: Turn, place: Place, state: Expanded, cause: Cause) -> None:
    turn.move(place, cause, state)
    timeout_ns = place.node.timeout_ns
    if timeout_ns:
        due_ns = state.started_ns + timeout_ns
        turn.commands.append(deadline.deadline(place.path, state.attempt, state.started_ns, due_ns))
    open_scope(turn, place, state)


def _succeed(turn: Turn, place: Place, attempt: int, cache: CacheNote | None = None) -> None:
    turn.move(place, Cause.SUCCEEDED, Succeeded(attempt))
    turn.tell_node(place, NodePhase.SUCCEEDED, cache=cache)
