"""After an event: what it means for the nodes around, until nothing more follows.

Node kinds know themselves only. Here is the one place where they meet: readiness, skipping,
failure policies, `max_parallelism`. It is a loop, not a recursion: a chain may be long.
"""

from typing import assert_never

from flytelike.model.failure import Failure
from flytelike.model.ids import ROOT, NodePath
from flytelike.model.policies import FailurePolicy
from propeller.core import (
    array_node,
    branch_node,
    cache_lookup,
    execution,
    gate_node,
    launch_plan_node,
    sub_workflow_node,
    taking_over,
)
from propeller.core.header import HandlingFailure, InProgress
from propeller.core.line import needs_slot
from propeller.core.node_state import (
    EndState,
    Expanded,
    Failed,
    HandlingScopeFailure,
    Held,
    LeftOut,
    Mapped,
    Skipped,
    Succeeded,
)
from propeller.core.plan import (
    ArrayWork,
    BranchWork,
    LaunchPlanWork,
    Place,
    SignalWork,
    SleepWork,
    SubWorkflowWork,
    TaskWork,
    attempt_of,
    parent_of,
    path_in,
)
from propeller.core.reuse import Reuse
from propeller.core.turn import Turn


def settle(turn: Turn) -> None:
    """Follow up on all that ended or became ready, then hand free slots to those held."""
    while True:
        if turn.ended:
            _after_end(turn, turn.ended.popleft())
        elif turn.ready:
            _offer(turn, turn.ready.popleft())
        elif not turn.slot_is_free or (place := turn.next_held()) is None:
            return
        else:
            _start(turn, place)


def _after_end(turn: Turn, place: Place) -> None:
    state = turn.get(place.path)
    if not _may_go_on(turn, place) or not isinstance(state, EndState):
        return
    work = place.node.work
    if isinstance(state, Failed) and isinstance(work, TaskWork) and work.serialize:
        turn.commands.append(cache_lookup.release_command(place))
    owner = _open_owner(turn, place.scope)
    if isinstance(owner, Mapped):
        array_node.element_ended(turn, turn.plan.place(parent_of(place.scope)), owner, place)
    elif place.node.branch is not None:
        branch_node.case_ended(turn, place, state)
    elif place.node.aside:
        _handled(turn, place.scope, state)
    else:
        _follow_up(turn, place, state)


def _follow_up(turn: Turn, place: Place, state: EndState) -> None:
    """Let the nodes below know of the end of one, and its scope if it was the last."""
    match state:
        case Succeeded() | LeftOut():
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
    """Deal with a node that is ready as it is listed, or let it run."""
    if turn.get(place.path) is not None or not _may_go_on(turn, place):
        return
    match turn.reuse_of(place.path):
        case Reuse.TAKE:
            taking_over.start(turn, place)
        case Reuse.LEAVE:
            taking_over.leave_out(turn, place)
        case None:
            run(turn, place)


def run(turn: Turn, place: Place) -> None:
    """Start a node, or hold it until a slot is free."""
    if needs_slot(place) and (turn.tally.held > 0 or not turn.slot_is_free):
        turn.hold(place)
    else:
        _start(turn, place)


def _start(turn: Turn, place: Place) -> None:
    match place.node.work:
        case TaskWork() as work:
            if cache_lookup.wanted(turn, work) and not _tried(turn, place):
                cache_lookup.start(turn, place)
            else:
                cache_lookup.begin(turn, place, work, None)
        case LaunchPlanWork() as work:
            launch_plan_node.start(turn, place, work)
        case SubWorkflowWork():
            sub_workflow_node.start(turn, place)
        case ArrayWork():
            array_node.start(turn, place)
        case BranchWork():
            branch_node.start(turn, place)
        case SignalWork() | SleepWork():
            gate_node.start(turn, place)
        case unreachable:
            assert_never(unreachable)


def _ready_below(turn: Turn, place: Place) -> None:
    workflow, scope, missing = place.workflow, place.scope, turn.tally.missing
    for node in place.node.downstream:
        path = path_in(scope, node)
        if missing.get(path) == 0:
            below = Place(path, scope, workflow, workflow.nodes[node])
            if below.node.branch is None or branch_node.chosen(turn, below):
                turn.ready.append(below)


def _tried(turn: Turn, place: Place) -> bool:
    """Tell whether a node that was held has run before: a dynamic one, whose graph failed."""
    held = turn.get(place.path)
    return isinstance(held, Held) and held.user_failures + held.system_failures > 0


def _skip_below(turn: Turn, place: Place) -> None:
    for node in place.node.downstream:
        branch_node.skip(turn, place.beside(node))


# --- scopes: the execution's own, or that of a sub-workflow node -------------------------


def _may_go_on(turn: Turn, place: Place) -> bool:
    """Tell whether the node may run: its scope is open, or, for a failure node, has been stopped for it."""
    if not place.node.aside:
        return _open_owner(turn, place.scope) is not None
    return _handling(turn, place.scope) is not None


def _handling(turn: Turn, scope: NodePath) -> HandlingFailure | HandlingScopeFailure | None:
    """Return the state of what owns the scope, while its failure node may run."""
    if scope == ROOT:
        status = turn.header.status
        return status if isinstance(status, HandlingFailure) else None
    owner = turn.get(parent_of(scope))
    return owner if isinstance(owner, HandlingScopeFailure) and owner.attempt == attempt_of(scope) else None


def _handled(turn: Turn, scope: NodePath, end: EndState) -> None:
    match _handling(turn, scope):
        case HandlingFailure() as status:
            execution.handled(turn, status, end)
        case HandlingScopeFailure() as state:
            sub_workflow_node.handled(turn, turn.plan.place(parent_of(scope)), state, end)
        case None:
            pass


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
