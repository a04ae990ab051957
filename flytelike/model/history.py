"""The history of an execution: what the world is told about, in order, once.

A record is made for each visible change. Records are numbered in the order they were decided
by the store; a sink may see one again after a crash and keeps the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from typing_extensions import override

from flytelike.model.caching import CacheNote, CacheStatus
from flytelike.model.failure import Failure
from flytelike.model.ids import Digest, ExecutionId, Identifier, NodeId, NodePath
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike.model.usage import AskedResources, AttemptUse


@dataclass(frozen=True, slots=True)
class ExecutionChanged:
    """The execution entered a phase."""

    phase: WorkflowPhase
    at_ns: int
    failure: Failure | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class NodeChanged:
    """A node entered a phase.

    `name` is what the author's code calls it, often the name of its task or workflow.
    `parent` is the sub-workflow node it lies in (`""` at the top), `spec_node_id` its id in
    its own workflow. `is_parent` tells that nodes lie in it. `child` tells that the node
    is an execution of its own. `note` says what else people want to know: whence its outputs
    were taken, why they were not. `cache` is what is to be told of the cache now. `graph` is the
    digest of the closure of the nodes that the node's own task gave, if it is dynamic. `waits` says what it waits
    for from now on, such as `approval "release"`, and `waits_until_ns` until when at most; 0 for as long as it takes.
    `priority` is what it and the nodes around it add to the execution's.
    """

    path: NodePath
    parent: NodePath
    spec_node_id: NodeId
    phase: NodePhase
    at_ns: int
    failure: Failure | None = None
    is_parent: bool = False
    is_child_execution: bool = False
    name: str = ""
    note: str = ""
    cache: CacheNote | None = None
    graph: Digest = Digest("")  # noqa: RUF009 - a NewType's call is a constant
    waits: str = ""
    waits_until_ns: int = 0
    priority: int = 0


NEXT_ATTEMPT = "its next attempt"
"""What a node waits for after an attempt with a `next_ns`, in words that complete "waits for ..."."""


@dataclass(frozen=True, slots=True)
class AttemptChanged:
    """An attempt of a task node entered a phase. One that failed tells when the next begins, if there is a pause.

    `asked` is told as it begins to run, `used` as it ends, where it was measured.
    """

    path: NodePath
    attempt: int
    task: Identifier
    phase: TaskPhase
    at_ns: int
    failure: Failure | None = None
    next_ns: int = 0
    asked: AskedResources | None = None
    used: AttemptUse | None = None


class ElementSpan(NamedTuple):
    """Consecutive elements of an array that are in one phase now."""

    first: int
    length: int
    phase: TaskPhase


class ElementFailure(NamedTuple):
    """Why an attempt of an element failed."""

    element: int
    attempt: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class ElementsChanged:
    """Elements of an array began or ended.

    `length` is how many there are, `open`, `succeeded` and `failed` how many are so now. `changes` are those whose
    phase changed; `failures` tells why attempts failed, of at most some of them. `cache` is what the catalog had to do
    with those that succeeded; `recovered` tells that an earlier execution gave their results.
    """

    path: NodePath
    attempt: int
    at_ns: int
    length: int
    open: int
    succeeded: int
    failed: int
    changes: tuple[ElementSpan, ...] = ()
    failures: tuple[ElementFailure, ...] = ()
    cache: CacheStatus = CacheStatus.DISABLED
    recovered: bool = False

    @property
    def failure(self) -> None:
        """None: what failed is not the array."""
        return None


Record: TypeAlias = ExecutionChanged | NodeChanged | AttemptChanged | ElementsChanged


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A record with its place in the execution's history; `sequence` counts from 1.

    The uris are set where they are known: `inputs_uri` and `output_uri` name serialised
    `core.LiteralMap`s, `log_uri` what the attempt printed, `child` the execution a launch-plan
    node started.
    """

    execution: ExecutionId
    sequence: int
    record: Record
    inputs_uri: str = ""
    output_uri: str = ""
    log_uri: str = ""
    child: ExecutionId | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Entries of an execution that are missing: `due` is the next one, `came` the first of those that came."""

    execution: ExecutionId
    due: int
    came: int

    @override
    def __str__(self) -> str:
        """Return it in words."""
        return f"history of {self.execution}: entry {self.due} is due, {self.came} came"


class HistoryGap(Exception):
    """Entries are missing: what comes later of these executions cannot be taken over before them."""

    def __init__(self, gaps: Sequence[Gap]) -> None:
        """Keep what is missing, for each execution of which anything is."""
        self.gaps: tuple[Gap, ...] = tuple(gaps)
        super().__init__("; ".join(map(str, gaps)))

    @property
    def executions(self) -> frozenset[ExecutionId]:
        """Whose history is not taken."""
        return frozenset(gap.execution for gap in self.gaps)
