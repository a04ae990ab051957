"""What an execution waits for by its own wish: a signal that somebody gives, work of others, a pause."""

from collections.abc import Iterator
from itertools import islice

from flytelike.model.history import NEXT_ATTEMPT
from propeller.core.node_state import AtGate, BackingOff, WaitingForCache
from propeller.core.plan import SignalWork
from propeller.engine.run import Run

NODES_MAX = 200
"""How many of the nodes that have begun are looked at: who asks wants an example."""


def waits_of(run: Run) -> str:
    """Return what an execution waits for in one phrase, signals first; empty if it waits for its tasks alone."""
    signals: list[str] = []
    others: list[str] = []
    for path, told, is_signal in _waits(run):
        (signals if is_signal else others).append(f"{told} ({path})")
    found = [*signals, *others]
    if not found:
        return ""
    return found[0] if len(found) == 1 else f"{found[0]} and {len(found) - 1} more"


def _waits(run: Run) -> Iterator[tuple[str, str, bool]]:
    for path, node in islice(run.state.active(), NODES_MAX):
        match node:
            case AtGate():
                work = run.state.plan.place(path).node.work
                if isinstance(work, SignalWork):
                    yield path, f"signal `{work.signal}`", True
                else:
                    yield path, "a sleep", False
            case WaitingForCache():
                yield path, "a result that is computed elsewhere", False
            case BackingOff():
                yield path, NEXT_ATTEMPT, False
            case _:
                pass
