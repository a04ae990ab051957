"""Every way a node or an execution can change, by name. What is not in the tables cannot happen."""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from propeller.core import header, node_state


class Cause(Enum):
    """Why a state changes."""

    __hash__ = object.__hash__  # an enum's own is slow, and each transition is looked up by it

    HELD = "held: max_parallelism is reached"
    LOOKED_UP = "looked up in the catalog"
    RESERVED = "reserved: somebody else computes an equal result"
    FREED = "freed: the other has ended"
    FOUND = "found in the catalog"
    STARTED = "started"
    TAKING = "taking over what an earlier execution gave"
    TAKEN = "taken over"
    LEFT_OUT = "left out on purpose"
    LINED_UP = "lined up: waits for what others use, or does not any more"
    BEGAN = "began: the attempt's process runs"
    BEGAN_ANEW = "began anew after a restart of the platform"
    EXPANDED = "expanded: the nodes of the sub-workflow, or those that the task gave, may start"
    OPENED = "opened: the number of the array's elements is known"
    WENT_ON = "went on: elements began or ended"
    DECIDING = "deciding: the branch's conditions are evaluated"
    DECIDED = "decided: a case was chosen"
    WAITS = "waits for a signal or a time"
    HANDLING = "handling: all is stopped, the failure node runs"
    COLLECTING = "collecting: all nodes succeeded"
    SUCCEEDED = "succeeded"
    RETRIED = "retried after a failure of the user's making"
    BACKED_OFF = "backed off before the next attempt"
    WOKEN = "woken after the back-off"
    FAILURE_KEPT = "failure kept while other nodes go on"
    FAILED = "failed: not to be retried"
    EXHAUSTED = "exhausted its retries"
    SKIPPED = "skipped: a node above did not succeed, or another case was chosen"
    ABORTED = "aborted"
    TIMED_OUT = "timed out"


class Transition(NamedTuple):
    """A row of a table. `source` is None for a node that waits for its upstream nodes."""

    source: type | None
    cause: Cause
    target: type

    @property
    def name(self) -> str:
        """A readable name, such as `Started -succeeded-> Succeeded`."""
        source = self.source.__name__ if self.source else "Waiting"
        return f"{source} -{self.cause.name.lower()}-> {self.target.__name__}"


def _rows(cause: Cause, target: type, *sources: type | None) -> list[Transition]:
    return [Transition(source, cause, target) for source in sources]


_N = node_state


def _or_after(source: type, rows: Iterable[Transition]) -> list[Transition]:
    """Return first steps, which may also be taken from `source`."""
    found = list(rows)
    return [*found, *(Transition(source, row.cause, row.target) for row in found if row.source is None)]


_FIRST_STEPS = _or_after(
    _N.TakingOver,
    [
        *_rows(Cause.HELD, _N.Held, None),
        *_rows(Cause.LOOKED_UP, _N.LookingUp, None),
        *_rows(Cause.STARTED, _N.Started, None),
        *_rows(Cause.STARTED, _N.ChildRunning, None),
        *_rows(Cause.STARTED, _N.Measuring, None),
        *_rows(Cause.EXPANDED, _N.Expanded, None),
        *_rows(Cause.DECIDING, _N.Deciding, None),
        *_rows(Cause.WAITS, _N.AtGate, None),
    ],
)
"""How a node of each kind begins: when it is ready, or when there was nothing to take over."""

NODE_TRANSITIONS = frozenset(
    [
        *_FIRST_STEPS,
        *_rows(Cause.TAKING, _N.TakingOver, None),
        *_rows(Cause.TAKEN, _N.Succeeded, _N.TakingOver),
        *_rows(Cause.LEFT_OUT, _N.LeftOut, None),
        *_rows(Cause.LOOKED_UP, _N.LookingUp, _N.Held),
        *_rows(Cause.RESERVED, _N.WaitingForCache, _N.LookingUp),
        *_rows(Cause.FREED, _N.LookingUp, _N.WaitingForCache),
        *_rows(Cause.FOUND, _N.Succeeded, _N.LookingUp),
        *_rows(Cause.STARTED, _N.Started, _N.Held, _N.LookingUp),
        *_rows(Cause.STARTED, _N.ChildRunning, _N.Held),
        *_rows(Cause.HELD, _N.Held, _N.Expanded, _N.Collecting),
        *_rows(Cause.EXPANDED, _N.Expanded, _N.Started, _N.Running),
        *_rows(Cause.LINED_UP, _N.Started, _N.Started),
        *_rows(Cause.LINED_UP, _N.Mapped, _N.Mapped),
        *_rows(Cause.BEGAN, _N.Running, _N.Started),
        *_rows(Cause.BEGAN_ANEW, _N.Running, _N.Running),
        *_rows(Cause.FAILURE_KEPT, _N.Expanded, _N.Expanded),
        *_rows(Cause.STARTED, _N.Measuring, _N.Held),
        *_rows(Cause.OPENED, _N.Mapped, _N.Measuring),
        *_rows(Cause.WENT_ON, _N.Mapped, _N.Mapped),
        *_rows(Cause.COLLECTING, _N.Collecting, _N.Expanded),
        *_rows(Cause.COLLECTING, _N.Gathering, _N.Mapped),
        *_rows(Cause.SUCCEEDED, _N.Succeeded, _N.Mapped, _N.Gathering),
        *_rows(Cause.HANDLING, _N.HandlingScopeFailure, _N.Expanded, _N.Collecting),
        *_rows(Cause.DECIDED, _N.Decided, _N.Deciding),
        *_rows(Cause.SUCCEEDED, _N.Succeeded, _N.Started, _N.Running, _N.ChildRunning, _N.Expanded, _N.Collecting),
        *_rows(Cause.SUCCEEDED, _N.Succeeded, _N.Decided, _N.AtGate),
        *_rows(Cause.RETRIED, _N.Started, _N.Started, _N.Running, _N.Expanded, _N.Collecting),
        *_rows(Cause.RETRIED, _N.ChildRunning, _N.ChildRunning),
        *_rows(Cause.RETRIED, _N.Expanded, _N.Expanded, _N.Collecting, _N.HandlingScopeFailure),
        *_rows(Cause.BACKED_OFF, _N.BackingOff, _N.Started, _N.Running),
        *_rows(Cause.WOKEN, _N.Started, _N.BackingOff),
        *_rows(Cause.FAILED, _N.Failed, _N.Started, _N.Running, _N.ChildRunning, _N.Expanded, _N.Collecting),
        *_rows(Cause.FAILED, _N.Failed, _N.Measuring, _N.Mapped, _N.Gathering),
        *_rows(Cause.FAILED, _N.Failed, _N.HandlingScopeFailure, _N.Deciding, _N.Decided, _N.AtGate),
        *_rows(Cause.TIMED_OUT, _N.Failed, _N.AtGate),
        *_rows(Cause.EXHAUSTED, _N.Failed, _N.Started, _N.Running, _N.ChildRunning, _N.Expanded, _N.Collecting),
        *_rows(Cause.EXHAUSTED, _N.Failed, _N.HandlingScopeFailure),
        *_rows(Cause.SKIPPED, _N.Skipped, None, _N.Decided),
        *_rows(
            Cause.ABORTED,
            _N.Aborted,
            _N.TakingOver,
            _N.Held,
            _N.LookingUp,
            _N.WaitingForCache,
            _N.Started,
            _N.Running,
            _N.BackingOff,
            _N.ChildRunning,
            _N.Expanded,
            _N.Collecting,
            _N.Measuring,
            _N.Mapped,
            _N.Gathering,
            _N.HandlingScopeFailure,
            _N.Deciding,
            _N.Decided,
            _N.AtGate,
        ),
    ]
)
"""All transitions of nodes."""

_H = header
EXECUTION_TRANSITIONS = frozenset(
    [
        *_rows(Cause.STARTED, _H.InProgress, _H.Accepted),
        *_rows(Cause.FAILURE_KEPT, _H.InProgress, _H.InProgress),
        *_rows(Cause.COLLECTING, _H.Succeeding, _H.InProgress),
        *_rows(Cause.HANDLING, _H.HandlingFailure, _H.InProgress, _H.Succeeding),
        *_rows(Cause.SUCCEEDED, _H.ExecutionSucceeded, _H.InProgress, _H.Succeeding),
        *_rows(Cause.FAILED, _H.ExecutionFailed, _H.InProgress, _H.Succeeding, _H.HandlingFailure),
        *_rows(Cause.TIMED_OUT, _H.ExecutionTimedOut, _H.InProgress, _H.Succeeding, _H.HandlingFailure),
        *_rows(Cause.ABORTED, _H.ExecutionAborted, _H.Accepted, _H.InProgress, _H.Succeeding, _H.HandlingFailure),
    ]
)
"""All transitions of executions."""

TRANSITIONS = NODE_TRANSITIONS | EXECUTION_TRANSITIONS
