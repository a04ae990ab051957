"""Templates of what is registered: of one entity with all it uses, or of a whole version."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from flytelike.codec.closures import closure_from_proto, task_closure_from_proto
from flytelike.codec.ids import identifier_from_proto
from flytelike.codec.launch_plans import launch_plan_from_proto
from flytelike.model.graph import Entity
from flytelike.remote.client import Client
from flytelike.remote.registry import NEWEST_FIRST
from flytelike_idl.admin import common_pb2
from flytelike_idl.core import identifier_pb2

PAGE = 1_000


class Listing(Protocol):
    """An answer of a page of entities."""

    @property
    def token(self) -> str:
        """Where the next page begins; empty behind the last."""


L = TypeVar("L", bound=Listing)


async def version_of(client: Client, project: str, domain: str, version: str) -> tuple[Entity, ...]:
    """Return everything that is registered under a version."""
    return await templates(client, project, domain, "", f"eq(version,{version})")


async def entity_of(client: Client, project: str, domain: str, name: str, version: str) -> tuple[Entity, ...]:
    """Return what is registered under a name, with the tasks and sub-workflows that it uses; newest without version."""
    found = await templates(client, project, domain, name, f"eq(version,{version})" if version else "", limit=1)
    versions = {entity.id.version for entity in found}
    return tuple(entity for entity in found if version or entity.id.version == max(versions, default=""))


async def templates(
    client: Client, project: str, domain: str, name: str, filters: str, limit: int = 0
) -> tuple[Entity, ...]:
    """Return tasks, workflows with what they use, and launch plans: all, or `limit` of each."""
    request = common_pb2.ResourceListRequest(
        id=common_pb2.NamedEntityIdentifier(project=project, domain=domain, name=name),
        limit=limit or PAGE,
        filters=filters,
        sort_by=NEWEST_FIRST,
    )
    found: dict[object, Entity] = {}
    async for tasks in pages(client, client.admin.ListTasks, request, limit):
        for task in tasks.tasks:
            entity = task_closure_from_proto(task.closure.compiled_task)
            found[entity.id] = entity
    async for workflows in pages(client, client.admin.ListWorkflows, request, limit):
        for workflow in workflows.workflows:
            for inner in await used_by(client, workflow.id):
                found.setdefault(inner.id, inner)
    async for plans in pages(client, client.admin.ListLaunchPlans, request, limit):
        for plan in plans.launch_plans:
            identifier = identifier_from_proto(plan.id)
            found[identifier] = launch_plan_from_proto(identifier, plan.spec)
    return tuple(found.values())


async def pages(
    client: Client,
    list_: Callable[[common_pb2.ResourceListRequest], Awaitable[L]],
    request: common_pb2.ResourceListRequest,
    limit: int,
) -> AsyncIterator[L]:
    """Yield the answers of a listing, page by page; the first only with a limit."""
    request = common_pb2.ResourceListRequest.FromString(request.SerializeToString())
    while True:
        answer = await client.call(list_(request))
        yield answer
        request.token = answer.token
        if limit or not request.token:
            return


async def used_by(client: Client, identifier: identifier_pb2.Identifier) -> Sequence[Entity]:
    """Return a workflow's template with those of its sub-workflows and tasks."""
    message = await client.call(client.admin.GetWorkflow(common_pb2.ObjectGetRequest(id=identifier)))
    closure = closure_from_proto(message.closure.compiled_workflow)
    inner = (compiled.template for compiled in closure.sub_workflows.values())
    return [closure.primary.template, *inner, *closure.tasks.values()]
