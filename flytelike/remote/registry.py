"""Reading the registry: the newest or a given version of tasks, workflows and launch plans."""

from collections.abc import Mapping
from dataclasses import dataclass

from flytelike.codec.ids import identifier_from_proto
from flytelike.codec.interface import interface_from_proto, parameter_map_from_proto, variable_map_from_proto
from flytelike.model.ids import Identifier, ResourceKind
from flytelike.model.interface import Parameter, Variable
from flytelike.remote.client import Client
from flytelike.remote.errors import RemoteError
from flytelike_idl.admin import common_pb2, launch_plan_pb2, project_pb2, task_pb2

NEWEST_FIRST = common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING)


@dataclass(frozen=True, slots=True)
class Target:
    """Something that can be executed, with what it takes and gives."""

    id: Identifier
    parameters: dict[str, Parameter]
    outputs: Mapping[str, Variable]


async def find_target(client: Client, project: str, domain: str, name: str, version: str) -> Target | None:
    """Return the launch plan, or else the task, named `name`; the newest when `version` is empty."""
    plan = await find_launch_plan(client, project, domain, name, version)
    return plan if plan is not None else await find_task(client, project, domain, name, version)


async def find_launch_plan(client: Client, project: str, domain: str, name: str, version: str) -> Target | None:
    """Return a launch plan as a target, or None when there is none."""
    request = common_pb2.ResourceListRequest(
        id=common_pb2.NamedEntityIdentifier(project=project, domain=domain, name=name),
        limit=1,
        filters=f"eq(version,{version})" if version else "",
        sort_by=NEWEST_FIRST,
    )
    page = await client.call(client.admin.ListLaunchPlans(request))
    for plan in page.launch_plans:
        return launch_plan_target(plan)
    return None


def launch_plan_target(plan: launch_plan_pb2.LaunchPlan) -> Target:
    """Return a launch plan message as a target."""
    return Target(
        identifier_from_proto(plan.id),
        dict(parameter_map_from_proto(plan.closure.expected_inputs)),
        variable_map_from_proto(plan.closure.expected_outputs),
    )


async def find_task(client: Client, project: str, domain: str, name: str, version: str) -> Target | None:
    """Return a task as a target, or None when there is none."""
    request = common_pb2.ResourceListRequest(
        id=common_pb2.NamedEntityIdentifier(project=project, domain=domain, name=name),
        limit=1,
        filters=f"eq(version,{version})" if version else "",
        sort_by=NEWEST_FIRST,
    )
    page = await client.call(client.admin.ListTasks(request))
    for task in page.tasks:
        return task_target(task)
    return None


def task_target(task: task_pb2.Task) -> Target:
    """Return a task message as a target: every input is required."""
    interface = interface_from_proto(task.closure.compiled_task.template.interface)
    parameters = {name: Parameter(variable) for name, variable in interface.inputs.items()}
    identifier = identifier_from_proto(task.id)
    return Target(identifier, parameters, interface.outputs)


async def create_project(client: Client, name: str, description: str) -> None:
    """Register a project; raises RemoteError when it exists or the name is not acceptable."""
    project = project_pb2.Project(id=name, name=name, description=description)
    await client.call(client.admin.RegisterProject(project_pb2.ProjectRegisterRequest(project=project)))


async def projects(client: Client) -> list[project_pb2.Project]:
    """Return the active projects."""
    page = await client.call(client.admin.ListProjects(project_pb2.ProjectListRequest(limit=1_000)))
    return list(page.projects)


def is_task(target: Target) -> bool:
    """Tell whether the target is a single task."""
    return target.id.kind is ResourceKind.TASK


def missing(name: str, version: str) -> RemoteError:
    """Return the error for a target that is not registered."""
    wanted = f"{name}@{version}" if version else name
    return RemoteError("NOT_FOUND", f"nothing named {wanted} is registered")


async def versions(client: Client, kind: str, project: str, domain: str, name: str, limit: int) -> list[dict[str, str]]:
    """Return flat records of `workflows`, `tasks` or `launch-plans`, newest first."""
    request = common_pb2.ResourceListRequest(
        id=common_pb2.NamedEntityIdentifier(project=project, domain=domain, name=name),
        limit=limit,
        sort_by=NEWEST_FIRST,
    )
    match kind:
        case "workflows":
            found = [w.id for w in (await client.call(client.admin.ListWorkflows(request))).workflows]
        case "tasks":
            found = [t.id for t in (await client.call(client.admin.ListTasks(request))).tasks]
        case _:
            found = [p.id for p in (await client.call(client.admin.ListLaunchPlans(request))).launch_plans]
    return [{"name": identifier.name, "version": identifier.version} for identifier in found]
