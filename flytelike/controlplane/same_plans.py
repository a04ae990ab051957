"""Which launch plans do the same although they are of different versions."""

from dataclasses import dataclass

from sqlalchemy import Connection

from flytelike.codec.closures import closure_from_proto
from flytelike.codec.launch_plans import launch_plan_from_proto
from flytelike.codec.parse import parse
from flytelike.compiler.call_changes import Callees, SamePlans
from flytelike.controlplane.database import Database
from flytelike.controlplane.repository.entities import find_entity
from flytelike.model.closure import WorkflowClosure
from flytelike.model.graph import LaunchPlanTemplate
from flytelike.model.ids import Identifier
from flytelike.storage import NotFound, Store
from flytelike_idl.admin import launch_plan_pb2
from flytelike_idl.core import compiler_pb2

DEPTH_MAX = 8
"""How deep launch plans that start launch plans are looked into; deeper ones count as different."""


@dataclass(frozen=True, slots=True)
class _Registered:
    """A launch plan with the closure of its workflow."""

    plan: LaunchPlanTemplate
    closure_uri: str
    closure_digest: str


class PlanComparison:
    """Compares launch plans of two closures by what they run."""

    def __init__(self, database: Database, store: Store) -> None:
        """Read through `database` and `store`."""
        self._database = database
        self._store = store

    async def same(self, old: WorkflowClosure, new: WorkflowClosure, depth: int = 0) -> SamePlans:
        """Return the launch plans of one name in both closures that give the same for the same inputs."""
        if depth == DEPTH_MAX:
            return frozenset()
        names = {(it.project, it.domain, it.name): it for it in old.launch_plans}
        found: set[tuple[Identifier, Identifier]] = set()
        for identifier in new.launch_plans:
            other = names.get((identifier.project, identifier.domain, identifier.name))
            if other is not None and other != identifier and await self._equal(other, identifier, depth):
                found.add((other, identifier))
        return frozenset(found)

    async def _equal(self, old: Identifier, new: Identifier, depth: int) -> bool:
        one, other = await self._registered(old), await self._registered(new)
        if one is None or other is None:
            return False
        if (one.plan.inputs, one.plan.fixed) != (other.plan.inputs, other.plan.fixed):
            return False
        if one.closure_digest == other.closure_digest:
            return True
        try:
            before, after = await self.closure(one.closure_uri), await self.closure(other.closure_uri)
        except NotFound:
            return False
        same = await self.same(before, after, depth + 1)
        return Callees(before, after, same).same(before.primary, after.primary)

    async def closure(self, uri: str) -> WorkflowClosure:
        """Return a compiled closure. Raises NotFound."""
        data = await self._store.get_async(uri)
        return closure_from_proto(parse(compiler_pb2.CompiledWorkflowClosure, data))

    async def _registered(self, identifier: Identifier) -> _Registered | None:
        def look(connection: Connection) -> _Registered | None:
            row = find_entity(connection, identifier)
            if row is None:
                return None
            plan = launch_plan_from_proto(identifier, parse(launch_plan_pb2.LaunchPlan, row.body).spec)
            workflow = find_entity(connection, plan.workflow)
            return None if workflow is None else _Registered(plan, workflow.closure_uri, workflow.digest)

        return await self._database.read(look)
