"""Task nodes whose attempt gave nodes to run next: a graph of its own, in a scope opened for the attempt."""

from flytelike.model.ids import Digest
from flytelike.model.phases import NodePhase, TaskPhase
from propeller.core import deadline
from propeller.core.commands import SetTimer
from propeller.core.events import AttemptExpanded, GraphTaken, TimerFired
from propeller.core.node_state import Collecting, Expanded, Running, Started, TakingOver
from propeller.core.plan import Place, TaskWork, scope_of
from propeller.core.sub_workflow_node import fail, open_scope
from propeller.core.transitions import Cause
from propeller.core.turn import Turn


def expanded(turn: Turn, event: AttemptExpanded) -> None:
    """Take over the graph that the attempt gave, and let its nodes start."""
    state = turn.get(event.path)
    if not isinstance(state, Started | Running) or state.attempt != event.attempt:
        return
    place = turn.plan.place(event.path)
    work = place.node.work
    if not isinstance(work, TaskWork):
        return
    started_ns = state.started_ns if isinstance(state, Running) else event.at_ns
    turn.tell_attempt(place, work, event.attempt, TaskPhase.SUCCEEDED, used=event.used)
    _open(turn, place, Expanded(started_ns, state.user_failures, None, state.system_failures), event.graph)


def graph_taken(turn: Turn, event: GraphTaken) -> None:
    """Go on with the graph of an earlier execution, as if the node's first attempt had given it."""
    if not isinstance(turn.get(event.path), TakingOver):
        return
    place = turn.plan.place(event.path)
    if isinstance(place.node.work, TaskWork):
        _open(turn, place, Expanded(event.at_ns), event.graph, event.note)


def _open(turn: Turn, place: Place, state: Expanded, graph: Digest, note: str = "") -> None:
    turn.move(place, Cause.EXPANDED, state)
    turn.graphs[scope_of(place.path, state.attempt)] = graph
    turn.tell_node(place, NodePhase.DYNAMIC_RUNNING, note=note, graph=graph)
    if place.node.timeout_ns:
        turn.commands.append(watch_command(place, state))
    open_scope(turn, place, state)


def timer_fired(turn: Turn, event: TimerFired) -> None:
    """End a graph that takes longer, together with the task that gave it, than the node allows."""
    state = turn.get(event.path)
    if not isinstance(state, Expanded | Collecting):
        return
    if event.stamp == deadline.graph_stamp(state.attempt, state.started_ns):
        place = turn.plan.place(event.path)
        fail(turn, place, state, deadline.expired("The dynamic task with its nodes", place.node.timeout_ns))


def watch_command(place: Place, state: Expanded | Collecting) -> SetTimer:
    """Return the command that watches over the graph: its time began with that of the task's attempt."""
    due_ns = state.started_ns + place.node.timeout_ns
    return deadline.graph_deadline(place.path, state.attempt, state.started_ns, due_ns)
