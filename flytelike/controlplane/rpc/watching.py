"""WatchService: streams of executions and of what attempts print."""

from collections.abc import AsyncIterator

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import not_found
from flytelike.controlplane.messages import element_message
from flytelike.controlplane.ports import LogNotFound
from flytelike.controlplane.rpc.requests import attempt_of, execution_of, node_of
from flytelike_idl.service import watch_pb2

ELEMENTS_MAX = 1_000
"""How many elements of an array one answer tells of."""


class WatchServicer:
    """The RPCs of watching."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._watch = plane.watch
        self._reading = plane.reading
        self._logs = plane.logs

    async def watch_execution(
        self, request: watch_pb2.WatchExecutionRequest
    ) -> AsyncIterator[watch_pb2.WatchExecutionResponse]:
        """Stream an execution until it ends."""
        async for update in self._watch.execution(execution_of(request.id), attempts=request.include_task_executions):
            yield update

    async def stream_task_logs(
        self, request: watch_pb2.StreamTaskLogsRequest
    ) -> AsyncIterator[watch_pb2.StreamTaskLogsResponse]:
        """Stream what an attempt printed."""
        attempt = attempt_of(request.id)
        await self._reading.has_printed(attempt)
        offset = request.offset
        try:
            async for data in self._logs.read(attempt, offset, follow=request.follow):
                offset += len(data)
                yield watch_pb2.StreamTaskLogsResponse(data=data, next_offset=offset)
        except LogNotFound:
            raise not_found("log", f"of {attempt.node.execution}/{attempt.node.path}/{attempt.attempt}") from None

    async def list_elements(self, request: watch_pb2.ListElementsRequest) -> watch_pb2.ListElementsResponse:
        """Return a page of an array's elements."""
        limit = min(request.limit or ELEMENTS_MAX, ELEMENTS_MAX)
        found = await self._reading.elements(node_of(request.id), request.first, limit, only_failed=request.only_failed)
        following = found[-1].element + 1 if len(found) == limit else 0
        return watch_pb2.ListElementsResponse(elements=[element_message(row) for row in found], next=following)
