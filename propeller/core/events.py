"""What can happen to an execution. Events come from outside and may be late, doubled or stale.

An event names the attempt or timer it speaks of; one that speaks of something that is no
longer current changes nothing. `at_ns` is when it happened, in nanoseconds since 1970.
"""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from flytelike.model.caching import CacheNote, CacheStatus
from flytelike.model.failure import Failure
from flytelike.model.ids import Digest, NodeId, NodePath
from flytelike.model.phases import WorkflowPhase
from flytelike.model.usage import AskedResources, AttemptUse
from propeller.core.elements import Span


@dataclass(frozen=True, slots=True)
class ExecutionStarted:
    """The execution was accepted; the first event of all."""

    at_ns: int


@dataclass(frozen=True, slots=True)
class AttemptRunning:
    """The attempt's process began its work (informative: an attempt may end without it).

    `asked` is what it asked of its machine.
    """

    path: NodePath
    attempt: int
    at_ns: int
    asked: AskedResources | None = None


@dataclass(frozen=True, slots=True)
class AttemptWaits:
    """The attempt waits for `what`, which others use, such as room under a limit; empty if it does not any more.

    `path` may be that of an element of an array, which has no state of its own.
    """

    path: NodePath
    attempt: int
    at_ns: int
    what: str


@dataclass(frozen=True, slots=True)
class AttemptSucceeded:
    """The attempt ended well and its outputs are stored durably. `cache` tells whether they are cached.

    `used` is what it used of its machine, where that was measured; so for all ends of attempts.
    """

    path: NodePath
    attempt: int
    at_ns: int
    cache: CacheNote | None = None
    used: AttemptUse | None = None


@dataclass(frozen=True, slots=True)
class AttemptExpanded:
    """The attempt ended well and gave nodes to run next, which were compiled to `graph` and grafted."""

    path: NodePath
    attempt: int
    at_ns: int
    graph: Digest
    used: AttemptUse | None = None


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """The attempt ended badly, or could not be started."""

    path: NodePath
    attempt: int
    at_ns: int
    failure: Failure
    used: AttemptUse | None = None


@dataclass(frozen=True, slots=True)
class CacheFound:
    """The result of equal work is there, and lies where the outputs of the node's first attempt do."""

    path: NodePath
    round: int
    at_ns: int
    note: CacheNote


@dataclass(frozen=True, slots=True)
class CacheMissed:
    """There is no result of equal work, or nobody knows: the node has to do it."""

    path: NodePath
    round: int
    at_ns: int
    note: CacheNote


@dataclass(frozen=True, slots=True)
class CacheTaken:
    """Somebody else is doing equal work; ask again at `until_ns` if nothing is heard before."""

    path: NodePath
    round: int
    at_ns: int
    until_ns: int
    note: CacheNote


@dataclass(frozen=True, slots=True)
class CacheFreed:
    """Who did equal work has ended, well or not."""

    path: NodePath
    round: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """The execution started by a launch-plan node reached a terminal phase."""

    path: NodePath
    attempt: int
    at_ns: int
    phase: WorkflowPhase
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class OutputsCollected:
    """The outputs of a scope (the execution, or a node that holds others) were bound and stored.

    `cache` tells whether they are cached.
    """

    path: NodePath
    attempt: int
    at_ns: int
    cache: CacheNote | None = None


@dataclass(frozen=True, slots=True)
class OutputsFailed:
    """The outputs of a scope could not be bound (a path into a value that is not there, say)."""

    path: NodePath
    attempt: int
    at_ns: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class ArrayOpened:
    """The array's inputs are stored; they make `length` elements."""

    path: NodePath
    attempt: int
    at_ns: int
    length: int


@dataclass(frozen=True, slots=True)
class ArrayRefused:
    """The array's inputs could not be bound, or make no elements (lists of unequal length, say)."""

    path: NodePath
    attempt: int
    at_ns: int
    failure: Failure


class ElementFailed(NamedTuple):
    """An attempt of an element ended badly."""

    element: int
    attempt: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class ElementsEnded:
    """Attempts of some elements of an array ended; the outputs of those that succeeded are stored durably.

    `cache` is what the catalog had to do with those that succeeded: with all of them the same. `recovered` tells that
    an earlier execution gave the results of all of them.
    """

    path: NodePath
    attempt: int
    at_ns: int
    succeeded: tuple[Span, ...] = ()
    failed: tuple[ElementFailed, ...] = ()
    cache: CacheStatus = CacheStatus.DISABLED
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class BranchDecided:
    """`case` is the node of the first case whose condition holds, or the one for none of them."""

    path: NodePath
    attempt: int
    at_ns: int
    case: NodeId


@dataclass(frozen=True, slots=True)
class BranchUndecided:
    """A condition could not be evaluated, or none holds and the branch fails then."""

    path: NodePath
    attempt: int
    at_ns: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class GatePassed:
    """A gate's signal was given: its outputs are stored durably."""

    path: NodePath
    attempt: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class GateRefused:
    """A gate's signal was given and closes it, or the gate could not begin to wait."""

    path: NodePath
    attempt: int
    at_ns: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer set by `SetTimer` is due. `stamp` is the timer's; a stale one changes nothing."""

    path: NodePath
    stamp: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What a node gave in an earlier execution lies where its own outputs do. `note` says whence, for people."""

    path: NodePath
    at_ns: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class GraphTaken:
    """A dynamic node keeps the graph that its task gave in an earlier execution; it was grafted. `note` says whence."""

    path: NodePath
    at_ns: int
    graph: Digest
    note: str = ""


@dataclass(frozen=True, slots=True)
class NothingTaken:
    """What a node gave in an earlier execution cannot be taken over; `why` is for people."""

    path: NodePath
    at_ns: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class AbortRequested:
    """Somebody asked that the execution ends."""

    at_ns: int
    cause: str
    principal: str = ""


Event: TypeAlias = (
    ExecutionStarted
    | AttemptRunning
    | AttemptWaits
    | AttemptSucceeded
    | AttemptExpanded
    | AttemptFailed
    | CacheFound
    | CacheMissed
    | CacheTaken
    | CacheFreed
    | ChildEnded
    | OutputsCollected
    | OutputsFailed
    | ArrayOpened
    | ArrayRefused
    | ElementsEnded
    | BranchDecided
    | BranchUndecided
    | GatePassed
    | GateRefused
    | TimerFired
    | TakenOver
    | GraphTaken
    | NothingTaken
    | AbortRequested
)
