"""The states a node can be in. A node without a state waits for its upstream nodes.

Attempts count from 0, and each failure that is retried makes one more: that is why the
number of an attempt is computed, so that it can never contradict the failures counted.
"""

from dataclasses import dataclass
from typing import TypeAlias

from flytelike.model.failure import Failure
from flytelike.model.ids import NodeId


@dataclass(frozen=True, slots=True)
class Held:
    """Ready, but `max_parallelism` is reached. Held nodes start by descending `priority`, then by ascending `order`.

    A dynamic node whose sub-graph failed is held before its next attempt: the failures so far are kept.
    """

    order: int
    user_failures: int = 0
    system_failures: int = 0
    priority: int = 0


@dataclass(frozen=True, slots=True)
class LookingUp:
    """The catalog is asked for a task's result. `round` counts how often it was asked before."""

    round: int = 0


@dataclass(frozen=True, slots=True)
class WaitingForCache:
    """Somebody else computes an equal result; the catalog is asked again when that ends, or at `until_ns`."""

    round: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Started:
    """A task's attempt was handed to the executor; it has not begun yet.

    `since_ns` is kept where the attempt may not wait for ever; else it is 0. `waits` is what it was told that the
    attempt waits for.
    """

    user_failures: int = 0
    system_failures: int = 0
    since_ns: int = 0
    waits: str = ""

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 0."""
        return self.user_failures + self.system_failures


@dataclass(frozen=True, slots=True)
class Running:
    """A task's attempt runs since `started_ns`."""

    started_ns: int
    user_failures: int = 0
    system_failures: int = 0

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 0."""
        return self.user_failures + self.system_failures


@dataclass(frozen=True, slots=True)
class BackingOff:
    """The next attempt of a task waits until `until_ns`: the platform lost the last one, or the author wants it."""

    until_ns: int
    user_failures: int
    system_failures: int

    @property
    def attempt(self) -> int:
        """The number of the attempt that is going to start."""
        return self.user_failures + self.system_failures


@dataclass(frozen=True, slots=True)
class ChildRunning:
    """A launch-plan node waits for the execution it started."""

    started_ns: int
    user_failures: int = 0

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 0."""
        return self.user_failures


@dataclass(frozen=True, slots=True)
class Expanded:
    """The own nodes of a sub-workflow or dynamic node run. `failure` is the first of theirs, while others go on.

    Only a dynamic node has `system_failures`: those of the task that gave its nodes.
    """

    started_ns: int
    user_failures: int = 0
    failure: Failure | None = None
    system_failures: int = 0

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 0."""
        return self.user_failures + self.system_failures


@dataclass(frozen=True, slots=True)
class Collecting:
    """All nodes of a sub-workflow or dynamic node succeeded; its outputs are being bound."""

    started_ns: int
    user_failures: int = 0
    system_failures: int = 0

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 0."""
        return self.user_failures + self.system_failures


@dataclass(frozen=True, slots=True)
class Measuring:
    """An array waits to learn how many elements it has."""

    started_ns: int
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Mapped:
    """An array's elements run; how it is with each of them is kept in chunks.

    Elements from `begun` on wait; `open` of those before it have not ended. `failure` is that of the first that failed
    for good. `results` counts how often outputs of elements were accepted. `waits` is what it was told that elements
    wait for.
    """

    started_ns: int
    length: int
    begun: int = 0
    open: int = 0
    succeeded: int = 0
    failed: int = 0
    failure: Failure | None = None
    results: int = 0
    attempt: int = 0
    waits: str = ""


@dataclass(frozen=True, slots=True)
class Gathering:
    """Enough of an array's elements succeeded; their outputs, which came in `results` parts, are put together."""

    started_ns: int
    length: int
    results: int = 0
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class TakingOver:
    """What the node gave in an earlier execution is being taken over."""


@dataclass(frozen=True, slots=True)
class HandlingScopeFailure:
    """A sub-workflow node's nodes are stopped, since one failed with `failure`; its failure node runs."""

    started_ns: int
    user_failures: int
    failure: Failure

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 0."""
        return self.user_failures


@dataclass(frozen=True, slots=True)
class Deciding:
    """The conditions of a branch are being evaluated."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A branch ends as the node `case` ends, which runs or waits for the nodes above it."""

    case: NodeId


@dataclass(frozen=True, slots=True)
class AtGate:
    """A gate waits for its signal or its time since `started_ns`."""

    started_ns: int


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The node's outputs are those of `attempt`."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The node failed for good with its last attempt."""

    attempt: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class Skipped:
    """The node never starts: a node above it did not succeed, or another case of its branch was chosen."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The node was left out on purpose. Those below it may go on: nothing they need comes from it."""


@dataclass(frozen=True, slots=True)
class Aborted:
    """The node was stopped: by a user, or since another node failed."""


ActiveState: TypeAlias = (
    Held
    | LookingUp
    | WaitingForCache
    | Started
    | Running
    | BackingOff
    | ChildRunning
    | Expanded
    | Collecting
    | HandlingScopeFailure
    | Deciding
    | Decided
    | AtGate
    | Measuring
    | Mapped
    | Gathering
    | TakingOver
)
EndState: TypeAlias = Succeeded | Failed | Skipped | LeftOut | Aborted
NodeState: TypeAlias = ActiveState | EndState

END_STATES = frozenset({Succeeded, Failed, Skipped, LeftOut, Aborted})
DONE_STATES = frozenset({Succeeded, LeftOut})
"""States of which the nodes below a node have waited."""
SLOT_STATES = frozenset({LookingUp, WaitingForCache, Started, Running, BackingOff, ChildRunning, Measuring, Mapped})
"""States that count towards `max_parallelism`: tasks, launch plans and arrays, as in Flyte."""
