"""Creating, ending and changing executions. What is answered to a client is durable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from sqlalchemy import Connection

from flytelike.codec.ids import fill_identifier, identifier_from_proto
from flytelike.codec.literals import literal_map_from_proto, literal_map_to_proto
from flytelike.codec.parse import parse, serialise
from flytelike.codec.priority import fill_priority, said_priority
from flytelike.codec.reuse import reuse_list_to_proto
from flytelike.controlplane.attributes.attributes import Attributes
from flytelike.controlplane.attributes.merging import inherit_settings
from flytelike.controlplane.database import Database
from flytelike.controlplane.dispatch import Dispatch
from flytelike.controlplane.errors import Faults, Status, not_found, refusal
from flytelike.controlplane.inputs import complete_inputs
from flytelike.controlplane.messages import execution_id, node_id
from flytelike.controlplane.naming import (
    check_execution_name,
    check_identifier,
    check_org,
    generated_execution_name,
    sent_identifier,
)
from flytelike.controlplane.notifier import Notifier
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.priorities import check_priority
from flytelike.controlplane.projects import check_place
from flytelike.controlplane.registry import Registry
from flytelike.controlplane.repository.attributes import Target
from flytelike.controlplane.repository.executions import (
    Values,
    add_execution,
    being_deleted,
    find_execution,
    hold_execution,
    set_execution_state,
    update_execution,
)
from flytelike.controlplane.repository.rows import ExecutionRow
from flytelike.controlplane.runnable import Runnable, inherit, runnable_launch_plan, runnable_task
from flytelike.controlplane.settings import Settings
from flytelike.controlplane.single_task import workflow_for
from flytelike.controlplane.tenancy.fitting import Fitting
from flytelike.controlplane.tenancy.holding import Holding
from flytelike.controlplane.tenancy.stored import Stored
from flytelike.model.graph import Node
from flytelike.model.ids import ExecutionId, Identifier, NodeExecutionId, ResourceKind
from flytelike.model.literals import LiteralMap
from flytelike.model.phases import WorkflowPhase
from flytelike.model.reuse import ReuseList
from flytelike.storage import Store
from flytelike_idl.admin import execution_pb2
from flytelike_idl.core import literals_pb2

CAUSE_CHARACTERS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Parent:
    """The launch-plan node that starts a child, its attempt, and how deep the child lies.

    With `eager` it is a task that calls, and waits for the answer itself.
    """

    node: NodeExecutionId
    attempt: int
    depth: int
    eager: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """An execution to create, whoever asks for it.

    `replayed` are inputs of an earlier execution: they count where `inputs` has none of their names and they are
    still asked for. `reference` is that execution. `changes` holds other policies for a task that is run on its
    own.
    """

    id: ExecutionId
    target: Identifier
    spec: execution_pb2.ExecutionSpec
    inputs: LiteralMap
    principal: str
    parent: Parent | None = None
    replayed: LiteralMap = field(default_factory=dict)
    reference: ExecutionId | None = None
    changes: Node | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """An execution that can be created: what it runs, and all of its inputs."""

    wanted: Wanted
    runnable: Runnable
    inputs: LiteralMap


@dataclass(frozen=True, slots=True)
class Tools:
    """What the use cases of executions work with."""

    database: Database
    store: Store
    settings: Settings
    clock: Clock
    registry: Registry
    dispatch: Dispatch
    notifier: Notifier
    holding: Holding
    attributes: Attributes
    stored: Stored


class Executions:
    """The use cases of executions."""

    def __init__(self, tools: Tools) -> None:
        """Work with `tools`."""
        self._database = tools.database
        self._store = tools.store
        self._settings = tools.settings
        self._clock = tools.clock
        self._registry = tools.registry
        self._dispatch = tools.dispatch
        self._notifier = tools.notifier
        self._holding = tools.holding
        self._fitting = Fitting(tools.store)
        self._attributes = tools.attributes
        self._stored = tools.stored

    async def create(self, request: execution_pb2.ExecutionCreateRequest, principal: str) -> ExecutionId:
        """Create an execution and have it started; raises Refusal with every fault of the request."""
        faults = Faults()
        name = request.name or generated_execution_name()
        check_execution_name(name, faults)
        check_org(request.org, faults)
        target = sent_identifier(request.spec.launch_plan)
        kind = ResourceKind.TASK if target.kind is ResourceKind.TASK else ResourceKind.LAUNCH_PLAN
        check_identifier(target, kind, faults)
        target = replace(target, kind=kind)
        faults.check()
        spec = execution_pb2.ExecutionSpec()
        spec.CopyFrom(request.spec)
        spec.metadata.ClearField("parent_node_execution")
        spec.metadata.ClearField("reference_execution")
        inputs = request.inputs if request.inputs.literals else request.spec.inputs
        given = literal_map_from_proto(inputs)
        return await self.start(
            Wanted(ExecutionId(request.project, request.domain, name), target, spec, given, principal)
        )

    async def relaunch(self, request: execution_pb2.ExecutionRelaunchRequest, principal: str) -> ExecutionId:
        """Create an execution with the launch plan, options and inputs of an earlier one."""
        old = await self.row(ExecutionId(request.id.project, request.id.domain, request.id.name))
        faults = Faults()
        name = request.name or generated_execution_name()
        check_execution_name(name, faults)
        faults.check()
        spec = execution_pb2.ExecutionSpec.FromString(old.spec)
        spec.metadata.Clear()
        spec.metadata.mode = execution_pb2.ExecutionMetadata.RELAUNCH
        spec.metadata.reference_execution.CopyFrom(request.id)
        spec.overwrite_cache = spec.overwrite_cache or request.overwrite_cache
        stored = await self._store.get_async(old.inputs_uri)
        inputs = literal_map_from_proto(parse(literals_pb2.LiteralMap, stored))
        execution = ExecutionId(old.project, old.domain, name)
        target = identifier_from_proto(spec.launch_plan)
        reference = execution_id(old)
        return await self.start(Wanted(execution, target, spec, {}, principal, replayed=inputs, reference=reference))

    async def start(self, wanted: Wanted) -> ExecutionId:
        """Check, keep and launch an execution.

        Raises:
            Refusal: ALREADY_EXISTS when the name is taken, NOT_FOUND, or INVALID_ARGUMENT.
        """
        return await self.launch(await self.check(wanted), {})

    async def check(self, wanted: Wanted) -> Checked:
        """Return what an execution would run and be given; raises Refusal as `start`, whose name may be taken yet."""
        faults = Faults()
        runnable = await self._runnable(wanted, faults)
        asked = runnable.parameters.keys() - runnable.fixed.keys()
        replayed = {name: value for name, value in wanted.replayed.items() if name in asked}
        inputs = complete_inputs({**replayed, **wanted.inputs}, runnable.parameters, runnable.fixed, faults)
        inherit(wanted.spec, runnable.options)
        target = Target(wanted.id.project, wanted.id.domain, runnable.workflow.name)
        if settings := await self._attributes.over(target):
            inherit_settings(wanted.spec, settings)
            runnable = replace(runnable, row=await self._attributes.assigned(runnable.row, settings, faults))
        if runnable.row.priority is not None and said_priority(wanted.spec.quality_of_service) is None:
            fill_priority(runnable.row.priority, wanted.spec.quality_of_service)
        check_priority(wanted.spec.quality_of_service, faults)
        place = wanted.id.project, wanted.id.domain
        await self._fitting.check(self._holding.rules, place, runnable.row.closure_uri, faults)
        faults.check()
        if wanted.parent is None:  # What others wait for goes on: their work would be lost.
            await self._stored.check(*place)
        return Checked(wanted, runnable, inputs)

    async def launch(self, checked: Checked, reuse: ReuseList) -> ExecutionId:
        """Keep and launch an execution that takes `reuse` over; raises Refusal ALREADY_EXISTS."""
        wanted = checked.wanted
        inputs = serialise(literal_map_to_proto(checked.inputs))
        inputs_uri, _ = await self._store_document(wanted.id, "inputs", inputs)
        values = self._values(wanted, checked.runnable, inputs_uri)
        if reuse:
            document = serialise(reuse_list_to_proto(reuse))
            reuse_uri, digest = await self._store_document(wanted.id, "reuse", document)
            values = {**values, "reuse_uri": reuse_uri, "reuse_digest": f"sha256:{digest}"}

        # Who watches a caller hears of its calls.
        callers = [wanted.parent.node.execution] if wanted.parent is not None and wanted.parent.eager else []
        touched = [wanted.id, *callers]

        def add(connection: Connection) -> ExecutionRow:
            if find_execution(connection, wanted.id) is not None:
                raise refusal(Status.ALREADY_EXISTS, "execution-exists", f"there is an execution {wanted.id} already")
            check_deletion(connection, wanted)
            held = {} if wanted.parent is not None else self._holding.judged(connection, wanted.id, wanted.spec)
            row = add_execution(connection, {**values, **held}, wanted.spec.labels.values)
            for caller in callers:
                update_execution(connection, caller, {"calls": True})
            self._notifier.tell(connection, touched)
            return row

        await self._dispatch.whole(self._kept_and_told(touched, add))
        return wanted.id

    async def row(self, execution: ExecutionId) -> ExecutionRow:
        """Return an execution's row; raises Refusal NOT_FOUND."""
        row = await self._database.read(lambda connection: find_execution(connection, execution))
        if row is None:
            raise not_found("execution", execution)
        return row

    async def terminate(self, execution: ExecutionId, cause: str, principal: str) -> None:
        """Ask that an execution ends; the first cause given is kept.

        Raises:
            Refusal: NOT_FOUND, or FAILED_PRECONDITION when it has ended.
        """
        values: Values = {
            "phase": WorkflowPhase.ABORTING.value,
            "abort_cause": cause[:CAUSE_CHARACTERS_MAX],
            "abort_principal": principal,
            "held_since": 0,  # It is let go, to be ended.
            "updated_at": self._clock.now_ns(),
        }

        def abort(connection: Connection) -> ExecutionRow:
            row = found(connection, execution)
            if WorkflowPhase(row.phase).terminal:
                raise refusal(
                    Status.FAILED_PRECONDITION,
                    "execution-ended",
                    f"the execution {execution} has ended: {WorkflowPhase(row.phase).name}",
                )
            if row.phase != WorkflowPhase.ABORTING:
                update_execution(connection, execution, values)
                self._notifier.tell(connection, [execution])
            return found(connection, execution)

        await self._dispatch.whole(self._kept_and_told([execution], abort))

    async def _kept_and_told(
        self, touched: Sequence[ExecutionId], change: Callable[[Connection], ExecutionRow]
    ) -> None:
        row = await self._database.write(change)
        self._notifier.changed(touched)
        await self._dispatch.tell(row)

    async def set_state(self, execution: ExecutionId, state: int, principal: str) -> None:
        """Archive an execution or bring it back; raises Refusal NOT_FOUND."""
        values: Values = {"state": state, "state_principal": principal, "state_at": self._clock.now_ns()}

        def change(connection: Connection) -> bool:
            changed = set_execution_state(connection, execution, values)
            self._notifier.tell(connection, [execution])
            return changed

        if not await self._database.write(change):
            raise not_found("execution", execution)
        self._notifier.changed([execution])

    async def _runnable(self, wanted: Wanted, faults: Faults) -> Runnable:
        def look(connection: Connection) -> Runnable | None:
            check_place(connection, self._settings, wanted.id.project, wanted.id.domain, faults)
            if faults or wanted.target.kind is ResourceKind.TASK:
                return None
            return runnable_launch_plan(connection, wanted.target)

        runnable = await self._database.glance(look)
        faults.check()
        if runnable is not None:
            return runnable
        row = await workflow_for(self._registry, wanted.target, wanted.changes)
        workflow = Identifier(ResourceKind.WORKFLOW, row.project, row.domain, row.name, row.version)
        return runnable_task(workflow, row)

    async def _store_document(self, execution: ExecutionId, what: str, data: bytes) -> tuple[str, str]:
        """Keep a document of a new execution; return its uri and digest."""
        # Named by content: of two clients that take one name at once, neither gets the other's inputs.
        digest = sha256(data).hexdigest()
        uri = f"{self._settings.base}/metadata/executions/{execution}/{what}-{digest[:16]}.pb"
        await self._store.put_async(uri, data, durable=True)
        return uri, digest

    def _values(self, wanted: Wanted, runnable: Runnable, inputs_uri: str) -> Values:
        spec, parent = wanted.spec, wanted.parent
        spec.ClearField("inputs")
        fill_identifier(wanted.target, spec.launch_plan)
        spec.metadata.principal = wanted.principal
        if parent is not None:
            spec.metadata.mode = execution_pb2.ExecutionMetadata.CHILD_WORKFLOW
            spec.metadata.nesting = parent.depth
            spec.metadata.parent_node_execution.CopyFrom(node_id(parent.node.execution, parent.node.path))
        now_ns = self._clock.now_ns()
        return {
            "project": wanted.id.project,
            "domain": wanted.id.domain,
            "name": wanted.id.name,
            "phase": WorkflowPhase.QUEUED.value,
            "mode": spec.metadata.mode,
            "launched_kind": int(wanted.target.kind),
            "launched_project": wanted.target.project,
            "launched_domain": wanted.target.domain,
            "launched_name": wanted.target.name,
            "launched_version": wanted.target.version,
            "workflow_project": runnable.workflow.project,
            "workflow_domain": runnable.workflow.domain,
            "workflow_name": runnable.workflow.name,
            "workflow_version": runnable.workflow.version,
            "closure_uri": runnable.row.closure_uri,
            "closure_digest": runnable.row.digest,
            "spec": serialise(spec),
            "inputs_uri": inputs_uri,
            "user": wanted.principal,
            "parent_name": parent.node.execution.name if parent else "",
            "parent_path": parent.node.path if parent else "",
            "parent_attempt": parent.attempt if parent else 0,
            "depth": parent.depth if parent else 0,
            "reference": str(wanted.reference) if wanted.reference else "",
            "eager": parent.eager if parent else False,
            "created_at": now_ns,
            "updated_at": now_ns,
        }


def found(connection: Connection, execution: ExecutionId) -> ExecutionRow:
    """Return an execution's row; raises Refusal NOT_FOUND."""
    row = find_execution(connection, execution)
    if row is None:
        raise not_found("execution", execution)
    return row


def check_deletion(connection: Connection, wanted: Wanted) -> None:
    """Refuse a name that is not free yet, and to go on from an execution that is being deleted."""
    if being_deleted(connection, wanted.id):
        raise refusal(
            Status.FAILED_PRECONDITION,
            "execution-being-deleted",
            f"the execution {wanted.id} that had this name is being deleted, or others refer to its data",
            "choose another name",
        )
    if wanted.spec.metadata.HasField("reference_execution"):
        named = wanted.spec.metadata.reference_execution
        earlier = ExecutionId(named.project, named.domain, named.name)
        if not hold_execution(connection, earlier):
            raise not_found("execution", earlier)
