"""What an execution waits for, as commands to give again after a restart of the platform."""

from collections.abc import Iterator
from typing import assert_never

from flytelike.model.ids import NodePath
from propeller.core import (
    array_node,
    branch_node,
    cache_lookup,
    deadline,
    dynamic_node,
    execution,
    gate_node,
    launch_plan_node,
    sub_workflow_node,
    taking_over,
    task_node,
)
from propeller.core.commands import Command
from propeller.core.header import HandlingFailure, InProgress, Succeeding
from propeller.core.node_state import (
    ActiveState,
    AtGate,
    BackingOff,
    ChildRunning,
    Collecting,
    Decided,
    Deciding,
    Expanded,
    Gathering,
    HandlingScopeFailure,
    Held,
    LookingUp,
    Mapped,
    Measuring,
    Running,
    Started,
    TakingOver,
    WaitingForCache,
)
from propeller.core.plan import LaunchPlanWork, Place, Plan, TaskWork
from propeller.core.state import ExecutionState


def outstanding(plan: Plan, state: ExecutionState) -> tuple[Command, ...]:
    """Return every command whose answer the execution still waits for.

    They carry the ids they had at first: who has carried one out already may ignore it. An
    execution that has not ended and gives none waits for `ExecutionStarted`.
    """
    status = state.header.status
    if not isinstance(status, InProgress | Succeeding | HandlingFailure):
        return ()
    commands: list[Command] = []
    if state.header.limits.timeout_ns and not isinstance(status, HandlingFailure):
        commands.append(deadline.execution_timeout(status.started_ns + state.header.limits.timeout_ns))
    if isinstance(status, Succeeding):
        commands.append(execution.collect_command())
    for path, node in sorted(state.active(), key=_by_path):
        commands.extend(_of_node(plan, state, plan.place(path), node))
    return tuple(commands)


def _by_path(item: tuple[NodePath, ActiveState]) -> NodePath:
    return item[0]


def _of_node(  # noqa: C901, PLR0912 - one arm a state
    plan: Plan, state: ExecutionState, place: Place, node: ActiveState
) -> Iterator[Command]:
    work = place.node.work
    match node:
        case Started() | Running():
            if isinstance(work, TaskWork):
                yield task_node.start_command(plan, place, work, node, state.header.limits)
        case LookingUp(round=asked):
            yield cache_lookup.look_up_command(place, asked)
        case WaitingForCache(round=asked, until_ns=until_ns):
            yield deadline.cache(place.path, asked, until_ns)
        case BackingOff(until_ns=until_ns):
            yield deadline.retry(place.path, node.attempt, until_ns)
        case ChildRunning():
            if isinstance(work, LaunchPlanWork):
                yield launch_plan_node.start_command(place, work, node)
        case Collecting():
            yield sub_workflow_node.collect_command(place, node.attempt)
        case Measuring() | Mapped() | Gathering():
            yield from array_node.outstanding(state, place, node)
        case TakingOver():
            yield taking_over.command(place)
        case Deciding():
            yield branch_node.decide_command(place)
        case AtGate():
            yield from gate_node.wait_commands(place, node)
        case Expanded() | Held() | HandlingScopeFailure() | Decided():
            pass  # waits for nodes, not for an answer
        case unreachable:
            assert_never(unreachable)
    yield from _timers(place, node)


def _timers(place: Place, node: ActiveState) -> Iterator[Command]:
    """Return what watches over a node."""
    timeout_ns, queued_ns = place.node.timeout_ns, place.node.queued_timeout_ns
    if queued_ns and isinstance(node, Started):
        yield deadline.queued(place.path, node.attempt, node.since_ns + queued_ns)
    if timeout_ns and isinstance(place.node.work, TaskWork) and isinstance(node, Expanded | Collecting):
        yield dynamic_node.watch_command(place, node)
    elif timeout_ns and isinstance(
        node, Running | ChildRunning | Expanded | Collecting | Measuring | Mapped | Gathering
    ):
        grace_ns = deadline.GRACE_NS if isinstance(node, Running) else 0
        due_ns = node.started_ns + timeout_ns + grace_ns
        yield deadline.deadline(place.path, node.attempt, node.started_ns, due_ns)
