"""The use cases of settings of projects, their domains and workflows."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from flytelike.codec.digest import digest_of
from flytelike.codec.parse import parse, serialise
from flytelike.controlplane.attributes.assigning import assigned
from flytelike.controlplane.attributes.merging import Value, explained, plugin_overrides, task_resources
from flytelike.controlplane.attributes.plugins import check_plugins
from flytelike.controlplane.compiling import closure_uri
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Faults, not_found
from flytelike.controlplane.listing import ListQuery
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.projects import check_place
from flytelike.controlplane.repository.attributes import (
    Setting,
    Target,
    drop_setting,
    put_setting,
    settings_of,
    settings_over,
)
from flytelike.controlplane.repository.entities import list_active_launch_plans, list_entities
from flytelike.controlplane.repository.executions import find_execution
from flytelike.controlplane.repository.rows import EntityRow
from flytelike.controlplane.settings import Settings
from flytelike.model.ids import ExecutionId, ResourceKind
from flytelike.model.quantity import amount_of
from flytelike.storage import Store
from flytelike_idl.admin import launch_plan_pb2
from flytelike_idl.admin import matchable_resource_pb2 as pb
from flytelike_idl.core import compiler_pb2

KINDS = {
    "task_resource_attributes": pb.TASK_RESOURCE,
    "cluster_resource_attributes": pb.CLUSTER_RESOURCE,
    "execution_queue_attributes": pb.EXECUTION_QUEUE,
    "execution_cluster_label": pb.EXECUTION_CLUSTER_LABEL,
    "quality_of_service": pb.QUALITY_OF_SERVICE_SPECIFICATION,
    "plugin_overrides": pb.PLUGIN_OVERRIDE,
    "workflow_execution_config": pb.WORKFLOW_EXECUTION_CONFIG,
    "cluster_assignment": pb.CLUSTER_ASSIGNMENT,
}
NOTHING_TO_SET = {
    "execution_cluster_label": "there is one cluster",
    "cluster_assignment": "there is one cluster",
}
"""Kinds that this platform has nothing for, and why."""
_QUEUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
NAME_MAX = 255
BYTES_MAX = 64 * 1024


class Attributes:
    """Keeps settings, and tells which hold."""

    def __init__(self, database: Database, store: Store, settings: Settings, clock: Clock) -> None:
        """Keep them in `database`; closures lie in `store`."""
        self._database = database
        self._store = store
        self._settings = settings
        self._clock = clock

    async def put(self, setting: Setting) -> None:
        """Make a setting in place of the one of its kind; raises Refusal INVALID_ARGUMENT with all faults."""
        faults, target = Faults(), setting.target
        check_setting(setting, faults)
        kind = KINDS.get(setting.attributes.WhichOneof("target") or "", 0)
        now_ns = self._clock.now_ns()

        def work(connection: Connection) -> None:
            domain = target.domain or self._settings.domains[0][0]
            check_place(connection, self._settings, target.project, domain, faults)
            faults.check()
            put_setting(connection, setting, kind, now_ns)

        await self._database.write(work)

    async def get(self, target: Target, kind: int) -> Setting:
        """Return the setting that holds for a target, its own or the next above; raises Refusal NOT_FOUND."""
        found = await self._database.read(lambda connection: settings_over(connection, target, kind))
        if not found:
            raise not_found("attribute", f"{pb.MatchableResource.Name(kind)} of {_named(target)}")  # type: ignore[arg-type]
        return found[0]

    async def drop(self, target: Target, kind: int) -> None:
        """Take a setting back; raises Refusal NOT_FOUND."""
        if not await self._database.write(lambda connection: drop_setting(connection, target, kind)):
            raise not_found("attribute", f"{pb.MatchableResource.Name(kind)} of {_named(target)}")  # type: ignore[arg-type]

    async def all(self, kind: int) -> Sequence[Setting]:
        """Return all settings of a kind."""
        return await self._database.read(lambda connection: settings_of(connection, kind))

    async def over(self, target: Target) -> Sequence[Setting]:
        """Return all settings that hold for a target, the most specific first."""
        return await self._database.glance(lambda connection: settings_over(connection, target))

    async def of_execution(self, execution: ExecutionId) -> Sequence[Setting]:
        """Return the settings that hold for an execution as they are now, the most specific first."""
        row = await self._database.read(partial(find_execution, execution=execution))
        if row is None:
            return ()  # Somebody made its object; no setting speaks of it.
        return await self.over(Target(row.project, row.domain, row.workflow_name))

    async def cluster_resources(self, project: str, domain: str) -> dict[str, str]:
        """Return the values for the templates of a namespace: each from the domain, else from the project."""
        found: dict[str, str] = {}
        for setting in reversed(await self.over(Target(project, domain))):
            found.update(setting.attributes.cluster_resource_attributes.attributes)
        return found

    async def explain(self, target: Target) -> Sequence[Value]:
        """Return what holds for executions of a workflow, and where each value comes from."""
        settings = await self.over(target)
        plan = await self._database.read(lambda connection: _launch_plan(connection, target))
        platform = pb.WorkflowExecutionConfig(max_parallelism=self._settings.max_parallelism)
        platform.raw_output_data_config.output_location_prefix = self._settings.raw_prefix
        return list(explained(plan, settings, platform))

    async def assigned(self, row: EntityRow, settings: Sequence[Setting], faults: Faults) -> EntityRow:
        """Return a workflow's row with the closure whose tasks get what settings say of their resources.

        Notes the tasks that are to be run by plugins which are not there.
        """
        resources = task_resources(settings)
        if not resources.ByteSize() and not plugin_overrides(settings):
            return row
        closure = parse(compiler_pb2.CompiledWorkflowClosure, await self._store.get_async(row.closure_uri))
        check_plugins(closure.tasks, settings, faults)
        changed = assigned(closure, resources)
        if changed == closure:
            return row
        digest = digest_of(changed)
        uri = closure_uri(f"{self._settings.base}/closures", digest)
        await self._store.put_async(uri, serialise(changed), durable=True)
        return replace(row, closure_uri=uri, digest=digest)


def check_setting(setting: Setting, faults: Faults) -> None:
    """Note what a setting cannot say."""
    attributes, target = setting.attributes, setting.target
    said = attributes.WhichOneof("target")
    if said is None:
        faults.add("invalid-attributes", "the attributes say nothing", "set one kind of them")
    elif said in NOTHING_TO_SET:
        faults.add("unsupported-attribute", f"{said} would change nothing: {NOTHING_TO_SET[said]}", "leave it out")
    _check_queue(attributes.execution_queue_attributes, faults)
    if any(not it.task_type or not all(it.plugin_id) for it in attributes.plugin_overrides.overrides):
        faults.add("invalid-attributes", "a plugin override names no type of task, or an empty plugin", "name them")
    if attributes.ByteSize() > BYTES_MAX:
        faults.add("invalid-attributes", f"the attributes have more than {BYTES_MAX >> 10} KiB", "say less")
    if len(target.workflow) > NAME_MAX or not target.workflow.isprintable():
        faults.add("invalid-name", f"{target.workflow[:40]!r} cannot be a workflow")
    if attributes.workflow_execution_config.max_parallelism < 0:
        faults.add("invalid-attributes", "max_parallelism is below 0", "choose 0 for no bound")
    asked = attributes.task_resource_attributes
    for name in ("cpu", "gpu", "memory", "storage", "ephemeral_storage"):
        found = [_amount(name, getattr(part, name), faults) for part in (asked.defaults, asked.limits)]
        if None not in found and found[1] and found[0] > found[1]:
            told = f"the default for {name}, {getattr(asked.defaults, name)}, is above the limit"
            faults.add("invalid-attributes", told, "raise the limit, or lower the default")


def _check_queue(queue: pb.ExecutionQueueAttributes, faults: Faults) -> None:
    if len(queue.tags) > 1:
        told = f"{len(queue.tags)} execution queues are named"
        faults.add("invalid-attributes", told, "name one: an execution is of one queue")
    for tag in queue.tags:
        if not _QUEUE.fullmatch(tag):
            told = f"{tag[:80]!r} cannot be a queue: 1 to 63 letters, digits, `-`, `_` and `.` between them"
            faults.add("invalid-attributes", told)


def _amount(name: str, quantity: str, faults: Faults) -> float:
    try:
        return float(amount_of(quantity)) if quantity else 0.0
    except ValueError as error:
        faults.add("invalid-attributes", f"{name}: {error}")
        return 0.0


def _launch_plan(connection: Connection, target: Target) -> launch_plan_pb2.LaunchPlanSpec | None:
    """Return what the workflow's launch plan of the same name says: the active version, else the newest."""
    place, one = (target.project, target.domain, target.workflow), ListQuery(limit=1)
    rows = list_active_launch_plans(connection, place, one)
    rows = rows or list_entities(connection, ResourceKind.LAUNCH_PLAN, place, one)
    return launch_plan_pb2.LaunchPlan.FromString(rows[0].body).spec if rows else None


def _named(target: Target) -> str:
    return "/".join(filter(None, (target.project, target.domain, target.workflow)))
