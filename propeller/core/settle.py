"""After an event: what it means for the nodes around, until nothing more follows.

Node kinds know themselves only. Here is the one place where they meet: readiness, skipping,
failure policies, `max_parallelism`. It is a loop, not a recursion: a chain may be long.
"""

from typing import assert_never

from flytelike.model.failure import Failure
from flytelike.model.ids import ROOT, NodePath
from flytelike.model.phases import NodePhase
from flytelike.model.policies import FailurePolicy
from propeller.core import array_node, execution, launch_plan_node, sub_workflow_node, task_node
from propeller.core.elements import element_of
from propeller.core.header import InProgress
from propeller.core.node_state import Expanded, Failed, Held, Mapped, Skipped, Succeeded
from propeller.core.plan import (
    ArrayWork,
    LaunchPlanWork,
    Place,
    SubWorkflowWork,
    TaskWork,
    attempt_of,
    parent_of,
    path_in,
)
from propeller.core.transitions import Cause
from propeller.core.turn import Turn


def settle(turn: Turn) -> None:
    """Follow up on all that ended or became ready, then hand free slots to those held."""
    while True:
        if turn.ended:
            _after_end(turn, turn.ended.popleft())
        elif turn.ready:
            _offer(turn, turn.ready.popleft())
        elif not _slot_is_free(turn) or (place := turn.next_held()) is None:
            return
        else:
            _start(turn, place)


def _after_end(turn: Turn, place: Place) -> None:
    owner = _open_owner(turn, place.scope)
    if owner is None:
        return
    if isinstance(owner, Mapped):
        array_node.element_ended(turn, turn.plan.place(parent_of(place.scope)), owner, place)
        return
    match turn.get(place.path):
        case Succeeded():
            _ready_below(turn, place)
        case Failed(failure=failure):
            if place.workflow.on_failure is FailurePolicy.FAIL_IMMEDIATELY:
                _fail_scope(turn, place.scope, failure)
                return
            _keep_failure(turn, place.scope, failure)
            _skip_below(turn, place)
        case Skipped():
            _skip_below(turn, place)
        case _:
            return  # aborted: whoever did it deals with the scope
    if turn.tally.open_in(place) == 0:
        _scope_ended(turn, place.scope)


def _offer(turn: Turn, place: Place) -> None:
    """Start a node that is ready, or hold it until a slot is free.

    Sub-workflows need none, and what lies in an array goes with the one slot that the array has.
    """
    if turn.get(place.path) is not None or _open_owner(turn, place.scope) is None:
        return
    needs_slot = not isinstance(place.node.work, SubWorkflowWork) and not element_of(place.path)
    if needs_slot and (turn.tally.held > 0 or not _slot_is_free(turn)):
        turn.move(place, Cause.HELD, Held(turn.next_order()))
        turn.tell_node(place, NodePhase.QUEUED)
    else:
        _start(turn, place)


def _start(turn: Turn, place: Place) -> None:
    match place.node.work:
        case TaskWork() as work:
            task_node.start(turn, place, work)
        case LaunchPlanWork() as work:
            launch_plan_node.start(turn, place, work)
        case SubWorkflowWork():
            sub_workflow_node.start(turn, place)
        case ArrayWork():
            array_node.start(turn, place)
        case unreachable:
            assert_never(unreachable)


def _slot_is_free(turn: Turn) -> bool:
    limit = turn.header.limits.max_parallelism
    return limit == 0 or turn.tally.slots < limit


def _ready_below(turn: Turn, place: Place) -> None:
    workflow, scope, missing = place.workflow, place.scope, turn.tally.missing
    for node in place.node.downstream:
        path = path_in(scope, node)
        if missing.get(path) == 0:
            turn.ready.append(Place(path, scope, workflow, workflow.nodes[node]))


def _skip_below(turn: Turn, place: Place) -> None:
    workflow, scope = place.workflow, place.scope
    for node in place.node.downstream:
        below = Place(path_in(scope, node), scope, workflow, workflow.nodes[node])
        if turn.get(below.path) is None:
            turn.move(below, Cause.SKIPPED, Skipped())
            turn.tell_node(below, NodePhase.SKIPPED)


# --- scopes: the execution's own, or that of a sub-workflow node -------------------------


def _open_owner(turn: Turn, scope: NodePath) -> InProgress | Expanded | Mapped | None:
    """Return the state of what owns the scope, while nodes may run in it."""
    if scope == ROOT:
        status = turn.header.status
        return status if isinstance(status, InProgress) else None
    owner = turn.get(parent_of(scope))
    return owner if isinstance(owner, Expanded | Mapped) and owner.attempt == attempt_of(scope) else None


def _scope_ended(turn: Turn, scope: NodePath) -> None:
    match _open_owner(turn, scope):
        case InProgress() as status:
            execution.nodes_ended(turn, status)
        case Expanded() as state:
            sub_workflow_node.nodes_ended(turn, turn.plan.place(parent_of(scope)), state)
        case Mapped() | None:
            pass  # an array looks after its elements itself


def _keep_failure(turn: Turn, scope: NodePath, failure: Failure) -> None:
    match _open_owner(turn, scope):
        case InProgress() as status:
            execution.keep_failure(turn, status, failure)
        case Expanded() as state:
            sub_workflow_node.keep_failure(turn, turn.plan.place(parent_of(scope)), state, failure)
        case Mapped() | None:
            pass  # an array looks after its elements itself


def _fail_scope(turn: Turn, scope: NodePath, failure: Failure) -> None:
    match _open_owner(turn, scope):
        case InProgress():
            execution.fail(turn, failure)
        case Expanded() as state:
            sub_workflow_node.fail(turn, turn.plan.place(parent_of(scope)), state, failure)
        case Mapped() | None:
            pass  # an array looks after its elements itself
