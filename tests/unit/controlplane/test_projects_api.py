"""Projects, domains, names, launch plan states and attributes."""

from collections.abc import Awaitable

import grpc
import pytest
from grpc import aio

from flytelike.codec.ids import identifier_to_proto
from flytelike_idl.admin import (
    common_pb2,
    launch_plan_pb2,
    project_attributes_pb2,
    project_domain_attributes_pb2,
    project_pb2,
    workflow_attributes_pb2,
)
from flytelike_idl.core import identifier_pb2
from flytelike_idl.service import auth_pb2, auth_pb2_grpc, identity_pb2, identity_pb2_grpc
from tests.unit.controlplane.builders import DOMAIN, PROJECT, Running, list_of, module, plan_id

pytestmark = pytest.mark.anyio


async def refused(call: Awaitable[object]) -> grpc.StatusCode:
    with pytest.raises(aio.AioRpcError) as told:
        await call
    return told.value.code()


def register(project: str, **fields: str) -> project_pb2.ProjectRegisterRequest:
    return project_pb2.ProjectRegisterRequest(project=project_pb2.Project(id=project, **fields))  # type: ignore[arg-type]


async def test_there_are_projects_from_the_start(running: Running) -> None:
    found = (await running.admin.ListProjects(project_pb2.ProjectListRequest())).projects
    assert sorted(project.id for project in found) == ["default", "flytesnacks"]
    assert [domain.id for domain in found[0].domains] == ["development", "staging", "production"]


async def test_a_project_is_created_once_and_changed(running: Running) -> None:
    await running.admin.RegisterProject(register("mine", name="Mine"))
    assert await refused(running.admin.RegisterProject(register("mine"))) is grpc.StatusCode.ALREADY_EXISTS
    change = project_pb2.Project(id="mine", description="things", state=project_pb2.Project.ARCHIVED)
    await running.admin.UpdateProject(change)
    found = await running.admin.GetProject(project_pb2.ProjectGetRequest(id="mine"))
    assert (found.name, found.description, found.state) == ("Mine", "things", project_pb2.Project.ARCHIVED)
    listed = (await running.admin.ListProjects(project_pb2.ProjectListRequest())).projects
    assert "mine" not in [project.id for project in listed]
    archived = await running.admin.ListProjects(project_pb2.ProjectListRequest(filters="eq(state,ARCHIVED)"))
    assert [project.id for project in archived.projects] == ["mine"]


@pytest.mark.parametrize("name", ["", "Mine", "-a", "a-", "a_b", "a" * 64, "a/b", ".."])
async def test_project_ids_are_checked(running: Running, name: str) -> None:
    assert await refused(running.admin.RegisterProject(register(name))) is grpc.StatusCode.INVALID_ARGUMENT


async def test_unknown_projects_are_not_found(running: Running) -> None:
    for call in (
        running.admin.GetProject(project_pb2.ProjectGetRequest(id="none")),
        running.admin.UpdateProject(project_pb2.Project(id="none")),
    ):
        assert await refused(call) is grpc.StatusCode.NOT_FOUND


async def test_attributes_are_not_found(running: Running) -> None:
    for call in (
        running.admin.GetProjectAttributes(project_attributes_pb2.ProjectAttributesGetRequest(project=PROJECT)),
        running.admin.GetProjectDomainAttributes(
            project_domain_attributes_pb2.ProjectDomainAttributesGetRequest(project=PROJECT, domain=DOMAIN)
        ),
        running.admin.GetWorkflowAttributes(
            workflow_attributes_pb2.WorkflowAttributesGetRequest(project=PROJECT, domain=DOMAIN, workflow="flow")
        ),
    ):
        assert await refused(call) is grpc.StatusCode.NOT_FOUND


async def test_a_launch_plan_becomes_active_and_inactive(running: Running) -> None:
    await running.registration.Register(module())
    place = common_pb2.NamedEntityIdentifier(project=PROJECT, domain=DOMAIN, name="flow")
    wanted = launch_plan_pb2.ActiveLaunchPlanRequest(id=place)
    assert await refused(running.admin.GetActiveLaunchPlan(wanted)) is grpc.StatusCode.NOT_FOUND
    identifier = identifier_to_proto(plan_id())
    identifier.resource_type = identifier_pb2.UNSPECIFIED  # as flytectl sends it
    update = launch_plan_pb2.LaunchPlanUpdateRequest(id=identifier, state=launch_plan_pb2.ACTIVE)
    await running.admin.UpdateLaunchPlan(update)
    assert (await running.admin.GetActiveLaunchPlan(wanted)).id.version == "v1"
    active = await running.admin.ListActiveLaunchPlans(
        launch_plan_pb2.ActiveLaunchPlanListRequest(project=PROJECT, domain=DOMAIN, limit=10)
    )
    assert [plan.closure.state for plan in active.launch_plans] == [launch_plan_pb2.ACTIVE]
    update.state = launch_plan_pb2.INACTIVE
    await running.admin.UpdateLaunchPlan(update)
    assert await refused(running.admin.GetActiveLaunchPlan(wanted)) is grpc.StatusCode.NOT_FOUND
    update.id.version = "v9"
    assert await refused(running.admin.UpdateLaunchPlan(update)) is grpc.StatusCode.NOT_FOUND


async def test_names_are_described_and_archived(running: Running) -> None:
    await running.registration.Register(module())
    place = common_pb2.NamedEntityIdentifier(project=PROJECT, domain=DOMAIN, name="flow")
    update = common_pb2.NamedEntityUpdateRequest(resource_type=identifier_pb2.WORKFLOW, id=place)
    update.metadata.description = "flows"
    update.metadata.state = common_pb2.NAMED_ENTITY_ARCHIVED
    await running.admin.UpdateNamedEntity(update)
    get = common_pb2.NamedEntityGetRequest(resource_type=identifier_pb2.WORKFLOW, id=place)
    assert (await running.admin.GetNamedEntity(get)).metadata == update.metadata
    listing = common_pb2.NamedEntityListRequest(
        resource_type=identifier_pb2.WORKFLOW, project=PROJECT, domain=DOMAIN, limit=10
    )
    assert (await running.admin.ListNamedEntities(listing)).entities == []
    listing.filters = "eq(state,1)"
    assert [name.id.name for name in (await running.admin.ListNamedEntities(listing)).entities] == ["flow"]
    update.id.name = "none"
    assert await refused(running.admin.UpdateNamedEntity(update)) is grpc.StatusCode.NOT_FOUND


async def test_versions_are_listed_newest_first(running: Running) -> None:
    for version in ("v1", "v2"):
        await running.registration.Register(module(version))
    for found in (
        (await running.admin.ListTasks(list_of("double"))).tasks,
        (await running.admin.ListWorkflows(list_of("flow"))).workflows,
        (await running.admin.ListLaunchPlans(list_of("flow"))).launch_plans,
    ):
        assert [entity.id.version for entity in found] == ["v2", "v1"]
    only = await running.admin.ListTasks(list_of(filters="eq(version,v1)", limit=1))
    assert [task.id.version for task in only.tasks] == ["v1"]


async def test_nobody_has_to_log_in(running: Running) -> None:
    auth = auth_pb2_grpc.AuthMetadataServiceStub(running.channel)
    assert (await auth.GetOAuth2Metadata(auth_pb2.OAuth2MetadataRequest())).token_endpoint == ""
    assert (await auth.GetPublicClientConfig(auth_pb2.PublicClientAuthConfigRequest())).client_id == ""
    identity = identity_pb2_grpc.IdentityServiceStub(running.channel)
    assert (await identity.UserInfo(identity_pb2.UserInfoRequest())).subject == "anonymous"
