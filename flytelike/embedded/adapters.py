"""One house's doors on the other's ports."""

from collections.abc import AsyncIterator, Sequence

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Refusal, Status, refusal
from flytelike.controlplane.ports import LogNotFound
from flytelike.controlplane.signals import Reached
from flytelike.model.failure import Failure, Fault
from flytelike.model.ids import ExecutionId, Identifier, NodeExecutionId, TaskExecutionId
from flytelike.model.launch import LaunchRequest
from flytelike.model.queued import Queued
from flytelike.model.trouble import EXPECTED, Trouble
from propeller.engine import Engine
from propeller.executors.process import AttemptLogs
from propeller.ports import AttemptKey, ChildRefused, ChildStatus, StoreError
from propeller.ports_signals import SignalRefused, SignalWanted


class LaunchedByEngine:
    """The control plane's launcher: the engine in this process."""

    def __init__(self) -> None:
        """Wait for `connect`."""
        self._engine: Engine | None = None

    def connect(self, engine: Engine) -> None:
        """Give the engine, which itself needs the control plane first."""
        self._engine = engine

    async def launch(self, request: LaunchRequest) -> None:
        """Hand the execution to the engine."""
        assert self._engine is not None, "the platform was composed"
        try:
            await self._engine.submit(request)
        except StoreError as error:
            raise refusal(Status.UNAVAILABLE, error.code, error.message) from error

    async def abort(self, execution: ExecutionId, cause: str, principal: str) -> None:
        """Ask the engine to end the execution."""
        assert self._engine is not None, "the platform was composed"
        await self._engine.abort(execution, cause, principal)

    def troubles(self) -> Sequence[Trouble]:
        """Return what the engine waits for that is not as it should be."""
        assert self._engine is not None, "the platform was composed"
        return [trouble for trouble in self._engine.troubles if trouble.code not in EXPECTED]

    async def queued(self, execution: ExecutionId) -> Sequence[Queued]:
        """Return what of an execution waits for a worker."""
        assert self._engine is not None, "the platform was composed"
        return await self._engine.queued(execution)

    async def signalled(self, execution: ExecutionId, signal: str) -> None:
        """Tell the engine that a signal was given."""
        assert self._engine is not None, "the platform was composed"
        await self._engine.signalled(execution, signal)


class SignalsOfPlane:
    """The engine's signals: what clients give through the control plane."""

    def __init__(self, plane: ControlPlane) -> None:
        """Keep them in `plane`."""
        self._plane = plane

    async def wait(self, wanted: SignalWanted) -> bytes | None:
        """Let the signal exist; raises SignalRefused."""
        reached = Reached(
            wanted.execution,
            wanted.signal,
            wanted.type,
            wanted.path,
            wanted.approval,
            wanted.since_ns,
            wanted.until_ns,
        )
        try:
            return await self._plane.signals.reach(reached)
        except Refusal as error:
            if error.status not in {Status.NOT_FOUND, Status.FAILED_PRECONDITION}:
                raise  # The database's trouble: it is tried again.
            told = "; ".join(found.headline for found in error.diagnostics)
            raise SignalRefused(Failure("SignalRefused", told, Fault.USER, retryable=False)) from error


class LogsOfWorkers:
    """The control plane's log reader: what the process executor captures."""

    def __init__(self) -> None:
        """Wait for `connect`."""
        self._logs: AttemptLogs | None = None

    def connect(self, logs: AttemptLogs) -> None:
        """Give the executor's logs."""
        self._logs = logs

    async def read(self, attempt: TaskExecutionId, offset: int, *, follow: bool) -> AsyncIterator[bytes]:
        """Yield what an attempt printed."""
        if self._logs is None:
            raise LogNotFound(str(attempt.node.path))
        key = AttemptKey(attempt.node.execution, attempt.node.path, attempt.attempt)
        async for data, _ in self._logs.stream(key, offset, follow=follow):
            yield data


class ChildrenOfPlane:
    """The engine's children: executions that the control plane creates."""

    def __init__(self, plane: ControlPlane) -> None:
        """Create through `plane`."""
        self._plane = plane

    async def start(
        self,
        parent: NodeExecutionId,
        attempt: int,
        launch_plan: Identifier,
        inputs_uri: str,
        earlier: ExecutionId | None = None,
        priority: int = 0,
    ) -> ExecutionId:
        """Create the child; raises ChildRefused."""
        try:
            return await self._plane.children.start_child(parent, attempt, launch_plan, inputs_uri, earlier, priority)
        except Refusal as error:
            if error.passing:
                raise  # The machine's trouble: it is tried again.
            told = "; ".join(found.headline for found in error.diagnostics)
            raise ChildRefused(Failure("ChildRefused", told, Fault.USER, retryable=False)) from error

    async def abort(self, child: ExecutionId, reason: str) -> None:
        """Ask the child to end."""
        await self._plane.children.abort_child(child, reason)

    async def phase(self, child: ExecutionId) -> ChildStatus:
        """Return how the child goes."""
        state = await self._plane.children.child_status(child)
        return ChildStatus(state.phase, state.output_uri, state.failure)
