"""SignalService."""

from flytelike.controlplane.access.caller import caller
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.listing import next_token
from flytelike.controlplane.rpc.requests import execution_of, list_query
from flytelike_idl.admin import signal_pb2


class SignalServicer:
    """The RPCs of signals."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._signals = plane.signals
        self._rows_max = plane.settings.limits.list_rows

    async def get_or_create_signal(self, request: signal_pb2.SignalGetOrCreateRequest) -> signal_pb2.Signal:
        """Return a signal, made if it is not there."""
        execution = execution_of(request.id.execution_id)
        return await self._signals.get_or_create(execution, request.id.signal_id, request.type)

    async def list_signals(self, request: signal_pb2.SignalListRequest) -> signal_pb2.SignalList:
        """Return a page of an execution's signals."""
        query = list_query(request, self._rows_max)
        found = await self._signals.page(execution_of(request.workflow_execution_id), query)
        return signal_pb2.SignalList(signals=found, token=next_token(query, len(found)))

    async def set_signal(self, request: signal_pb2.SignalSetRequest) -> signal_pb2.SignalSetResponse:
        """Give a signal its value."""
        execution = execution_of(request.id.execution_id)
        await self._signals.give(execution, request.id.signal_id, request.value, caller().user)
        return signal_pb2.SignalSetResponse()
