"""Nodes whose results come from an earlier execution, and nodes that are left out. They may be of any kind.

Whether there still is something to take, and whether it fits, the shell finds out: the core never sees values.
"""

from flytelike.model.phases import NodePhase
from propeller.core import branch_node
from propeller.core.commands import TakeOver
from propeller.core.events import NothingTaken, TakenOver
from propeller.core.node_state import LeftOut, Succeeded, TakingOver
from propeller.core.plan import Place
from propeller.core.transitions import Cause
from propeller.core.turn import Turn

ATTEMPT = 0
"""Results that are taken over lie where those of the first attempt would."""


def start(turn: Turn, place: Place) -> None:
    """Have the results of a node that is ready taken over."""
    turn.move(place, Cause.TAKING, TakingOver())
    turn.commands.append(command(place))


def leave_out(turn: Turn, place: Place) -> None:
    """Pass over a node that is ready; those below it are dealt with as they are listed."""
    turn.move(place, Cause.LEFT_OUT, LeftOut())
    turn.tell_node(place, NodePhase.SKIPPED, note="left out")
    branch_node.skip_cases(turn, place)


def taken(turn: Turn, event: TakenOver) -> None:
    """Accept the results of the earlier execution as the node's own."""
    if not isinstance(turn.get(event.path), TakingOver):
        return
    place = turn.plan.place(event.path)
    turn.move(place, Cause.TAKEN, Succeeded(ATTEMPT))
    turn.tell_node(place, NodePhase.RECOVERED, note=event.note)
    branch_node.skip_cases(turn, place)


def nothing_taken(turn: Turn, event: NothingTaken) -> Place | None:
    """Return the node that has to run after all; None if the event is stale."""
    if not isinstance(turn.get(event.path), TakingOver):
        return None
    place = turn.plan.place(event.path)
    turn.tell_node(place, NodePhase.QUEUED, note=event.why)
    return place


def command(place: Place) -> TakeOver:
    """Return the command that has a node's results taken over."""
    return TakeOver(f"{place.path}/take", place.path)
