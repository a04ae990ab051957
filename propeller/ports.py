"""What the engine needs from the world. Each port has one contract suite that every adapter passes.

All methods are coroutines; adapters that block use threads of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from flytelike.model.closure import WorkflowClosure
from flytelike.model.failure import Failure
from flytelike.model.graph import TaskTemplate
from flytelike.model.history import HistoryEntry
from flytelike.model.ids import Digest, ExecutionId, Identifier, NodeExecutionId, NodePath
from flytelike.model.phases import WorkflowPhase


@dataclass(frozen=True, slots=True)
class AttemptKey:
    """Names one attempt for an executor; the same key is always the same attempt."""

    execution: ExecutionId
    path: NodePath
    attempt: int


@dataclass(frozen=True, slots=True)
class AttemptSpec:
    """One attempt, ready to run: inputs are stored, paths are decided.

    `inputs_uri` is the file `inputs.pb`; `output_prefix` the folder for `outputs.pb` and
    `error.pb`; `raw_output_prefix` the folder for the data the task writes; all as in Flyte's
    task contract. `deadline_ns` is the length a run may take, counted from its start; 0 for none.
    """

    key: AttemptKey
    task: TaskTemplate
    inputs_uri: str
    output_prefix: str
    raw_output_prefix: str
    checkpoint_prefix: str = ""
    previous_checkpoint_prefix: str = ""
    deadline_ns: int = 0
    interruptible: bool = False
    env: Mapping[str, str] = field(default_factory=dict)


class AttemptListener(Protocol):
    """Told by an executor how attempts go. May be called again with the same news.

    Called on the engine's event loop; returns at once.
    """

    def running(self, key: AttemptKey, at_ns: int) -> None:
        """Tell that the attempt's process began its work."""

    def succeeded(self, key: AttemptKey, at_ns: int) -> None:
        """Tell that the attempt ended and `outputs.pb` is stored durably (if it has outputs)."""

    def failed(self, key: AttemptKey, at_ns: int, failure: Failure) -> None:
        """Tell that the attempt ended badly, or could not be started."""


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

    async def close(self) -> None:
        """Stop all work and release everything. Running attempts are lost, not failed."""


class EventSink(Protocol):
    """Is told the history of executions."""

    async def record(self, batch: Sequence[HistoryEntry]) -> None:
        """Take the records over durably. Those seen before (by `sequence`) are ignored."""


class Children(Protocol):
    """Starts and stops executions for launch-plan nodes (the control plane does it)."""

    async def start(
        self, parent: NodeExecutionId, attempt: int, launch_plan: Identifier, inputs_uri: str
    ) -> ExecutionId:
        """Create the child, or return the one created before for the same parent and attempt.

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
    """Gives compiled closures by uri; remembers recent ones."""

    async def get(self, uri: str, digest: Digest) -> WorkflowClosure:
        """Return the closure. Raises `KeyError` when there is none at `uri`."""


class Clock(Protocol):
    """Time, so that tests can set it."""

    def now_ns(self) -> int:
        """Return nanoseconds since 1970."""
