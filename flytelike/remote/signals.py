"""Signals: what an execution's gates wait for, and giving it."""

from flytelike.codec.ids import execution_id_to_proto
from flytelike.codec.literals import literal_to_proto
from flytelike.model.ids import ExecutionId
from flytelike.model.literals import Literal
from flytelike.remote.client import Client
from flytelike_idl.admin import common_pb2, signal_pb2
from flytelike_idl.core import identifier_pb2


async def signals(client: Client, execution: ExecutionId) -> list[signal_pb2.Signal]:
    """Return the execution's signals, oldest first, each with the gates that wait for it now."""
    found: list[signal_pb2.Signal] = []
    token = ""
    while True:
        page = await client.call(
            client.signal.ListSignals(
                signal_pb2.SignalListRequest(
                    workflow_execution_id=execution_id_to_proto(execution),
                    limit=100,
                    token=token,
                    sort_by=common_pb2.Sort(key="created_at", direction=common_pb2.Sort.ASCENDING),
                )
            )
        )
        found.extend(page.signals)
        token = page.token
        if not token:
            return found


async def give(client: Client, execution: ExecutionId, signal: str, value: Literal) -> None:
    """Give a signal its value."""
    identifier = identifier_pb2.SignalIdentifier(signal_id=signal, execution_id=execution_id_to_proto(execution))
    await client.call(
        client.signal.SetSignal(signal_pb2.SignalSetRequest(id=identifier, value=literal_to_proto(value)))
    )
