"""One execution in memory, while it goes on. Changed on the engine's event loop only."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from flytelike.model.caching import CacheKey
from flytelike.model.failure import Failure
from flytelike.model.ids import ROOT, Digest, ExecutionId, NodePath
from flytelike.model.launch import LaunchRequest
from flytelike.model.priority import bounded
from flytelike.model.reuse import ReuseList
from flytelike.model.usage import AttemptUse
from propeller.core.commands import Command, LookUpCache
from propeller.core.elements import Span
from propeller.core.events import Event
from propeller.core.state import ExecutionState
from propeller.engine.program import Program
from propeller.ports import Alarm
from propeller.ports_elements import ArraySpec, ElementResult


class ElementOutputs(NamedTuple):
    """What an attempt of an element gave: its `outputs.pb`, or None for a large one, which lies in the object store."""

    element: int
    attempt: int
    data: bytes | None


@dataclass(slots=True, eq=False)
class OpenedArray:
    """What is known of an array while its elements run: how they are started, unless it is to be stopped.

    `key` is what the keys of its elements' work have in common, `keys` are those of elements that run or wait.
    `offered` are those that the executor may have, with their attempts: they are not looked up again.
    `waiting` are elements whose work somebody else does, with the instant to ask again; `freed` those of them that
    are about to. `earlier` is what an earlier execution's elements gave that serves, None before anybody looked.
    `unsure` are elements that are being taken back from the executor, or that were without an answer.
    """

    spec: ArraySpec
    stopped: bool = False
    key: CacheKey | None = None
    keys: dict[int, CacheKey] = field(default_factory=dict)
    offered: dict[int, int] = field(default_factory=dict)
    waiting: dict[int, int] = field(default_factory=dict)
    freed: list[tuple[int, int]] = field(default_factory=list)
    earlier: "Mapping[int, ElementOutputs] | None" = None
    unsure: "set[WithdrawElements]" = field(default_factory=set)

    def ended(self, index: int) -> CacheKey | None:
        """Take in that an attempt of an element ended; return the key of its work, if it has one."""
        self.offered.pop(index, None)
        return self.keys.pop(index, None)


@dataclass(frozen=True, slots=True)
class Kept:
    """What an attempt gave, small enough to be kept in the commit that records its success."""

    path: NodePath
    attempt: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event that waits to be taken, with the outputs of the success it tells of.

    `elements` are those of elements of an array. `taken` is set once what follows from the event is stored.
    """

    event: Event
    outputs: Kept | None = None
    elements: Sequence[ElementOutputs] = ()
    taken: "asyncio.Future[None] | None" = None


@dataclass(frozen=True, slots=True)
class TakeOutputs:
    """Look at what an attempt gave, before its success counts. Small `outputs` came along with the news."""

    path: NodePath
    attempt: int
    at_ns: int
    outputs: bytes | None = None
    used: AttemptUse | None = None


@dataclass(frozen=True, slots=True)
class TakeGraph:
    """Compile the nodes that an attempt of a dynamic task gave, before they count."""

    path: NodePath
    attempt: int
    at_ns: int
    used: AttemptUse | None = None


@dataclass(frozen=True, slots=True)
class TakeElements:
    """Look at what attempts of elements gave, before their successes count."""

    path: NodePath
    attempt: int
    at_ns: int
    results: Sequence[ElementResult]


@dataclass(frozen=True, slots=True)
class WithdrawElements:
    """Take back what has not begun of some elements: they have waited as long as they may."""

    path: NodePath
    attempt: int
    elements: Sequence[Span]
    interruptible: bool


@dataclass(frozen=True, slots=True)
class TakeChild:
    """Look how a child goes, since something happened to it."""

    path: NodePath
    attempt: int
    child: ExecutionId


@dataclass(frozen=True, slots=True)
class StoreInputs:
    """Store the inputs of a sub-workflow node, so that they can be looked at."""

    path: NodePath


@dataclass(frozen=True, slots=True)
class Restore:
    """Write a node's inputs, and the outputs it gave, again if a power cut took them from the object store.

    `attempt` is the one that succeeded; None if there is none. ROOT stands for the execution's own outputs.
    """

    path: NodePath
    attempt: int | None


GRAPH = "graph/"
"""The cell of a graph that a dynamic node gave is named so, and by the scope; no path begins like this."""
Post: TypeAlias = "Callable[[Run, Arrival], None]"
"""Puts news of an execution where its owner takes them."""


@dataclass(frozen=True, slots=True)
class LookUpMany:
    """Look for the results of many nodes together."""

    commands: tuple[LookUpCache, ...]


SEAL = "seal"
"""The id of the mark of an execution that is to be sealed."""


@dataclass(frozen=True, slots=True)
class Seal:
    """The mark in the outbox of an ended execution whose documents may not survive a power cut yet."""

    id: str = SEAL


Errand: TypeAlias = (
    Command | LookUpMany | TakeOutputs | TakeGraph | TakeElements | WithdrawElements | TakeChild | StoreInputs | Restore
)
"""What is to be done in the world: the core's commands, and the engine's own."""


@dataclass(slots=True, eq=False)
class Run:
    """What the engine knows of one execution.

    `urgent` when something in the inbox does not wait for company. `busy` while its owner takes
    turns; `rests` while it waits out a pause after failures; `stale` when what is in memory is not
    to be trusted, and `doomed` when the engine cannot go on with it at all. `starts` are the
    attempts and children being started, by path and attempt: None while the command waits.
    `stopping` counts the aborts that are not done, by path, and `held_back` are the starts that wait
    for them. `reuse` is what it takes over from earlier executions, `cache_keys` are those of nodes
    that do what the catalog did not have, `grafts` the graphs of dynamic nodes that are in memory, by
    scope. `done` are outbox commands to be dropped with the next commit. `seal` tells that its documents
    are to be sealed at last. `fresh` tells that it began in this engine's life, so that no attempt of it was
    started by an earlier one.
    """

    request: LaunchRequest
    program: Program
    state: ExecutionState
    version: int
    sequence: int
    inbox: list[Arrival] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    errands: "deque[tuple[Errand, int]]" = field(default_factory=deque)
    under_way: int = 0
    starts: "dict[tuple[NodePath, int], asyncio.Task[None] | None]" = field(default_factory=dict)
    stopping: dict[NodePath, int] = field(default_factory=dict)
    held_back: "dict[NodePath, list[tuple[Errand, int]]]" = field(default_factory=dict)
    timers: dict[NodePath, dict[str, Alarm]] = field(default_factory=dict)
    children: dict[NodePath, dict[int, ExecutionId]] = field(default_factory=dict)
    arrays: dict[NodePath, OpenedArray] = field(default_factory=dict)
    cache_keys: dict[NodePath, CacheKey] = field(default_factory=dict)
    grafts: dict[NodePath, Digest] = field(default_factory=dict)
    urgent: bool = False
    busy: bool = False
    rests: bool = False
    stale: bool = False
    seal: bool = False
    fresh: bool = False
    doomed: Failure | None = None
    lingers: Alarm | None = None
    failures: int = 0
    reuse: ReuseList = field(default_factory=dict)

    @property
    def id(self) -> ExecutionId:
        """The execution's id."""
        return self.request.id

    @property
    def idle(self) -> bool:
        """Whether nothing is left to be done for the execution in the world."""
        return not (self.errands or self.held_back or self.under_way or self.inbox or self.done)

    def priority(self, path: NodePath) -> int:
        """Return the priority of what the node at a path starts: that of the execution, and what the plan adds."""
        return bounded(self.request.priority + self.state.plan.priority(path))

    def child_of(self, path: NodePath) -> ExecutionId | None:
        """Return the child that the last attempt of a launch-plan node started, as far as it is known."""
        children = self.children.get(path)
        return children[max(children)] if children else None

    def forget_timers(self, path: NodePath) -> None:
        """Cancel the timers of a node that has ended; all of them for ROOT."""
        for owner in list(self.timers) if path == ROOT else [path]:
            for alarm in self.timers.pop(owner, {}).values():
                alarm.cancel()
