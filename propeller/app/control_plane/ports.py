"""The engine's ports as calls of the control plane: history, children, graphs, signals, cached results."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from typing_extensions import override

from flytelike.codec.cached_results import (
    claim_to_proto,
    entries_from_proto,
    entry_to_proto,
    key_to_proto,
    use_to_proto,
)
from flytelike.codec.closures import closure_from_proto
from flytelike.codec.failures import whole_failure_from_proto
from flytelike.codec.history import entry_to_proto as history_to_proto
from flytelike.codec.history import gap_from_proto
from flytelike.codec.ids import (
    execution_id_from_proto,
    execution_id_to_proto,
    identifier_to_proto,
    node_execution_id_to_proto,
)
from flytelike.codec.parse import parse
from flytelike.codec.tasks import task_template_to_proto
from flytelike.codec.types import literal_type_to_proto
from flytelike.model.caching import CacheEntry, CacheKey, CatalogUse, Claim, Reserved
from flytelike.model.closure import WorkflowClosure
from flytelike.model.graph import TaskTemplate
from flytelike.model.history import HistoryEntry, HistoryGap
from flytelike.model.ids import Digest, ExecutionId, Identifier, NodeExecutionId
from flytelike.model.phases import WorkflowPhase
from flytelike.storage import Store
from flytelike_idl.core import compiler_pb2
from flytelike_idl.service import propeller_pb2 as pb
from propeller.app.closures import StoredClosures
from propeller.app.control_plane.connection import CALL_S, ControlPlaneConnection, Refused
from propeller.app.control_plane.quotas import RemoteReports
from propeller.app.neighbours import Neighbours
from propeller.ports import ChildRefused, Children, ChildStatus, EventSink, GraphRefused
from propeller.ports_catalog import Catalog
from propeller.ports_signals import SignalRefused, Signals, SignalWanted

M = TypeVar("M", bound=Message)

COUNT_S = 2.0
BATCH_BYTES_MAX = 4 * 1024 * 1024
"""What one call carries of history or results; a single one may have more."""


def neighbours_of(connection: ControlPlaneConnection, store: Store) -> Neighbours:
    """Return the engine's neighbours in a control plane that is elsewhere; closures are read from `store`."""
    return Neighbours(
        sink=RemoteSink(connection),
        children=RemoteChildren(connection),
        closures=RemoteClosures(connection, store),
        signals=RemoteSignals(connection),
        catalog=RemoteCatalog(connection),
        reports=RemoteReports(connection),
    )


class RemoteSink(EventSink):
    """History told to the control plane: one call after another, so that it comes in order."""

    def __init__(self, connection: ControlPlaneConnection) -> None:
        """Tell through `connection`."""
        self._connection = connection

    @override
    async def record(self, batch: Sequence[HistoryEntry]) -> None:
        at = self._connection
        for entries in _bounded([history_to_proto(entry) for entry in batch]):
            request = pb.RecordHistoryRequest(entries=entries, looks_at_gaps=True)
            response = await at.call(at.stub.RecordHistory(request, timeout=CALL_S, metadata=at.metadata))
            if response.gaps:
                raise HistoryGap([gap_from_proto(gap) for gap in response.gaps])


class RemoteChildren(Children):
    """Executions that the control plane creates."""

    def __init__(self, connection: ControlPlaneConnection) -> None:
        """Ask through `connection`."""
        self._connection = connection

    @override
    async def start(
        self,
        parent: NodeExecutionId,
        attempt: int,
        launch_plan: Identifier,
        inputs_uri: str,
        earlier: ExecutionId | None = None,
        priority: int = 0,
    ) -> ExecutionId:
        at = self._connection
        request = pb.StartChildRequest(
            parent=node_execution_id_to_proto(parent),
            attempt=attempt,
            launch_plan=identifier_to_proto(launch_plan),
            inputs_uri=inputs_uri,
            earlier=None if earlier is None else execution_id_to_proto(earlier),
            priority=priority,
        )
        response = await at.call(at.stub.StartChild(request, timeout=CALL_S, metadata=at.metadata))
        if response.HasField("refused"):
            raise ChildRefused(whole_failure_from_proto(response.refused))
        return execution_id_from_proto(response.id)

    @override
    async def abort(self, child: ExecutionId, reason: str) -> None:
        at = self._connection
        request = pb.AbortChildRequest(id=execution_id_to_proto(child), reason=reason)
        await at.call(at.stub.AbortChild(request, timeout=CALL_S, metadata=at.metadata))

    @override
    async def phase(self, child: ExecutionId) -> ChildStatus:
        at = self._connection
        request = pb.GetChildRequest(id=execution_id_to_proto(child))
        response = await at.call(at.stub.GetChild(request, timeout=CALL_S, metadata=at.metadata))
        failure = whole_failure_from_proto(response.failure) if response.HasField("failure") else None
        return ChildStatus(WorkflowPhase(response.phase), response.output_uri, failure)


class RemoteClosures(StoredClosures):
    """Registered closures from the object store; graphs that tasks give, from the control plane."""

    def __init__(self, connection: ControlPlaneConnection, store: Store) -> None:
        """Read through `store`, compile through `connection`."""
        super().__init__(store)
        self._connection = connection

    @override
    async def compile(self, execution: ExecutionId, task: TaskTemplate, futures_uri: str) -> Digest:
        """Compile what a dynamic task gave. Raises GraphRefused, and what `ControlPlaneConnection.call` raises."""
        at = self._connection
        request = pb.CompileGraphRequest(
            execution=execution_id_to_proto(execution), task=task_template_to_proto(task), futures_uri=futures_uri
        )
        response = await at.call(at.stub.CompileGraph(request, timeout=CALL_S, metadata=at.metadata))
        if response.HasField("refused"):
            raise GraphRefused(whole_failure_from_proto(response.refused))
        return Digest(response.digest)

    @override
    async def graph(self, digest: Digest) -> WorkflowClosure:
        """Return the closure that `compile` kept. Raises KeyError when there is none."""
        found = self.kept(digest)
        if found is not None:
            return found
        at = self._connection
        try:
            request = pb.GetGraphRequest(digest=digest)
            response = await at.call(at.stub.GetGraph(request, timeout=CALL_S, metadata=at.metadata))
        except Refused as error:
            if error.code is grpc.StatusCode.NOT_FOUND:
                raise KeyError(f"the graph {digest} is gone") from None
            raise
        message = parse(compiler_pb2.CompiledWorkflowClosure, response.closure)
        return self.keep(digest, closure_from_proto(message))


class RemoteSignals(Signals):
    """Signals that the control plane keeps."""

    def __init__(self, connection: ControlPlaneConnection) -> None:
        """Ask through `connection`."""
        self._connection = connection

    @override
    async def wait(self, wanted: SignalWanted) -> bytes | None:
        at = self._connection
        request = pb.AwaitSignalRequest(
            execution=execution_id_to_proto(wanted.execution),
            signal=wanted.signal,
            type=literal_type_to_proto(wanted.type),
            path=wanted.path,
            approval=wanted.approval,
            since_ns=wanted.since_ns,
            until_ns=wanted.until_ns,
            inputs_uri=wanted.inputs_uri,
        )
        response = await at.call(at.stub.AwaitSignal(request, timeout=CALL_S, metadata=at.metadata))
        if response.HasField("refused"):
            raise SignalRefused(whole_failure_from_proto(response.refused))
        return response.value if response.HasField("value") else None


class RemoteCatalog(Catalog):
    """Cached results that the control plane keeps."""

    def __init__(self, connection: ControlPlaneConnection) -> None:
        """Ask through `connection`."""
        self._connection = connection

    @override
    async def lookup(self, keys: Mapping[str, CacheKey]) -> Mapping[str, CacheEntry]:
        if not keys:
            return {}
        at = self._connection
        found: dict[str, CacheEntry] = {}
        for some in _bounded([key_to_proto(key) for key in keys.values()]):
            request = pb.LookUpResultsRequest(keys=some)
            response = await at.call(at.stub.LookUpResults(request, timeout=CALL_S, metadata=at.metadata))
            found.update({entry.key.digest: entry for entry in entries_from_proto(response)})
        return found

    @override
    async def put(self, entry: CacheEntry) -> None:
        await self.put_many([entry])

    @override
    async def put_many(self, entries: Sequence[CacheEntry]) -> None:
        at = self._connection
        for some in _bounded([entry_to_proto(entry) for entry in entries]):
            request = pb.KeepResultsRequest(results=some)
            await at.call(at.stub.KeepResults(request, timeout=CALL_S, metadata=at.metadata))

    @override
    async def drop(self, digests: Collection[str], why: str) -> None:
        at = self._connection
        request = pb.DropResultsRequest(digests=digests, why=why)
        await at.call(at.stub.DropResults(request, timeout=CALL_S, metadata=at.metadata))

    @override
    async def reserve(self, claims: Sequence[Claim], lease_ns: int) -> Mapping[str, Reserved]:
        if not claims:
            return {}
        at = self._connection
        request = pb.ReserveWorkRequest(claims=map(claim_to_proto, claims), lease_ns=lease_ns)
        response = await at.call(at.stub.ReserveWork(request, timeout=CALL_S, metadata=at.metadata))
        return {one.digest: Reserved(one.holder, one.until_ns) for one in response.reserved}

    @override
    async def release(self, claims: Sequence[Claim]) -> None:
        if not claims:
            return
        at = self._connection
        request = pb.ReleaseWorkRequest(claims=map(claim_to_proto, claims))
        await at.call(at.stub.ReleaseWork(request, timeout=CALL_S, metadata=at.metadata))

    @override
    async def count(self, uses: Sequence[CatalogUse]) -> None:
        at = self._connection
        for some in _bounded(list(map(use_to_proto, uses))):
            request = pb.CountUsesRequest(uses=some)
            # Statistics are not worth waiting for: whoever answers slowly is not asked again.
            await at.call(at.stub.CountUses(request, timeout=COUNT_S, metadata=at.metadata))


def _bounded(messages: Sequence[M]) -> Iterator[list[M]]:
    """Yield messages in lists of at most `BATCH_BYTES_MAX` bytes, or of one."""
    batch: list[M] = []
    size = 0
    for message in messages:
        length = message.ByteSize()
        if batch and size + length > BATCH_BYTES_MAX:
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    if batch:
        yield batch
