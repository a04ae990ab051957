"""AdminService: tasks, workflows, launch plans, their names and descriptions."""

from flytelike.controlplane.access.caller import caller
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Faults
from flytelike.controlplane.listing import next_token
from flytelike.controlplane.messages import launch_plan_message, task_message, workflow_message
from flytelike.controlplane.rpc.requests import any_identifier_of, entity_kind, identifier_of, list_query, place_of
from flytelike.controlplane.submitted import submitted
from flytelike.model.ids import ResourceKind
from flytelike_idl.admin import common_pb2, description_entity_pb2, launch_plan_pb2, task_pb2, workflow_pb2

TASK, WORKFLOW, LAUNCH_PLAN = ResourceKind.TASK, ResourceKind.WORKFLOW, ResourceKind.LAUNCH_PLAN


class EntityServicer:
    """The registry's RPCs."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._registry = plane.registry
        self._finding = plane.finding
        self._rows_max = plane.settings.limits.list_rows

    async def create_task(self, request: task_pb2.TaskCreateRequest) -> task_pb2.TaskCreateResponse:
        """Register a task."""
        faults = Faults()
        sent = submitted([request], [], [], faults)
        faults.check()
        await self._registry.create(sent)
        return task_pb2.TaskCreateResponse()

    async def get_task(self, request: common_pb2.ObjectGetRequest) -> task_pb2.Task:
        """Return a version of a task."""
        return task_message(await self._finding.version(identifier_of(request.id, TASK)))

    async def list_tasks(self, request: common_pb2.ResourceListRequest) -> task_pb2.TaskList:
        """Return a page of task versions."""
        query = list_query(request, self._rows_max)
        rows = await self._finding.versions(TASK, place_of(request.id), query)
        return task_pb2.TaskList(tasks=[task_message(row) for row in rows], token=next_token(query, len(rows)))

    async def list_task_ids(
        self, request: common_pb2.NamedEntityIdentifierListRequest
    ) -> common_pb2.NamedEntityIdentifierList:
        """Return a page of task names."""
        return await self._ids(TASK, request)

    async def create_workflow(self, request: workflow_pb2.WorkflowCreateRequest) -> workflow_pb2.WorkflowCreateResponse:
        """Compile and register a workflow."""
        faults = Faults()
        sent = submitted([], [request], [], faults)
        faults.check()
        await self._registry.create(sent)
        return workflow_pb2.WorkflowCreateResponse()

    async def get_workflow(self, request: common_pb2.ObjectGetRequest) -> workflow_pb2.Workflow:
        """Return a version of a workflow with its compiled closure."""
        row = await self._finding.version(identifier_of(request.id, WORKFLOW))
        return workflow_message(row, await self._finding.closure(row))

    async def list_workflows(self, request: common_pb2.ResourceListRequest) -> workflow_pb2.WorkflowList:
        """Return a page of workflow versions with their interfaces."""
        query = list_query(request, self._rows_max)
        rows = await self._finding.versions(WORKFLOW, place_of(request.id), query)
        found = [workflow_message(row, None) for row in rows]
        return workflow_pb2.WorkflowList(workflows=found, token=next_token(query, len(rows)))

    async def list_workflow_ids(
        self, request: common_pb2.NamedEntityIdentifierListRequest
    ) -> common_pb2.NamedEntityIdentifierList:
        """Return a page of workflow names."""
        return await self._ids(WORKFLOW, request)

    async def create_launch_plan(
        self, request: launch_plan_pb2.LaunchPlanCreateRequest
    ) -> launch_plan_pb2.LaunchPlanCreateResponse:
        """Register a launch plan."""
        faults = Faults()
        sent = submitted([], [], [request], faults)
        faults.check()
        await self._registry.create(sent)
        return launch_plan_pb2.LaunchPlanCreateResponse()

    async def get_launch_plan(self, request: common_pb2.ObjectGetRequest) -> launch_plan_pb2.LaunchPlan:
        """Return a version of a launch plan."""
        return launch_plan_message(await self._finding.version(identifier_of(request.id, LAUNCH_PLAN)))

    async def get_active_launch_plan(
        self, request: launch_plan_pb2.ActiveLaunchPlanRequest
    ) -> launch_plan_pb2.LaunchPlan:
        """Return the active version of a launch plan."""
        return launch_plan_message(await self._finding.active_launch_plan(place_of(request.id, named=True)))

    async def list_launch_plans(self, request: common_pb2.ResourceListRequest) -> launch_plan_pb2.LaunchPlanList:
        """Return a page of launch plan versions."""
        query = list_query(request, self._rows_max)
        rows = await self._finding.versions(LAUNCH_PLAN, place_of(request.id), query)
        found = [launch_plan_message(row) for row in rows]
        return launch_plan_pb2.LaunchPlanList(launch_plans=found, token=next_token(query, len(rows)))

    async def list_active_launch_plans(
        self, request: launch_plan_pb2.ActiveLaunchPlanListRequest
    ) -> launch_plan_pb2.LaunchPlanList:
        """Return a page of active launch plans."""
        place = common_pb2.NamedEntityIdentifier(project=request.project, domain=request.domain, org=request.org)
        listed = common_pb2.ResourceListRequest(limit=request.limit, token=request.token, sort_by=request.sort_by)
        query = list_query(listed, self._rows_max)
        rows = await self._finding.active_launch_plans(place_of(place), query)
        found = [launch_plan_message(row) for row in rows]
        return launch_plan_pb2.LaunchPlanList(launch_plans=found, token=next_token(query, len(rows)))

    async def list_launch_plan_ids(
        self, request: common_pb2.NamedEntityIdentifierListRequest
    ) -> common_pb2.NamedEntityIdentifierList:
        """Return a page of launch plan names."""
        return await self._ids(LAUNCH_PLAN, request)

    async def update_launch_plan(
        self, request: launch_plan_pb2.LaunchPlanUpdateRequest
    ) -> launch_plan_pb2.LaunchPlanUpdateResponse:
        """Make a version active or inactive."""
        active = request.state == launch_plan_pb2.ACTIVE
        await self._finding.set_launch_plan_state(identifier_of(request.id, LAUNCH_PLAN), caller().user, active=active)
        return launch_plan_pb2.LaunchPlanUpdateResponse()

    async def list_named_entities(self, request: common_pb2.NamedEntityListRequest) -> common_pb2.NamedEntityList:
        """Return a page of names with their descriptions and states."""
        place = common_pb2.NamedEntityIdentifier(project=request.project, domain=request.domain, org=request.org)
        project, domain, _ = place_of(place)
        query = list_query(request, self._rows_max)
        found = await self._finding.names(entity_kind(request.resource_type), project, domain, query)
        return common_pb2.NamedEntityList(entities=found, token=next_token(query, len(found)))

    async def get_named_entity(self, request: common_pb2.NamedEntityGetRequest) -> common_pb2.NamedEntity:
        """Return a name."""
        return await self._finding.name(entity_kind(request.resource_type), place_of(request.id, named=True))

    async def update_named_entity(
        self, request: common_pb2.NamedEntityUpdateRequest
    ) -> common_pb2.NamedEntityUpdateResponse:
        """Set a name's description and state."""
        kind = entity_kind(request.resource_type)
        await self._finding.describe_name(kind, place_of(request.id, named=True), request.metadata)
        return common_pb2.NamedEntityUpdateResponse()

    async def get_description_entity(
        self, request: common_pb2.ObjectGetRequest
    ) -> description_entity_pb2.DescriptionEntity:
        """Return a version's description."""
        return await self._finding.description(any_identifier_of(request.id))

    async def list_description_entities(
        self, request: description_entity_pb2.DescriptionEntityListRequest
    ) -> description_entity_pb2.DescriptionEntityList:
        """Return a page of descriptions."""
        query = list_query(request, self._rows_max)
        kind = entity_kind(request.resource_type)
        found = await self._finding.descriptions(kind, place_of(request.id), query)
        return description_entity_pb2.DescriptionEntityList(
            descriptionEntities=found, token=next_token(query, len(found))
        )

    async def _ids(
        self, kind: ResourceKind, request: common_pb2.NamedEntityIdentifierListRequest
    ) -> common_pb2.NamedEntityIdentifierList:
        place = common_pb2.NamedEntityIdentifier(project=request.project, domain=request.domain, org=request.org)
        project, domain, _ = place_of(place)
        query = list_query(request, self._rows_max)
        found = await self._finding.names(kind, project, domain, query)
        return common_pb2.NamedEntityIdentifierList(
            entities=[name.id for name in found], token=next_token(query, len(found))
        )
