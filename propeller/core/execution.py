"""The execution as a whole: its start, its end, its timeout, its abort."""

from flytelike.model.failure import Failure
from flytelike.model.ids import ROOT
from flytelike.model.phases import WorkflowPhase
from propeller.core import deadline
from propeller.core.commands import CollectOutputs
from propeller.core.events import (
    AbortRequested,
    ExecutionStarted,
    OutputsCollected,
    OutputsFailed,
    TimerFired,
)
from propeller.core.header import (
    Accepted,
    ExecutionAborted,
    ExecutionFailed,
    ExecutionSucceeded,
    ExecutionTimedOut,
    HandlingFailure,
    InProgress,
    Succeeding,
)
from propeller.core.node_state import EndState, Failed
from propeller.core.plan import place_in
from propeller.core.stop import stop_scope
from propeller.core.transitions import Cause
from propeller.core.turn import Turn


def started(turn: Turn, event: ExecutionStarted) -> None:
    """Let the nodes begin that wait for no other."""
    if not isinstance(turn.header.status, Accepted):
        return
    status = InProgress(event.at_ns)
    turn.enter(Cause.STARTED, status)
    turn.tell_execution(WorkflowPhase.RUNNING)
    timeout_ns = turn.header.limits.timeout_ns
    if timeout_ns:
        turn.commands.append(deadline.execution_timeout(event.at_ns + timeout_ns))
    workflow = turn.plan.primary
    for root in workflow.roots:
        turn.ready.append(place_in(ROOT, workflow, root))
    if workflow.size == 0:
        nodes_ended(turn, status)


def nodes_ended(turn: Turn, status: InProgress) -> None:
    """Go on when all nodes have ended."""
    if status.failure is not None:
        fail(turn, status.failure)
        return
    turn.tell_execution(WorkflowPhase.SUCCEEDING)
    if turn.plan.primary.has_outputs:
        turn.enter(Cause.COLLECTING, Succeeding(status.started_ns))
        turn.commands.append(collect_command())
    else:
        _succeed(turn)


def keep_failure(turn: Turn, status: InProgress, failure: Failure) -> None:
    """Remember the first failure while other nodes go on."""
    if status.failure is None:
        turn.enter(Cause.FAILURE_KEPT, InProgress(status.started_ns, failure))


def fail(turn: Turn, failure: Failure) -> None:
    """Stop what still runs, then let the failure node run if there is one, and end the execution."""
    turn.tell_execution(WorkflowPhase.FAILING, failure)
    stop_scope(turn, ROOT, f"the execution failed: {failure.code}")
    _handle_or_end(turn, failure, timed_out=False)


def handled(turn: Turn, status: HandlingFailure, end: EndState) -> None:
    """End the execution after its failure node: with the failure of that one, if it failed itself."""
    _end(turn, end.failure if isinstance(end, Failed) else status.failure, timed_out=status.timed_out)


def collected(turn: Turn, event: OutputsCollected) -> None:
    """Accept the execution's outputs."""
    if isinstance(turn.header.status, Succeeding) and event.attempt == 0:
        _succeed(turn)


def collecting_failed(turn: Turn, event: OutputsFailed) -> None:
    """Fail, since the execution's outputs could not be bound."""
    if isinstance(turn.header.status, Succeeding) and event.attempt == 0:
        fail(turn, event.failure)


def timer_fired(turn: Turn, event: TimerFired) -> None:
    """End an execution that takes longer than it may. Its failure node still runs, within its own timeout."""
    timeout_ns = turn.header.limits.timeout_ns
    if event.stamp != deadline.EXECUTION_STAMP or not timeout_ns:
        return
    if not isinstance(turn.header.status, InProgress | Succeeding):
        return
    failure = deadline.expired("The execution", timeout_ns)
    turn.tell_execution(WorkflowPhase.FAILING, failure)
    stop_scope(turn, ROOT, failure.message)
    _handle_or_end(turn, failure, timed_out=True)


def abort(turn: Turn, event: AbortRequested) -> None:
    """Stop what runs and end the execution, since somebody asked for it.

    The failure node does not run, and one that runs is stopped. Child executions are asked to end, and
    not waited for (as in Flyte): each has a history of its own.
    """
    turn.tell_execution(WorkflowPhase.ABORTING, cause=event.cause)
    stop_scope(turn, ROOT, event.cause or "aborted")
    turn.enter(Cause.ABORTED, ExecutionAborted(event.cause, event.principal))
    turn.tell_execution(WorkflowPhase.ABORTED, cause=event.cause)


def collect_command() -> CollectOutputs:
    """Return the command that binds the outputs of the execution."""
    return CollectOutputs("/0/collect", ROOT, 0)


def _handle_or_end(turn: Turn, failure: Failure, *, timed_out: bool) -> None:
    status, workflow = turn.header.status, turn.plan.primary
    if workflow.cleanup is None or not isinstance(status, InProgress | Succeeding):
        _end(turn, failure, timed_out=timed_out)
        return
    turn.enter(Cause.HANDLING, HandlingFailure(status.started_ns, failure, timed_out))
    turn.ready.append(place_in(ROOT, workflow, workflow.cleanup))


def _end(turn: Turn, failure: Failure, *, timed_out: bool) -> None:
    if timed_out:
        turn.enter(Cause.TIMED_OUT, ExecutionTimedOut(failure))
    else:
        turn.enter(Cause.FAILED, ExecutionFailed(failure))
    turn.tell_execution(turn.header.phase, failure)


def _succeed(turn: Turn) -> None:
    turn.enter(Cause.SUCCEEDED, ExecutionSucceeded())
    turn.tell_execution(WorkflowPhase.SUCCEEDED)
