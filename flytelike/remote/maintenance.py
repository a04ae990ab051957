"""Maintenance: collecting what nobody needs any more."""

from collections.abc import AsyncIterator, Sequence

from flytelike.codec.ids import execution_id_to_proto
from flytelike.model.ids import ExecutionId
from flytelike.remote.client import Client
from flytelike.remote.errors import RemoteError
from flytelike_idl.service import maintenance_pb2 as pb


async def collect(
    client: Client,
    rules: Sequence[pb.RetentionRule] = (),
    executions: Sequence[ExecutionId] = (),
    *,
    dry_run: bool = False,
) -> AsyncIterator[pb.CollectGarbageResponse]:
    """Collect by rules (with none, those of the platform's owner), or these executions alone; yield how it goes."""
    request = pb.CollectGarbageRequest(
        rules=rules, executions=[execution_id_to_proto(execution) for execution in executions], dry_run=dry_run
    )
    async for told in client.stream(client.maintenance.CollectGarbage(request)):
        yield told


async def troubles(client: Client, execution: ExecutionId | None = None) -> Sequence[pb.Trouble]:
    """Return what an execution waits for that is no fault of its own; without one, what the whole platform does."""
    request = pb.ListTroublesRequest(id=None if execution is None else execution_id_to_proto(execution))
    try:
        return (await client.call(client.maintenance.ListTroubles(request))).troubles
    except RemoteError as error:
        if error.status == "UNIMPLEMENTED":  # Flyte's own servers don't tell.
            return ()
        raise


async def queued(client: Client, execution: ExecutionId) -> Sequence[pb.QueuedAttempt]:
    """Return what of an execution waits for a worker, with its place in line."""
    request = pb.ListQueuedRequest(id=execution_id_to_proto(execution))
    try:
        return (await client.call(client.maintenance.ListQueued(request))).attempts
    except RemoteError as error:
        if error.status == "UNIMPLEMENTED":  # Flyte's own servers don't tell.
            return ()
        raise


async def retention(client: Client) -> pb.GetRetentionResponse:
    """Return what the platform's owner has decided."""
    return await client.call(client.maintenance.GetRetention(pb.GetRetentionRequest()))
