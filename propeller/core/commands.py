"""What the core asks the world to do. Each command is idempotent under its `id`.

Ids are derived from path, attempt and kind, so that a replay gives the same ones. A command
is carried out at least once, after the commit that contains it.
"""

from dataclasses import dataclass
from typing import TypeAlias

from flytelike.model.ids import Identifier, NodePath
from propeller.core.elements import Span


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Bind the node's inputs and start its task. Answered by Attempt* events."""

    id: str
    path: NodePath
    attempt: int
    task: Identifier
    interruptible: bool


@dataclass(frozen=True, slots=True)
class AbortAttempt:
    """Stop the attempt if it runs. Not answered."""

    id: str
    path: NodePath
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class LookUpCache:
    """Bind the node's inputs and look for the result of equal work.

    Answered by Cache* events. Where the task wants equal work done once, a miss means that it is
    reserved for this node.
    """

    id: str
    path: NodePath
    round: int


@dataclass(frozen=True, slots=True)
class ReleaseReservation:
    """Let others do the node's work, which has ended without a result. Not answered."""

    id: str
    path: NodePath


@dataclass(frozen=True, slots=True)
class StartChild:
    """Bind the node's inputs and start an execution from the launch plan. Answered by ChildEnded."""

    id: str
    path: NodePath
    attempt: int
    launch_plan: Identifier


@dataclass(frozen=True, slots=True)
class AbortChild:
    """Ask the child execution to end. Answered by ChildEnded, if it had started."""

    id: str
    path: NodePath
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class CollectOutputs:
    """Bind the outputs of a scope from its nodes' outputs and store them. Answered by Outputs* events."""

    id: str
    path: NodePath
    attempt: int


@dataclass(frozen=True, slots=True)
class OpenArray:
    """Bind the array's inputs and find out how many elements they make. Answered by `ArrayOpened` or `ArrayRefused`."""

    id: str
    path: NodePath
    attempt: int


@dataclass(frozen=True, slots=True)
class StartElements:
    """Start a task for each of some elements. Answered by `ElementsEnded`, in as many parts as is convenient.

    `attempt` is the array's; those of the elements are in the spans.
    """

    id: str
    path: NodePath
    attempt: int
    task: Identifier
    elements: tuple[Span, ...]
    interruptible: bool


@dataclass(frozen=True, slots=True)
class AbortElements:
    """Stop all of an array's elements that run, and start none that was asked for before. Not answered."""

    id: str
    path: NodePath
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Decide:
    """Bind a branch's inputs and evaluate its conditions in order. Answered by BranchDecided or BranchUndecided."""

    id: str
    path: NodePath
    attempt: int


@dataclass(frozen=True, slots=True)
class AwaitSignal:
    """Bind a gate's inputs and wait for its signal. Answered by GatePassed or GateRefused, whenever it is given."""

    id: str
    path: NodePath
    attempt: int
    signal: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Fire `TimerFired(path, stamp)` once the clock reaches `due_ns`."""

    id: str
    path: NodePath
    stamp: str
    due_ns: int


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Take a node's results over from an earlier execution. Answered by TakenOver, GraphTaken or NothingTaken."""

    id: str
    path: NodePath


Command: TypeAlias = (
    StartAttempt
    | AbortAttempt
    | LookUpCache
    | ReleaseReservation
    | StartChild
    | AbortChild
    | CollectOutputs
    | OpenArray
    | StartElements
    | AbortElements
    | Decide
    | AwaitSignal
    | SetTimer
    | TakeOver
)
