"""Looking for a task's result before its first attempt, and waiting while somebody else computes it."""

from typing import assert_never

from flytelike.model.caching import CacheNote
from flytelike.model.phases import NodePhase
from propeller.core import deadline, wait
from propeller.core.commands import LookUpCache, ReleaseReservation
from propeller.core.events import CacheFound, CacheFreed, CacheMissed, CacheTaken, TimerFired
from propeller.core.node_state import Held, LookingUp, Started, Succeeded, WaitingForCache
from propeller.core.plan import Place, TaskWork
from propeller.core.task_node import start_attempt
from propeller.core.transitions import Cause
from propeller.core.turn import Turn


def start(turn: Turn, place: Place) -> None:
    """Ask the catalog before a node that is ready runs its task."""
    if turn.get(place.path) is None:
        turn.tell_node(place, NodePhase.QUEUED)
    _ask(turn, place, Cause.LOOKED_UP, 0)


def wanted(turn: Turn, work: TaskWork) -> bool:
    """Tell whether the catalog is asked for a node's result. The shell asks for elements of arrays by itself."""
    return work.cached and turn.header.limits.cached


def answered(turn: Turn, event: CacheFound | CacheMissed | CacheTaken | CacheFreed) -> None:
    """Take what the catalog says."""
    match event:
        case CacheFound():
            found(turn, event)
        case CacheMissed():
            missed(turn, event)
        case CacheTaken():
            taken(turn, event)
        case CacheFreed():
            _again(turn, event, event.round)
        case unreachable:
            assert_never(unreachable)


def found(turn: Turn, event: CacheFound) -> None:
    """Take the result of equal work as the node's own."""
    place = _looking(turn, event)
    if place is not None:
        turn.move(place, Cause.FOUND, Succeeded(0))
        turn.tell_node(place, NodePhase.SUCCEEDED, cache=event.note)


def missed(turn: Turn, event: CacheMissed) -> None:
    """Start the first attempt."""
    place = _looking(turn, event)
    if place is not None and isinstance(place.node.work, TaskWork):
        begin(turn, place, place.node.work, event.note)


def begin(turn: Turn, place: Place, work: TaskWork, note: CacheNote | None) -> None:
    """Start the first attempt of a task whose result is not known, or the next one of a dynamic node that was held."""
    turn.tell_node(place, NodePhase.RUNNING, cache=note)
    held = turn.get(place.path)
    first = Started(held.user_failures, held.system_failures) if isinstance(held, Held) else Started()
    start_attempt(turn, place, work, first, Cause.STARTED)


def taken(turn: Turn, event: CacheTaken) -> None:
    """Wait for whoever does equal work."""
    place = _looking(turn, event)
    if place is not None:
        turn.move(place, Cause.RESERVED, WaitingForCache(event.round, event.until_ns))
        turn.commands.append(deadline.cache(event.path, event.round, event.until_ns))
        turn.tell_node(place, NodePhase.QUEUED, cache=event.note, waits=wait.for_equal_work(event.until_ns))


def timer_fired(turn: Turn, event: TimerFired) -> None:
    """Ask the catalog again, since nothing was heard for long."""
    state = turn.get(event.path)
    if isinstance(state, WaitingForCache) and event.stamp == deadline.cache_stamp(state.round):
        _again(turn, event, state.round)


def look_up_command(place: Place, asked: int) -> LookUpCache:
    """Return the command that asks the catalog."""
    return LookUpCache(f"{place.path}/cache/{asked}", place.path, asked)


def release_command(place: Place) -> ReleaseReservation:
    """Return the command that lets others do the node's work."""
    return ReleaseReservation(f"{place.path}/cache/release", place.path)


def _again(turn: Turn, event: CacheFreed | TimerFired, asked: int) -> None:
    state = turn.get(event.path)
    if isinstance(state, WaitingForCache) and state.round == asked:
        _ask(turn, turn.plan.place(event.path), Cause.FREED, asked + 1)


def _ask(turn: Turn, place: Place, cause: Cause, asked: int) -> None:
    turn.move(place, cause, LookingUp(asked))
    turn.commands.append(look_up_command(place, asked))


def _looking(turn: Turn, event: CacheFound | CacheMissed | CacheTaken) -> Place | None:
    """Return the node's place if it still waits for this very answer."""
    state = turn.get(event.path)
    return turn.plan.place(event.path) if state == LookingUp(event.round) else None
