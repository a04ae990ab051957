"""Executions made from an earlier one: what succeeded there is taken over, the rest runs."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from flytelike.codec.closures import closure_from_proto
from flytelike.codec.ids import execution_id_to_proto, identifier_from_proto
from flytelike.codec.literals import literal_map_from_proto
from flytelike.codec.parse import parse
from flytelike.codec.value_digest import value_digest
from flytelike.compiler.recovery import plan_recovery
from flytelike.controlplane.earlier import earlier_of
from flytelike.controlplane.errors import Faults, Status, refusal
from flytelike.controlplane.executions import Checked, Executions, Tools, Wanted, found
from flytelike.controlplane.launching import launch_request
from flytelike.controlplane.messages import execution_id
from flytelike.controlplane.naming import check_execution_name, generated_execution_name
from flytelike.controlplane.repository.executions import all_nodes, find_execution, last_attempts
from flytelike.controlplane.repository.rows import ExecutionRow
from flytelike.model.closure import WorkflowClosure
from flytelike.model.earlier import Earlier
from flytelike.model.ids import ExecutionId
from flytelike.model.literals import LiteralMap
from flytelike.model.phases import WorkflowPhase
from flytelike.model.recovery import RecoveryPlan
from flytelike.storage import NotFound
from flytelike_idl.admin import execution_pb2
from flytelike_idl.core import compiler_pb2, literals_pb2


@dataclass(frozen=True, slots=True)
class Planned:
    """An execution that may be created from an earlier one, and what becomes of its nodes."""

    checked: Checked
    plan: RecoveryPlan


class Recovery:
    """The use cases of executions that go on where others stopped."""

    def __init__(self, tools: Tools, executions: Executions) -> None:
        """Create through `executions`."""
        self._database = tools.database
        self._store = tools.store
        self._settings = tools.settings
        self._executions = executions

    async def recover(self, request: execution_pb2.ExecutionRecoverRequest, principal: str) -> ExecutionId:
        """Create an execution of the same version with the same inputs that takes over what succeeded.

        Raises:
            Refusal: NOT_FOUND; FAILED_PRECONDITION while the earlier execution runs; as `Executions.start`.
        """
        earlier = ExecutionId(request.id.project, request.id.domain, request.id.name)
        planned = await self.planned(earlier, request.name, principal)
        return await self._executions.launch(planned.checked, planned.plan.reuse)

    async def start_child(self, wanted: Wanted, earlier: ExecutionId) -> ExecutionId:
        """Create a child that takes over what serves of the child of an earlier parent. Raises as `Executions.start`.

        Where that one is gone, or still runs since nobody waited for its end, the child starts afresh.
        """
        row = await self._ended(earlier)
        if row is None:
            return await self._executions.start(wanted)
        wanted.spec.metadata.reference_execution.CopyFrom(execution_id_to_proto(earlier))
        checked = await self._executions.check(replace(wanted, reference=earlier))
        planned = await self._plan(checked, row, await self._inputs(row))
        return await self._executions.launch(checked, planned.plan.reuse)

    async def _ended(self, execution: ExecutionId) -> ExecutionRow | None:
        row = await self._database.read(lambda connection: find_execution(connection, execution))
        return row if row is not None and WorkflowPhase(row.phase).terminal else None

    async def planned(self, execution: ExecutionId, name: str, principal: str) -> Planned:
        """Plan an execution of the same version with the same inputs."""
        row = await self._executions.row(execution)
        check_ended(row)
        faults = Faults()
        name = name or generated_execution_name()
        check_execution_name(name, faults)
        faults.check()
        spec = execution_pb2.ExecutionSpec.FromString(row.spec)
        spec.metadata.Clear()
        spec.metadata.mode = execution_pb2.ExecutionMetadata.RECOVERED
        spec.metadata.reference_execution.CopyFrom(execution_id_to_proto(execution))
        target = identifier_from_proto(spec.launch_plan)
        inputs = await self._inputs(row)
        wanted = Wanted(
            replace(execution, name=name), target, spec, inputs, principal, replayed=True, reference=execution
        )
        return await self._plan(await self._executions.check(wanted), row, inputs)

    async def _plan(self, checked: Checked, row: ExecutionRow, old_inputs: LiteralMap) -> Planned:
        old = await self._closure(row.closure_uri)
        new = await self._closure(checked.runnable.row.closure_uri)
        earlier = await self._earlier(row)
        plan = plan_recovery(old, new, earlier, changed_inputs(old_inputs, checked.inputs))
        return Planned(checked, plan)

    async def _earlier(self, row: ExecutionRow) -> Earlier:
        raw_prefix = launch_request(row, self._settings).raw_output_prefix

        def look(connection: Connection) -> Earlier:
            current = found(connection, execution_id(row))
            return earlier_of(
                current, raw_prefix, all_nodes(connection, current.id), last_attempts(connection, current.id)
            )

        return await self._database.read(look)

    async def _closure(self, uri: str) -> WorkflowClosure:
        data = await self._store.get_async(uri)
        return closure_from_proto(parse(compiler_pb2.CompiledWorkflowClosure, data))

    async def _inputs(self, row: ExecutionRow) -> LiteralMap:
        try:
            data = await self._store.get_async(row.inputs_uri)
        except NotFound:
            raise refusal(
                Status.FAILED_PRECONDITION, "unknown-data", f"the inputs of {execution_id(row)} are gone"
            ) from None
        return literal_map_from_proto(parse(literals_pb2.LiteralMap, data))


def check_ended(row: ExecutionRow) -> None:
    """Refuse an execution that still goes on: what it is about to give would be lost."""
    if not WorkflowPhase(row.phase).terminal:
        raise refusal(
            Status.FAILED_PRECONDITION,
            "execution-running",
            f"the execution {execution_id(row)} still runs",
            "wait for its end, or abort it first",
        )


def changed_inputs(old: LiteralMap, new: LiteralMap) -> frozenset[str]:
    """Return the names of inputs that are not the same values in both."""
    names = old.keys() | new.keys()
    return frozenset(
        name
        for name in names
        if name not in old or name not in new or value_digest(old[name]) != value_digest(new[name])
    )
