"""One house's doors on the other's ports."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Refusal, Status, refusal
from flytelike.controlplane.ports import LogNotFound
from flytelike.controlplane.signals import Reached
from flytelike.model.failure import Failure, Fault
from flytelike.model.ids import ExecutionId, Identifier, NodeExecutionId, TaskExecutionId
from flytelike.model.launch import LaunchRequest
from flytelike.model.trouble import Trouble
from flytelike.storage import Contents, InvalidUri, NotFound, OutOfSpace, StorageError, Store
from propeller.engine import Engine
from propeller.executors.process import AttemptLogs
from propeller.ports import AttemptKey, BlobsFull, BlobsUnavailable, ChildRefused, ChildStatus, StoreError
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
        """Return what the engine waits for."""
        assert self._engine is not None, "the platform was composed"
        return self._engine.troubles

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


@dataclass(slots=True, eq=False)
class _Packing:
    """Documents that go into one pack, and who waits for them."""

    documents: dict[str, bytes] = field(default_factory=dict)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


class BlobsOnStore:
    """The engine's blobs in the object store."""

    def __init__(self, store: Store) -> None:
        """Read and write through `store`."""
        self._store = store
        self._contents = Contents(store)
        self._packing: dict[str, _Packing] = {}

    async def digests(self, uris: Collection[str]) -> Mapping[str, str]:
        """Return the digests of what is there."""

        def digests() -> dict[str, str]:
            found = {}
            for uri in uris:
                with contextlib.suppress(InvalidUri):  # no place of this store's
                    digest = self._contents.digest(uri)
                    if digest is not None:
                        found[uri] = str(digest)
            return found

        try:
            return await asyncio.to_thread(digests)
        except StorageError as error:
            raise _unavailable(error) from error

    async def read(self, uri: str) -> bytes:
        """Return an object's bytes."""
        try:
            return await self._store.get_async(uri)
        except NotFound:
            raise KeyError(uri) from None
        except StorageError as error:
            raise _unavailable(error) from error

    async def write(self, uri: str, data: bytes) -> None:
        """Store bytes, not synced yet."""
        try:
            await self._store.put_async(uri, data, durable=False)
        except StorageError as error:
            raise _unavailable(error) from error

    async def pack(self, folder: str, documents: Mapping[str, bytes]) -> None:
        """Store small objects together, not synced yet; those that come in one turn of the event loop go together."""
        loop = asyncio.get_running_loop()
        packing = self._packing.get(folder)
        if packing is None:
            packing = self._packing[folder] = _Packing()
            packing.task = loop.create_task(self._pack(folder, packing), name="blobs_pack")
        stored: asyncio.Future[None] = loop.create_future()
        packing.documents.update(documents)
        packing.waiting.append(stored)
        await stored

    async def _pack(self, folder: str, packing: "_Packing") -> None:
        del self._packing[folder]
        fault: BlobsUnavailable | None = None
        try:
            await self._store.pack_async(folder, packing.documents)
        except StorageError as error:
            fault = _unavailable(error)
        for stored in packing.waiting:
            if stored.done():
                continue  # who asked was cancelled
            if fault is None:
                stored.set_result(None)
            else:
                stored.set_exception(fault)

    async def sizes(self, uris: Collection[str]) -> Mapping[str, int]:
        """Return the bytes of what is there."""
        try:
            return await self._store.measure_async(uris)
        except StorageError as error:
            raise _unavailable(error) from error

    async def sync(self, uri: str) -> None:
        """Make an object survive a power cut."""
        try:
            await self._store.sync_async(uri)
        except NotFound:
            raise KeyError(uri) from None
        except StorageError as error:
            raise _unavailable(error) from error

    async def sync_all(self, uris: Collection[str]) -> None:
        """Make objects survive a power cut, as far as they are there."""
        try:
            await self._store.sync_all_async(uris)
        except StorageError as error:
            raise _unavailable(error) from error


def _unavailable(error: StorageError) -> BlobsUnavailable:
    """Return what an error of the object store means to the engine."""
    return BlobsFull(str(error)) if isinstance(error, OutOfSpace) else BlobsUnavailable(str(error))


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


@dataclass(frozen=True, slots=True)
class LoopAlarm:
    """A call that the event loop will make."""

    handle: asyncio.TimerHandle

    def cancel(self) -> None:
        """Forget the call."""
        self.handle.cancel()


class LoopClock:
    """The machine's clock and the event loop's timers."""

    def now_ns(self) -> int:
        """Return nanoseconds since 1970."""
        return time.time_ns()

    def call_at(self, due_ns: int, callback: Callable[[], None]) -> LoopAlarm:
        """Call back once the time has come."""
        delay_s = max(0.0, (due_ns - time.time_ns()) / 1e9)
        return LoopAlarm(asyncio.get_running_loop().call_later(delay_s, callback))
