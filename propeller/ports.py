"""What the engine needs from the world. Each port has one contract suite that every adapter passes.

All methods are coroutines; adapters that block use threads of their own.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from flytelike.model.closure import WorkflowClosure
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.failure import Failure
from flytelike.model.graph import TaskOverrides, TaskTemplate
from flytelike.model.history import HistoryEntry
from flytelike.model.ids import Digest, ExecutionId, Identifier, NodeExecutionId, NodePath
from flytelike.model.phases import WorkflowPhase
from flytelike.model.queued import Queued
from flytelike.model.usage import AskedResources, AttemptUse

if TYPE_CHECKING:
    from propeller.core.elements import Span
    from propeller.ports_elements import ElementResult, ElementsOrder


@dataclass(frozen=True, slots=True)
class AttemptKey:
    """Names one attempt for an executor; the same key is always the same attempt."""

    execution: ExecutionId
    path: NodePath
    attempt: int


@dataclass(frozen=True, slots=True)
class AttemptSpec:
    """One attempt, ready to run: inputs are stored, paths are decided.

    `workflow` and `launch_plan` are what the execution was started from.
    `inputs_uri` is the file `inputs.pb`; `output_prefix` the folder for `outputs.pb` and
    `error.pb`; `raw_output_prefix` the folder for the data the task writes; all as in Flyte's
    task contract. Small `inputs` come along, and their file may be written while the attempt begins:
    an executor whose attempts read the file writes it first. `deadline_ns` is the length a run may
    take, counted from its start; 0 for none.
    `execution_started_ns` is when the whole execution began; `labels` are what its starter labelled it with.
    `overrides` is what the node changes of its task; `task` has those of a container already.
    `execution_started_ns` is when the whole execution began, `depth` how many executions lie above it, each of which
    waits for the one below. `priority` ranks it among attempts of the same project that wait for the executor.
    `fresh` tells that it cannot have been started before this engine began, so that nothing of it is stored.
    """

    key: AttemptKey
    task: TaskTemplate
    workflow: Identifier
    launch_plan: Identifier
    inputs_uri: str
    output_prefix: str
    raw_output_prefix: str
    checkpoint_prefix: str = ""
    previous_checkpoint_prefix: str = ""
    deadline_ns: int = 0
    interruptible: bool = False
    execution_started_ns: int = 0
    env: Mapping[str, str] = field(default_factory=dict)
    inputs: bytes | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    overrides: TaskOverrides = field(default_factory=TaskOverrides)
    priority: int = 0
    depth: int = 0
    fresh: bool = False


class AttemptListener(Protocol):
    """Told by an executor how attempts go. May be called again with the same news.

    Called on the engine's event loop; returns at once.
    """

    def running(self, key: AttemptKey, at_ns: int, asked: AskedResources | None = None) -> None:
        """Tell that the attempt's process began its work, and what it `asked` of its machine, if anything."""

    def succeeded(
        self, key: AttemptKey, at_ns: int, outputs: bytes | None = None, used: AttemptUse | None = None
    ) -> None:
        """Tell that the attempt ended well.

        Small `outputs` may come along: then the listener keeps them. Else `outputs.pb` is stored durably, if there are
        outputs. `used` is what it used, where that was measured.
        """

    def expanded(self, key: AttemptKey, at_ns: int, used: AttemptUse | None = None) -> None:
        """Tell that the attempt ended well and gave nodes to run next: `futures.pb` is stored."""

    def failed(self, key: AttemptKey, at_ns: int, failure: Failure, used: AttemptUse | None = None) -> None:
        """Tell that the attempt ended badly, or could not be started."""

    def held_up(self, key: AttemptKey, why: Diagnostic | None) -> None:
        """Tell that an attempt waits for what it cannot do without, and will be run then; None: it goes on.

        That is room under a quota, or the machine (its disk is full, say). It has not ended: nothing of this counts.
        """

    def elements_ended(self, key: AttemptKey, at_ns: int, results: "Sequence[ElementResult]") -> None:
        """Tell how attempts of elements of the array `key` ended; see `ElementResult` for their outputs."""


class Executor(Protocol):
    """Runs attempts."""

    async def start(self, spec: AttemptSpec) -> None:
        """Take the attempt over. Returns once it is queued; a known key is not started twice.

        After a restart of the platform the engine starts every unfinished attempt again: an
        executor that finds it still running, or finished with its outputs stored, says so
        instead of running it anew.
        """

    async def abort(self, key: AttemptKey, reason: str) -> None:
        """Stop the attempt with everything it started. Unknown keys are ignored."""

    async def start_elements(self, order: "ElementsOrder") -> None:
        """Take attempts of elements of an array over, as `start` does; those that are known are not started twice."""

    async def abort_elements(self, key: AttemptKey, reason: str) -> None:
        """Stop all elements of the array `key`, those that wait too. Unknown keys are ignored."""

    async def withdraw_elements(self, key: AttemptKey, elements: "Sequence[Span]") -> "Sequence[Span]":
        """Take attempts of elements back that have not begun, and return them. All others are left alone."""

    async def queued(self, execution: ExecutionId) -> Sequence[Queued]:  # noqa: ARG002 - for those who line up themselves
        """Return those of an execution that wait for a worker of this executor's own, with their places in line.

        None where others line up what waits, as a cluster's scheduler does: that is what this returns.
        """
        return ()

    async def close(self) -> None:
        """Stop all work and release everything. Running attempts are lost, not failed."""


class EventSink(Protocol):
    """Is told the history of executions."""

    async def record(self, batch: Sequence[HistoryEntry]) -> None:
        """Take the records over durably. Those seen before (by `sequence`) are ignored.

        Raises `HistoryGap` when some are missing before those of some executions; then those of the others may
        not have been taken either.
        """


class Children(Protocol):
    """Starts and stops executions for launch-plan nodes (the control plane does it)."""

    async def start(
        self,
        parent: NodeExecutionId,
        attempt: int,
        launch_plan: Identifier,
        inputs_uri: str,
        earlier: ExecutionId | None = None,
        priority: int = 0,
    ) -> ExecutionId:
        """Create the child, or return the one created before for the same parent and attempt.

        With `earlier`, the child takes over what succeeded in that execution, as far as it serves. It has the
        `priority` given.

        Raises `ChildRefused` when the launch plan or its inputs are not acceptable.
        """

    async def abort(self, child: ExecutionId, reason: str) -> None:
        """Ask the child to end."""

    async def phase(self, child: ExecutionId) -> "ChildStatus":
        """Return the child's phase now; `output_uri` is set once it succeeded."""


@dataclass(frozen=True, slots=True)
class ChildStatus:
    """How a child execution goes."""

    phase: WorkflowPhase
    output_uri: str = ""
    failure: Failure | None = None


class ChildRefused(Exception):
    """The child cannot be created; carries why."""

    def __init__(self, failure: Failure) -> None:
        """Keep the failure."""
        self.failure = failure
        super().__init__(failure.message)


class Closures(Protocol):
    """Gives compiled closures; remembers recent ones. What dynamic tasks give is compiled here, too."""

    async def get(self, uri: str, digest: Digest) -> WorkflowClosure:
        """Return the closure. Raises `KeyError` when there is none at `uri`."""

    async def compile(self, execution: ExecutionId, task: TaskTemplate, futures_uri: str) -> Digest:
        """Check and link the `core.DynamicJobSpec` that a task gave, and keep its closure durably.

        Raises `GraphRefused` when the author has to change something, and whatever the stores raise.
        """

    async def graph(self, digest: Digest) -> WorkflowClosure:
        """Return the closure that `compile` kept. Raises `KeyError` when there is none."""


class GraphRefused(Exception):
    """What a dynamic task gave cannot be run; carries why."""

    def __init__(self, failure: Failure) -> None:
        """Keep the failure."""
        self.failure = failure
        super().__init__(failure.message)


class Blobs(Protocol):
    """Reads and writes whole small objects by uri."""

    async def read(self, uri: str) -> bytes:
        """Return the object's bytes. Raises `KeyError` when there is none, `BlobsUnavailable` otherwise."""

    async def write(self, uri: str, data: bytes) -> None:
        """Store the bytes, at once or not at all. May be lost by a power cut until `sync`."""

    async def pack(self, folder: str, documents: Mapping[str, bytes]) -> None:
        """Store small objects by their paths in a folder, all together; each is read by its uri as any other.

        One at the same uri that `write` stored comes before them. May be lost by a power cut until `sync`.
        """

    async def sizes(self, uris: Collection[str]) -> Mapping[str, int]:
        """Return the bytes of each object or folder that is there; those that are not are left out.

        What lies where this store cannot look (on the web, say) counts as there, with no bytes.
        Raises `BlobsUnavailable`.
        """

    async def digests(self, uris: Collection[str]) -> Mapping[str, str]:
        """Return what names the content of each object or folder that is there: equal for equal content.

        What is not there, or lies where this store cannot look, is left out. Raises `BlobsUnavailable`.
        """

    async def sync(self, uri: str) -> None:
        """Make the object survive a power cut. Raises `KeyError` when there is none."""

    async def sync_all(self, uris: Collection[str]) -> None:
        """Make many objects survive a power cut; those that are not there are passed over."""

    async def sync_below(self, folder: str) -> None:
        """Make all objects below a folder survive a power cut; without a folder there is nothing to do."""


class BlobsUnavailable(Exception):
    """The object store cannot be reached or refuses; trying again later may help."""


class BlobsAway(BlobsUnavailable):
    """The object store itself does not answer, or broke off: nothing that was asked for is at fault."""


class BlobsFull(BlobsUnavailable):
    """There is no room left where the object store keeps its data."""


class Alarm(Protocol):
    """A call to come."""

    def cancel(self) -> None:
        """Forget the call. Harmless when it has been made."""


class Clock(Protocol):
    """Time, so that tests can set it. Nothing in the engine waits for time in another way."""

    def now_ns(self) -> int:
        """Return nanoseconds since 1970."""

    def call_at(self, due_ns: int, callback: Callable[[], None]) -> Alarm:
        """Call back on the engine's event loop once `now_ns()` reaches `due_ns`."""


# --- the store of record ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HistoryBatch:
    """The records of one commit, encoded; they are numbered `first` to `last`."""

    first: int
    last: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """One step of one execution: all of it is stored, or nothing.

    A store keeps bytes by key. It does not know what a node or a command is: the engine
    encodes (`propeller.engine.encoding`). Only what changed is written, so that the cost of a
    step does not grow with the execution.

    `expected` is the version the execution has now; the commit makes it `expected + 1`. A
    new execution has version 0 and gives `launch`, which never changes afterwards. `cells` are
    the changed parts of the state by key; `outputs` small results by key, kept apart because
    they are read one by one; `commands` the intents to add, by id, and `done` the ids to drop.
    `closed` tells that the execution is finished; it stays so. `drop` are keys whose cells and outputs are not
    needed any longer; what the same commit gives for such a key is not stored.
    """

    execution: ExecutionId
    expected: int
    header: bytes
    closed: bool = False
    launch: bytes = b""
    cells: Mapping[str, bytes] = field(default_factory=dict)
    outputs: Mapping[str, bytes] = field(default_factory=dict)
    commands: Mapping[str, bytes] = field(default_factory=dict)
    done: Collection[str] = ()
    history: HistoryBatch | None = None
    drop: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is stored of one execution, but for `outputs` and the history."""

    version: int
    closed: bool
    launch: bytes
    header: bytes
    cells: Mapping[str, bytes]
    commands: Mapping[str, bytes]


class StateStore(Protocol):
    """Keeps executions. The store of record: what it has returned from is durable."""

    async def commit(self, commit: Commit) -> None:
        """Store one step. Commits of several executions made at once share one sync.

        Raises `Conflict` when the execution does not have the expected version, and any other
        `StoreError` when nothing could be stored.
        """

    async def load(self, execution: ExecutionId) -> Snapshot | None:
        """Return what is stored of the execution, or None."""

    async def unfinished(self) -> Sequence[ExecutionId]:
        """Return the executions that are not closed or have commands left, oldest first."""

    async def output(self, execution: ExecutionId, key: str) -> bytes | None:
        """Return a result kept by `Commit.outputs`, or None."""

    async def outputs(self, execution: ExecutionId, keys: Sequence[str]) -> Sequence[bytes | None]:
        """Return several results kept by `Commit.outputs`, in the order of the keys."""

    async def undelivered(
        self, limit: int, apart: Collection[ExecutionId] = ()
    ) -> Sequence[tuple[ExecutionId, HistoryBatch]]:
        """Return at most `limit` batches that are not `delivered`, those of an execution in order.

        Executions that are `apart` are left out: of thousands, some may not be.
        """

    async def delivered(self, upto: Mapping[ExecutionId, int]) -> None:
        """Drop the history of each execution up to and including the given sequence."""

    async def forget(self, age_ns: int, rows_max: int) -> "Forgotten":
        """Drop the oldest executions that closed `age_ns` ago or earlier, by the store's own clock.

        Those with commands left or with history that is not `delivered` are kept. At most about
        `rows_max` rows are dropped by one call, so that commits do not wait long for it.
        """

    async def expire(self, executions: Collection[ExecutionId]) -> None:
        """Take executions that are closed for ones that closed long ago: `forget` drops them next.

        Others, and unknown ones, are left alone.
        """

    async def own(self, holder: str, lease_ns: int) -> None:
        """Become the store's one owner for `lease_ns`, by the store's own clock; renew it meanwhile.

        Nobody else's commits are taken from now on: each new owner has a higher epoch, which the
        store checks with every commit of a handle that once was the owner. Who has the same
        name as the present owner is the same engine after a restart, and takes over at once.

        Raises `Owned` while another engine is the owner, and any other `StoreError`.
        """

    async def renew(self, lease_ns: int) -> None:
        """Stay the owner for `lease_ns` from now on. Raises `NotOwner` when somebody else has taken over."""

    async def release(self) -> None:
        """Let anybody be the owner at once; harmless if one is not the owner."""

    async def close(self) -> None:
        """Finish what was asked for, then release everything."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `StateStore.forget` dropped. `full` when it stopped at its limit; `left` when closed executions are left."""

    executions: int
    full: bool
    left: bool


class StoreError(Exception):
    """The store cannot do what was asked. `code` is what is wrong in kebab case.

    Nothing of the commit was stored. A `lasting` error is not mended by trying again.
    """

    code = "store-unavailable"
    lasting = False

    def __init__(self, message: str) -> None:
        """Keep the message for people."""
        self.message = message
        super().__init__(message)

    @override
    def __str__(self) -> str:
        """Return `message [code]`."""
        return f"{self.message} [{self.code}]"


class Conflict(StoreError):
    """The execution has another version: it has another owner now, or exists already."""

    code = "conflict"


class Owned(StoreError):
    """Another engine owns the store, for `lapses_ns` still unless it renews its lease."""

    code = "engine-running"

    def __init__(self, holder: str, lapses_ns: int) -> None:
        """Keep who it is, and for how long."""
        self.holder = holder
        self.lapses_ns = lapses_ns
        seconds = max(0, lapses_ns) / 1e9
        super().__init__(
            f"the engine `{holder}` runs on this store; its lease lapses in {seconds:.0f} s if it has died"
        )


class NotOwner(StoreError):
    """Another engine has taken the store over: nothing of this one is stored any more."""

    code = "engine-replaced"
    lasting = True


class StoreLocked(StoreError):
    """Another process writes the database, and goes on doing so."""

    code = "database-locked"


class StoreFull(StoreError):
    """There is no room left on the store's disk."""

    code = "disk-full"


class StoreCorrupt(StoreError):
    """What is stored cannot be read: the database is damaged."""

    code = "corrupt-database"
    lasting = True


class StoreTooNew(StoreError):
    """The data was written by a newer version of the platform."""

    code = "newer-database"
    lasting = True
