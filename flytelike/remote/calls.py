"""Calls of eager tasks: start one, and be told how they go."""

from collections.abc import AsyncIterator

from flytelike.codec.ids import execution_id_from_proto, identifier_to_proto, node_execution_id_to_proto
from flytelike.codec.literals import literal_map_to_proto
from flytelike.codec.nodes import node_to_proto
from flytelike.model.graph import Node
from flytelike.model.ids import ExecutionId, Identifier, NodeExecutionId
from flytelike.model.literals import LiteralMap
from flytelike.remote.client import Client
from flytelike_idl.service import calls_pb2


async def start(
    client: Client, caller: NodeExecutionId, name: str, target: Identifier, inputs: LiteralMap, changes: Node | None
) -> ExecutionId:
    """Start the execution of a call and return its id; known ones are not started twice.

    Args:
        client: The connection.
        caller: The node whose task calls.
        name: The name of the execution.
        target: A task or a launch plan.
        inputs: Its inputs.
        changes: A node that runs the task under other policies.
    """
    request = calls_pb2.StartCallRequest(
        caller=node_execution_id_to_proto(caller),
        name=name,
        target=identifier_to_proto(target),
        inputs=literal_map_to_proto(inputs),
        changes=None if changes is None else node_to_proto(changes),
    )
    return execution_id_from_proto((await client.call(client.calls.StartCall(request))).id)


async def watch(client: Client, caller: NodeExecutionId) -> AsyncIterator[calls_pb2.WatchCallsResponse]:
    """Yield the calls of a node, then each that ends."""
    request = calls_pb2.WatchCallsRequest(caller=node_execution_id_to_proto(caller))
    async for update in client.stream(client.calls.WatchCalls(request)):
        yield update
