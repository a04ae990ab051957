"""Executions made from an earlier one: what succeeded there is taken over, the rest runs."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum

from sqlalchemy import Connection

from flytelike.codec.ids import execution_id_to_proto, identifier_from_proto
from flytelike.codec.literals import literal_map_from_proto
from flytelike.codec.parse import parse
from flytelike.codec.priority import fill_priority
from flytelike.codec.value_digest import value_digest
from flytelike.compiler.recovery import plan_recovery
from flytelike.controlplane.choosing import Choice
from flytelike.controlplane.compiling import closure_uri
from flytelike.controlplane.earlier import earlier_of
from flytelike.controlplane.errors import Faults, Status, invalid, refusal
from flytelike.controlplane.executions import Checked, Executions, Tools, Wanted, found
from flytelike.controlplane.launching import launch_request
from flytelike.controlplane.messages import execution_id
from flytelike.controlplane.naming import check_execution_name, generated_execution_name
from flytelike.controlplane.partial_run import plan_partial_run
from flytelike.controlplane.repository.executions import all_nodes, find_execution, last_attempts, latest_ended
from flytelike.controlplane.repository.rows import ExecutionRow
from flytelike.controlplane.same_plans import PlanComparison
from flytelike.model.closure import WorkflowClosure
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.earlier import Earlier
from flytelike.model.ids import Digest, ExecutionId, Identifier
from flytelike.model.literals import LiteralMap
from flytelike.model.phases import WorkflowPhase
from flytelike.model.recovery import RecoveryPlan
from flytelike.storage import NotFound
from flytelike_idl.admin import execution_pb2
from flytelike_idl.core import literals_pb2

EARLIER_EXECUTIONS_MAX = 20
"""How many executions are looked at for one that has what is needed."""


class Runs(Enum):
    """Which nodes of the new execution run."""

    WHAT_IS_NEEDED = 1
    ALL = 2
    CHOSEN = 3


@dataclass(frozen=True, slots=True)
class Overrides:
    """Options that differ from those of the earlier execution; None and empty ones stay."""

    labels: Mapping[str, str] = field(default_factory=dict)
    envs: Mapping[str, str] = field(default_factory=dict)
    max_parallelism: int | None = None
    overwrite_cache: bool | None = None
    interruptible: bool | None = None
    priority: int | None = None

    def apply(self, spec: execution_pb2.ExecutionSpec) -> None:
        """Change the options of an execution."""
        spec.labels.values.update(self.labels)
        if self.envs:
            envs = {pair.key: pair.value for pair in spec.envs.values} | dict(self.envs)
            spec.envs.ClearField("values")
            spec.envs.values.extend(literals_pb2.KeyValuePair(key=key, value=value) for key, value in envs.items())
        if self.max_parallelism is not None:
            spec.max_parallelism = self.max_parallelism
        if self.overwrite_cache is not None:
            spec.overwrite_cache = self.overwrite_cache
        if self.interruptible is not None:
            spec.interruptible.value = self.interruptible
        if self.priority is not None:
            fill_priority(self.priority, spec.quality_of_service)


@dataclass(frozen=True, slots=True)
class Wish:
    """An execution to be made from an earlier one.

    `earlier` None stands for the latest one of the target in `project` and `domain`; `target` None for what the
    earlier one was launched from. `inputs` replace the earlier ones by name.
    """

    earlier: ExecutionId | None
    name: str = ""
    target: Identifier | None = None
    inputs: LiteralMap = field(default_factory=dict)
    runs: Runs = Runs.WHAT_IS_NEEDED
    choice: Choice = field(default_factory=Choice)
    overrides: Overrides = field(default_factory=Overrides)
    dry_run: bool = False
    project: str = ""
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Derived:
    """What was planned, from which execution; and the one that was created, None if only the plan was wanted."""

    execution: ExecutionId | None
    earlier: ExecutionId
    plan: RecoveryPlan


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
        self._plans = PlanComparison(tools.database, tools.store)

    async def recover(self, request: execution_pb2.ExecutionRecoverRequest, principal: str) -> ExecutionId:
        """Create an execution of the same version with the same inputs that takes over what succeeded.

        Raises:
            Refusal: NOT_FOUND; FAILED_PRECONDITION while the earlier execution runs; as `Executions.start`.
        """
        earlier = ExecutionId(request.id.project, request.id.domain, request.id.name)
        derived = await self.derive(Wish(earlier, name=request.name), principal)
        assert derived.execution is not None, "it was not asked for the plan alone"
        return derived.execution

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

    async def derive(self, wish: Wish, principal: str) -> Derived:
        """Plan an execution from an earlier one, and create it unless only the plan is wanted.

        Raises:
            Refusal: as `recover`; INVALID_ARGUMENT when inputs, chosen nodes or their earlier outputs do not fit.
        """
        if wish.earlier is not None:
            row = await self._executions.row(wish.earlier)
            check_ended(row)
            planned = await self._planned(row, wish, principal)
        else:
            row, planned = await self._planned_on_latest(wish, principal)
        execution = None
        if not wish.dry_run:
            execution = await self._executions.launch(planned.checked, planned.plan.reuse)
        return Derived(execution, execution_id(row), planned.plan)

    async def _planned_on_latest(self, wish: Wish, principal: str) -> tuple[ExecutionRow, Planned]:
        """Plan from the latest execution of the workflow that has what is needed."""
        why: DiagnosticError | None = None
        for row in await self._latest(wish):
            try:
                return row, await self._planned(row, wish, principal)
            except DiagnosticError as error:
                why = why or error
        if why is not None:
            raise why
        raise refusal(
            Status.FAILED_PRECONDITION,
            "no-earlier-execution",
            f"no execution of {wish.target} has ended yet",
            "execute it as a whole first, or name an execution",
        )

    async def _latest(self, wish: Wish) -> list[ExecutionRow]:
        target = wish.target
        if target is None:
            raise invalid("missing-field", "neither an earlier execution nor a launch plan is named")
        place = (wish.project or target.project, wish.domain or target.domain)
        return await self._database.read(
            lambda connection: latest_ended(connection, *place, target.name, EARLIER_EXECUTIONS_MAX)
        )

    async def _planned(self, row: ExecutionRow, wish: Wish, principal: str) -> Planned:
        earlier = execution_id(row)
        faults = Faults()
        name = wish.name or generated_execution_name()
        check_execution_name(name, faults)
        faults.check()
        spec = execution_pb2.ExecutionSpec.FromString(row.spec)
        target = wish.target or identifier_from_proto(spec.launch_plan)
        check_same_place(earlier, target)
        spec.metadata.Clear()
        relaunched = wish.runs is Runs.ALL
        modes = execution_pb2.ExecutionMetadata
        spec.metadata.mode = modes.RELAUNCH if relaunched else modes.RECOVERED
        spec.metadata.reference_execution.CopyFrom(execution_id_to_proto(earlier))
        wish.overrides.apply(spec)
        old_inputs = await self._inputs(row)
        wanted = Wanted(
            replace(earlier, name=name), target, spec, wish.inputs, principal, replayed=old_inputs, reference=earlier
        )
        checked = await self._executions.check(wanted)
        if relaunched:
            return Planned(checked, RecoveryPlan(()))
        if wish.runs is Runs.CHOSEN:
            old, new = await self._closures(row, checked)
            return Planned(checked, plan_partial_run(old, new, await self._earlier(row), wish.choice))
        return await self._plan(checked, row, old_inputs)

    async def _plan(self, checked: Checked, row: ExecutionRow, old_inputs: LiteralMap) -> Planned:
        old, new = await self._closures(row, checked)
        same = await self._plans.same(old, new)
        earlier = await self._earlier(row)
        graphs = await self._graphs(earlier) if old is new else {}
        plan = plan_recovery(old, new, earlier, changed_inputs(old_inputs, checked.inputs), same, graphs)
        return Planned(checked, plan)

    async def _earlier(self, row: ExecutionRow) -> Earlier:
        raw_prefix = launch_request(row, self._settings).raw_output_prefix

        def look(connection: Connection) -> Earlier:
            current = found(connection, execution_id(row))
            return earlier_of(
                current, raw_prefix, all_nodes(connection, current.id), last_attempts(connection, current.id)
            )

        return await self._database.read(look)

    async def _graphs(self, earlier: Earlier) -> Mapping[Digest, WorkflowClosure]:
        """Return the graphs of dynamic nodes that are still there, as far as they can be kept."""
        found: dict[Digest, WorkflowClosure] = {}
        for digest in sorted(earlier.graphs()):
            with suppress(NotFound):
                found[digest] = await self._plans.closure(closure_uri(f"{self._settings.base}/closures", digest))
        return found

    async def _closures(self, row: ExecutionRow, checked: Checked) -> tuple[WorkflowClosure, WorkflowClosure]:
        """Return what was executed, and what is to be."""
        old = await self._plans.closure(row.closure_uri)
        same = checked.runnable.row.closure_uri == row.closure_uri
        return old, old if same else await self._plans.closure(checked.runnable.row.closure_uri)

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


def check_same_place(earlier: ExecutionId, target: Identifier) -> None:
    """Refuse to take over across projects and domains: who may see the one need not see the other."""
    if (earlier.project, earlier.domain) != (target.project, target.domain):
        raise invalid(
            "other-project",
            f"{target} is not in the project and domain of {earlier}",
            "results are taken over within a project and domain only",
        )


def changed_inputs(old: LiteralMap, new: LiteralMap) -> frozenset[str]:
    """Return the names of inputs that are not the same values in both."""
    names = old.keys() | new.keys()
    return frozenset(
        name
        for name in names
        if name not in old or name not in new or value_digest(old[name]) != value_digest(new[name])
    )
