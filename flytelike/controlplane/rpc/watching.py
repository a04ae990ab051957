"""WatchService: streams of executions and of what attempts print."""

from collections.abc import AsyncIterator

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import not_found
from flytelike.controlplane.ports import LogNotFound
from flytelike.controlplane.rpc.requests import attempt_of, execution_of
from flytelike_idl.service import watch_pb2


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
        await self._reading.attempt_row(attempt.node, attempt.attempt)
        offset = request.offset
        try:
            async for data in self._logs.read(attempt, offset, follow=request.follow):
                offset += len(data)
                yield watch_pb2.StreamTaskLogsResponse(data=data, next_offset=offset)
        except LogNotFound:
            raise not_found("log", f"of {attempt.node.execution}/{attempt.node.path}/{attempt.attempt}") from None
