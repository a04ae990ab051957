"""What eager tasks call: executions that outlive the attempt which asked for them, but not its node."""

from collections.abc import AsyncIterator
from dataclasses import replace

from sqlalchemy import Connection

from flytelike.codec.literals import literal_map_from_proto
from flytelike.codec.nodes import node_from_proto
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Faults, Refusal, Status, invalid, refusal
from flytelike.controlplane.executions import Executions, Parent, Wanted, found
from flytelike.controlplane.naming import check_execution_name, check_identifier, sent_identifier
from flytelike.controlplane.notifier import Notifier
from flytelike.controlplane.repository.calls import CallRow, list_calls
from flytelike.controlplane.repository.executions import find_node
from flytelike.controlplane.repository.rows import ExecutionRow
from flytelike.controlplane.runnable import inherit
from flytelike.model.graph import TaskTarget
from flytelike.model.ids import ExecutionId, NodeExecutionId, ResourceKind
from flytelike.model.phases import NodePhase, WorkflowPhase
from flytelike_idl.admin import execution_pb2
from flytelike_idl.core import execution_pb2 as core_execution_pb2
from flytelike_idl.service import calls_pb2

LABEL = "eager-exec"
"""The label of an execution that an eager task called (Flyte's); its value is the name of the caller's."""


class Calls:
    """The use cases of calls."""

    def __init__(self, executions: Executions, database: Database, notifier: Notifier, depth_max: int) -> None:
        """Create through `executions`; calls may lie `depth_max` deep."""
        self._executions = executions
        self._database = database
        self._notifier = notifier
        self._depth_max = depth_max

    async def start(self, caller: NodeExecutionId, request: calls_pb2.StartCallRequest) -> ExecutionId:
        """Create the execution of a call, or return the one created before.

        Raises:
            Refusal: The caller has ended, the call is not acceptable, or calls lie too deep.
        """
        faults = Faults()
        check_execution_name(request.name, faults)
        target = sent_identifier(request.target)
        kind = ResourceKind.TASK if target.kind is ResourceKind.TASK else ResourceKind.LAUNCH_PLAN
        check_identifier(target, kind, faults)
        faults.check()
        above = await self._database.read(lambda connection: _open_caller(connection, caller))
        if above.depth >= self._depth_max:
            raise invalid(
                "launch-plans-too-deep",
                f"calls and launch plans start each other more than {self._depth_max} deep",
                "look for a task or workflow that starts itself without an end; "
                "where it has one, let a loop call, or give each call more of the work",
            )
        spec = execution_pb2.ExecutionSpec()
        inherit(spec, execution_pb2.ExecutionSpec.FromString(above.spec))
        spec.labels.values[LABEL] = caller.execution.name
        changes = node_from_proto(request.changes) if request.HasField("changes") else None
        if changes is not None and not isinstance(changes.target, TaskTarget):
            raise invalid("task-only-option", f"policies of {target} cannot be changed: it is no task")
        call = ExecutionId(above.project, above.domain, request.name)
        wanted = Wanted(
            call,
            replace(target, kind=kind),
            spec,
            literal_map_from_proto(request.inputs),
            above.user,
            Parent(caller, 0, above.depth + 1, eager=True),
            changes=changes,
        )
        try:
            return await self._executions.start(wanted)
        except Refusal as error:
            if error.status is Status.ALREADY_EXISTS and await self._is_of(call, caller):
                return call
            raise

    async def watch(self, caller: NodeExecutionId) -> AsyncIterator[calls_pb2.WatchCallsResponse]:
        """Yield the calls of a node, then each that ends.

        Raises:
            Refusal: NOT_FOUND, or UNAVAILABLE when the server goes down meanwhile.
        """
        told: dict[str, int] = {}
        first = True
        with self._notifier.watching(caller.execution) as woken:
            while True:
                woken.clear()
                rows = await self._database.read(lambda connection: _calls(connection, caller))
                news = [row for row in rows if told.get(row.name) != row.phase]
                if news or first:
                    yield calls_pb2.WatchCallsResponse(calls=[_state(row) for row in news])
                first = False
                told.update((row.name, row.phase) for row in news)
                if self._notifier.closed:
                    raise refusal(Status.UNAVAILABLE, "shutting-down", "the server is going down")
                await woken.wait()

    async def _is_of(self, call: ExecutionId, caller: NodeExecutionId) -> bool:
        row = await self._executions.row(call)
        return row.eager and (row.parent_name, row.parent_path) == (caller.execution.name, caller.path)


def _open_caller(connection: Connection, caller: NodeExecutionId) -> ExecutionRow:
    """Return the execution of a caller that has not ended. A node may not be recorded yet."""
    row = found(connection, caller.execution)
    node = find_node(connection, row.id, caller.path)
    phase = WorkflowPhase(row.phase)
    if phase.terminal or phase is WorkflowPhase.ABORTING or (node and NodePhase(node.phase).terminal):
        raise refusal(
            Status.FAILED_PRECONDITION, "execution-ended", f"the caller {caller.execution}/{caller.path} has ended"
        )
    return row


def _calls(connection: Connection, caller: NodeExecutionId) -> list[CallRow]:
    found(connection, caller.execution)
    return list_calls(connection, caller)


def _state(row: CallRow) -> calls_pb2.CallState:
    out = calls_pb2.CallState(name=row.name, output_uri=row.outputs_uri, abort_cause=row.abort_cause)
    out.phase = row.phase  # type: ignore[assignment] # the values are the same
    if row.error is not None:
        out.error.CopyFrom(core_execution_pb2.ExecutionError.FromString(row.error))
    return out
