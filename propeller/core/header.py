"""The state of an execution as a whole, beside that of its nodes."""

from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from flytelike.model.failure import Failure
from flytelike.model.phases import WorkflowPhase


@dataclass(frozen=True, slots=True)
class Accepted:
    """The execution is known; it has not started."""


@dataclass(frozen=True, slots=True)
class InProgress:
    """Nodes run. `failure` is the first failure, while the nodes that still can go on."""

    started_ns: int
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Succeeding:
    """All nodes succeeded; the execution's outputs are being bound."""

    started_ns: int


@dataclass(frozen=True, slots=True)
class HandlingFailure:
    """All nodes are stopped, since the execution failed with `failure`; its failure node runs.

    `timed_out` tells that it took longer than it was allowed to, so that it ends as timed out.
    """

    started_ns: int
    failure: Failure
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class ExecutionSucceeded:
    """Ended well."""


@dataclass(frozen=True, slots=True)
class ExecutionFailed:
    """Ended with a failure."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class ExecutionTimedOut:
    """Took longer than it was allowed to."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class ExecutionAborted:
    """Ended since somebody asked for it."""

    cause: str
    principal: str = ""


Status: TypeAlias = (
    Accepted
    | InProgress
    | Succeeding
    | HandlingFailure
    | ExecutionSucceeded
    | ExecutionFailed
    | ExecutionTimedOut
    | ExecutionAborted
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the launch request sets for the whole execution; see `LaunchRequest` for the fields.

    `cached` is off when no node looks for cached results or keeps its own.
    """

    max_parallelism: int = 0
    timeout_ns: int = 0
    interruptible: bool | None = None
    cached: bool = True


@dataclass(frozen=True, slots=True)
class Header:
    """The execution's status and limits. `next_order` numbers the nodes that `Held` holds."""

    limits: Limits = field(default_factory=Limits)
    status: Status = field(default_factory=Accepted)
    next_order: int = 0

    @property
    def phase(self) -> WorkflowPhase:
        """The phase as clients see it."""
        return phase_of(self.status)

    @property
    def ended(self) -> bool:
        """Whether the execution is over."""
        return self.phase.terminal


def phase_of(status: Status) -> WorkflowPhase:
    """Return the phase that clients see for a status."""
    match status:
        case Accepted():
            return WorkflowPhase.QUEUED
        case InProgress():
            return WorkflowPhase.RUNNING
        case Succeeding():
            return WorkflowPhase.SUCCEEDING
        case HandlingFailure():
            return WorkflowPhase.FAILING
        case ExecutionSucceeded():
            return WorkflowPhase.SUCCEEDED
        case ExecutionFailed():
            return WorkflowPhase.FAILED
        case ExecutionTimedOut():
            return WorkflowPhase.TIMED_OUT
        case ExecutionAborted():
            return WorkflowPhase.ABORTED
        case unreachable:
            assert_never(unreachable)
