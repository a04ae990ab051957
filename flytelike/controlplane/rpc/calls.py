"""CallService: what eager tasks ask for while they run."""

from collections.abc import AsyncIterator

from flytelike.codec.ids import execution_id_to_proto
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.rpc.requests import node_of
from flytelike_idl.service import calls_pb2


class CallServicer:
    """The RPCs of calls."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._calls = plane.calls

    async def start_call(self, request: calls_pb2.StartCallRequest) -> calls_pb2.StartCallResponse:
        """Start the execution of a call."""
        call = await self._calls.start(node_of(request.caller), request)
        return calls_pb2.StartCallResponse(id=execution_id_to_proto(call))

    async def watch_calls(self, request: calls_pb2.WatchCallsRequest) -> AsyncIterator[calls_pb2.WatchCallsResponse]:
        """Stream how the calls of a node go."""
        async for update in self._calls.watch(node_of(request.caller)):
            yield update
