"""Executions that launch-plan nodes start: one for each attempt of the node, however often it is asked for."""

from dataclasses import dataclass

from flytelike.codec.failures import failure_from_proto
from flytelike.codec.literals import literal_map_from_proto
from flytelike.codec.parse import parse
from flytelike.codec.priority import fill_priority
from flytelike.controlplane.errors import Refusal, Status, invalid, not_found
from flytelike.controlplane.executions import Executions, Parent, Wanted
from flytelike.controlplane.naming import child_execution_name
from flytelike.controlplane.recovery import Recovery
from flytelike.controlplane.runnable import inherit
from flytelike.model.failure import Failure
from flytelike.model.ids import ExecutionId, Identifier, NodeExecutionId
from flytelike.model.phases import WorkflowPhase
from flytelike.storage import NotFound, Store
from flytelike_idl.admin import execution_pb2
from flytelike_idl.core import execution_pb2 as core_execution_pb2
from flytelike_idl.core import literals_pb2

PRINCIPAL = "propeller"
"""Who ends a child whose parent ends."""


@dataclass(frozen=True, slots=True)
class ChildState:
    """How a child goes; `output_uri` is set once it succeeded, `failure` once it failed."""

    phase: WorkflowPhase
    output_uri: str = ""
    failure: Failure | None = None


class Children:
    """Starts children and tells how they go."""

    def __init__(self, executions: Executions, recovery: Recovery, store: Store, depth_max: int) -> None:
        """Create through `executions` and `recovery`; children may lie `depth_max` deep."""
        self._executions = executions
        self._recovery = recovery
        self._store = store
        self._depth_max = depth_max

    async def start_child(
        self,
        parent: NodeExecutionId,
        attempt: int,
        launch_plan: Identifier,
        inputs_uri: str,
        earlier: ExecutionId | None = None,
        priority: int = 0,
    ) -> ExecutionId:
        """Create the child of a node's attempt, or return the one created before.

        The child gets the options of its parent (labels, environment, where data goes, ...) and `priority`.
        With `earlier` it takes over what serves of that execution.

        Raises:
            Refusal: the launch plan or its inputs are not acceptable, or children lie too deep.
        """
        above = await self._executions.row(parent.execution)
        if above.depth >= self._depth_max:
            raise invalid(
                "launch-plans-too-deep",
                f"launch plans start each other more than {self._depth_max} deep",
                "look for a workflow that starts itself",
            )
        spec = execution_pb2.ExecutionSpec()
        inherit(spec, execution_pb2.ExecutionSpec.FromString(above.spec))
        fill_priority(priority, spec.quality_of_service)
        try:
            stored = parse(literals_pb2.LiteralMap, await self._store.get_async(inputs_uri))
        except NotFound:
            raise not_found("data", f"at {inputs_uri}") from None
        child = ExecutionId(above.project, above.domain, child_execution_name(parent, attempt))
        place = Parent(parent, attempt, above.depth + 1)
        try:
            wanted = Wanted(child, launch_plan, spec, literal_map_from_proto(stored), above.user, place)
            if earlier is None:
                return await self._executions.start(wanted)
            return await self._recovery.start_child(wanted, earlier)
        except Refusal as error:
            if error.status is Status.ALREADY_EXISTS:
                return child
            raise

    async def abort_child(self, child: ExecutionId, cause: str) -> None:
        """Ask a child to end; one that has ended, or is not there, is left alone."""
        try:
            await self._executions.terminate(child, cause, PRINCIPAL)
        except Refusal as error:
            if error.status not in {Status.FAILED_PRECONDITION, Status.NOT_FOUND}:
                raise

    async def child_status(self, child: ExecutionId) -> ChildState:
        """Return how a child goes; raises Refusal NOT_FOUND."""
        row = await self._executions.row(child)
        failure = None
        if row.error is not None:
            failure = failure_from_proto(parse(core_execution_pb2.ExecutionError, row.error))
        return ChildState(WorkflowPhase(row.phase), row.outputs_uri, failure)
