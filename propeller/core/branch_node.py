"""Nodes that run one of several nodes: the case whose condition is the first that holds.

The cases lie in the branch's own scope. Each waits for the nodes above itself; the branch waits for what its
conditions compare, and nothing else.
"""

from typing import assert_never

from flytelike.model.failure import Failure
from flytelike.model.ids import NodeId
from flytelike.model.phases import NodePhase
from propeller.core.commands import Decide
from propeller.core.events import BranchDecided, BranchUndecided
from propeller.core.node_state import Aborted, Decided, Deciding, EndState, Failed, LeftOut, Skipped, Succeeded
from propeller.core.plan import BranchWork, Place
from propeller.core.transitions import Cause
from propeller.core.turn import Turn


def start(turn: Turn, place: Place) -> None:
    """Ask which case is to run."""
    turn.tell_node(place, NodePhase.RUNNING)
    turn.move(place, Cause.DECIDING, Deciding())
    turn.commands.append(decide_command(place))


def answered(turn: Turn, event: BranchDecided | BranchUndecided) -> None:
    """Choose a case, or fail since none can run."""
    if not isinstance(turn.get(event.path), Deciding) or event.attempt != 0:
        return
    place = turn.plan.place(event.path)
    match event:
        case BranchDecided(case=case):
            if case in _cases(place):
                _choose(turn, place, case)
        case BranchUndecided(failure=failure):
            _fail(turn, place, failure)
            for case in _cases(place):
                skip(turn, place.beside(case))


def case_ended(turn: Turn, case: Place, end: EndState) -> None:
    """End the branch as its chosen case has ended; the ends of others do not matter."""
    if case.node.branch is None or not chosen(turn, case):
        return
    place = case.beside(case.node.branch)
    match end:
        case Succeeded():
            turn.move(place, Cause.SUCCEEDED, Succeeded(0))
            turn.tell_node(place, NodePhase.SUCCEEDED)
        case Failed(failure=failure):
            _fail(turn, place, failure)
        case Skipped():
            _skipped(turn, place)
        case Aborted() | LeftOut():
            pass  # Cases are not left out by themselves; whoever aborted one stops the branch as well.
        case unreachable:
            assert_never(unreachable)


def chosen(turn: Turn, case: Place) -> bool:
    """Tell whether a node inside a branch is the one that its branch has decided for."""
    state = turn.get(case.parent)
    return isinstance(state, Decided) and state.case == case.node.id


def skip(turn: Turn, place: Place) -> None:
    """Skip a node that has not begun, and all that it holds."""
    if turn.get(place.path) is None:
        turn.move(place, Cause.SKIPPED, Skipped())
        turn.tell_node(place, NodePhase.SKIPPED)
        skip_cases(turn, place)


def skip_cases(turn: Turn, place: Place) -> None:
    """Skip all that a node holds; nothing for nodes that are no branches."""
    for case in _cases(place):
        skip(turn, place.beside(case))


def decide_command(place: Place) -> Decide:
    """Return the command that asks which case is to run."""
    return Decide(f"{place.path}/0/decide", place.path, 0)


def _choose(turn: Turn, place: Place, case: NodeId) -> None:
    """Skip the other cases, and let the chosen one begin once what is above it has succeeded."""
    turn.move(place, Cause.DECIDED, Decided(case))
    for other in _cases(place):
        if other != case:
            skip(turn, place.beside(other))
    taken = place.beside(case)
    if isinstance(turn.get(taken.path), Skipped):  # What is above it failed or was skipped meanwhile.
        _skipped(turn, place)
    elif turn.tally.missing_above(taken) == 0:
        turn.ready.append(taken)


def _fail(turn: Turn, place: Place, failure: Failure) -> None:
    turn.move(place, Cause.FAILED, Failed(0, failure))
    turn.tell_node(place, NodePhase.FAILED, failure)


def _skipped(turn: Turn, place: Place) -> None:
    turn.move(place, Cause.SKIPPED, Skipped())
    turn.tell_node(place, NodePhase.SKIPPED)


def _cases(place: Place) -> tuple[NodeId, ...]:
    work = place.node.work
    return work.cases if isinstance(work, BranchWork) else ()
