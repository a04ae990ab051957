"""Nodes that wait: for a person's approval, for a value from outside, or for a time. They take no slot."""

from collections.abc import Iterator

from flytelike.model.failure import Failure
from flytelike.model.phases import NodePhase
from propeller.core import deadline, wait
from propeller.core.commands import AwaitSignal, Command, SetTimer
from propeller.core.events import GatePassed, GateRefused, TimerFired
from propeller.core.node_state import AtGate, Failed, Succeeded
from propeller.core.plan import Place, SignalWork, SleepWork
from propeller.core.transitions import Cause
from propeller.core.turn import Turn
from propeller.core.wait import Wait

SLEEP_STAMP = "0/sleep"


def start(turn: Turn, place: Place) -> None:
    """Begin to wait."""
    turn.tell_node(place, NodePhase.RUNNING, waits=_wait(turn, place))
    state = AtGate(turn.now_ns)
    turn.move(place, Cause.WAITS, state)
    turn.commands.extend(wait_commands(place, state))


def answered(turn: Turn, event: GatePassed | GateRefused) -> None:
    """Go on, or fail since the signal closes the gate. That is not tried again: somebody meant it."""
    if not isinstance(turn.get(event.path), AtGate) or event.attempt != 0:
        return
    place = turn.plan.place(event.path)
    match event:
        case GatePassed():
            _pass(turn, place)
        case GateRefused(failure=failure):
            turn.move(place, Cause.FAILED, Failed(0, failure))
            turn.tell_node(place, NodePhase.FAILED, failure)


def timer_fired(turn: Turn, event: TimerFired) -> None:
    """Go on after the time to sleep, or end a wait that takes longer than the node allows."""
    state = turn.get(event.path)
    if not isinstance(state, AtGate):
        return
    place = turn.plan.place(event.path)
    if event.stamp == SLEEP_STAMP and isinstance(place.node.work, SleepWork):
        _pass(turn, place)
    elif event.stamp == deadline.stamp(0, state.started_ns):
        failure = _expired(place)
        turn.move(place, Cause.TIMED_OUT, Failed(0, failure))
        turn.tell_node(place, NodePhase.TIMED_OUT, failure)


def wait_commands(place: Place, state: AtGate) -> Iterator[Command]:
    """Yield what makes a gate wait for what it waits for; its timeout too."""
    path = place.path
    match place.node.work:
        case SleepWork(duration_ns=duration_ns):
            yield SetTimer(f"{path}/{SLEEP_STAMP}", path, SLEEP_STAMP, state.started_ns + duration_ns)
        case SignalWork(signal=signal):
            yield AwaitSignal(f"{path}/0/await", path, 0, signal)
        case _:
            return
    if place.node.timeout_ns:
        yield deadline.deadline(path, 0, state.started_ns, state.started_ns + place.node.timeout_ns)


def _wait(turn: Turn, place: Place) -> Wait:
    match place.node.work:
        case SignalWork(signal=signal, approval=approval):
            timeout_ns = place.node.timeout_ns
            return wait.for_signal(signal, approval=approval, until_ns=turn.now_ns + timeout_ns if timeout_ns else 0)
        case SleepWork(duration_ns=duration_ns):
            return wait.for_time(turn.now_ns + duration_ns)
        case _:
            return wait.NO_WAIT


def _pass(turn: Turn, place: Place) -> None:
    turn.move(place, Cause.SUCCEEDED, Succeeded(0))
    turn.tell_node(place, NodePhase.SUCCEEDED)


def _expired(place: Place) -> Failure:
    work = place.node.work
    what = f"Waiting for the signal `{work.signal}`" if isinstance(work, SignalWork) else "The sleep"
    return deadline.expired(what, place.node.timeout_ns)
