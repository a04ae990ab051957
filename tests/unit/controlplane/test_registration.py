"""Registering: all or nothing, once, and never changed."""

from dataclasses import replace

import grpc
import pytest
from grpc import aio

from flytelike.model.graph import Container
from flytelike.model.span import SourceSpan
from flytelike.model.types import STRING
from flytelike_idl.admin import description_entity_pb2, project_pb2
from flytelike_idl.service import registration_pb2
from tests.unit.controlplane.builders import (
    Running,
    a_plan,
    a_task,
    a_workflow,
    create_plan,
    create_task,
    create_workflow,
    list_of,
    module,
    object_get,
    plan_id,
    register_request,
    task_id,
    workflow_id,
)

pytestmark = pytest.mark.anyio

CREATED, UNCHANGED, CONFLICT, REJECTED = (
    registration_pb2.RegisteredEntity.OUTCOME_CREATED,
    registration_pb2.RegisteredEntity.OUTCOME_UNCHANGED,
    registration_pb2.RegisteredEntity.OUTCOME_CONFLICT,
    registration_pb2.RegisteredEntity.OUTCOME_REJECTED,
)


def outcomes(response: registration_pb2.RegisterResponse) -> list[int]:
    return [entity.outcome for entity in response.entities]


def codes(response: registration_pb2.RegisterResponse) -> list[str]:
    return [diagnostic.code for diagnostic in response.diagnostics]


async def registered_names(running: Running) -> list[str]:
    tasks = await running.admin.ListTasks(list_of())
    workflows = await running.admin.ListWorkflows(list_of())
    plans = await running.admin.ListLaunchPlans(list_of())
    return [entity.id.name for entity in (*tasks.tasks, *workflows.workflows, *plans.launch_plans)]


async def test_a_module_is_registered_and_registered_again(running: Running) -> None:
    first = await running.registration.Register(module())
    again = await running.registration.Register(module())
    assert outcomes(first) == [CREATED] * 3
    assert outcomes(again) == [UNCHANGED] * 3
    assert [entity.digest for entity in first.entities] == [entity.digest for entity in again.entities]


async def test_a_dry_run_says_the_same_and_stores_nothing(running: Running) -> None:
    request = module()
    request.dry_run = True
    assert outcomes(await running.registration.Register(request)) == [CREATED] * 3
    assert await registered_names(running) == []


async def test_one_bad_entity_keeps_all_out(running: Running) -> None:
    request = register_request(a_task(), a_workflow(), a_workflow("bad", task="missing"), a_plan())
    response = await running.registration.Register(request)
    assert outcomes(response) == [REJECTED] * 4
    assert codes(response) == ["task-not-found"]
    assert await registered_names(running) == []


async def test_a_conflict_keeps_all_out_and_shows_the_difference(running: Running) -> None:
    await running.registration.Register(register_request(a_task(image="old")))
    response = await running.registration.Register(register_request(a_task(image="new"), a_task("other")))
    assert outcomes(response) == [CONFLICT, REJECTED]
    assert list(response.entities[0].difference) == ["container.image: 'old' -> 'new'"]
    assert codes(response) == []  # the outcome says it
    assert await registered_names(running) == ["double"]


async def test_the_difference_of_a_workflow_names_the_node(running: Running) -> None:
    await running.registration.Register(register_request(a_task(), a_task("triple"), a_workflow()))
    changed = register_request(a_task(), a_task("triple"), a_workflow(task="triple"))
    response = await running.registration.Register(changed)
    assert "primary.template.nodes[n0].task_node.reference_id.name: 'double' -> 'triple'" in list(
        response.entities[2].difference
    )


async def test_where_something_was_written_is_no_difference(running: Running) -> None:
    await running.registration.Register(register_request(a_task()))
    moved = replace(a_task(), span=SourceSpan("flow.py", 12, 1))
    assert outcomes(await running.registration.Register(register_request(moved))) == [UNCHANGED]


async def test_entities_may_refer_to_what_was_registered_before(running: Running) -> None:
    await running.registration.Register(register_request(a_task()))
    await running.registration.Register(register_request(a_workflow()))
    assert outcomes(await running.registration.Register(register_request(a_plan()))) == [CREATED]


async def test_all_faults_of_a_request_come_at_once(running: Running) -> None:
    request = register_request(a_task(version=""), replace(a_plan(), id=replace(plan_id(), name="")))
    response = await running.registration.Register(request)
    assert codes(response) == ["missing-field", "missing-field"]
    assert outcomes(response) == [REJECTED, REJECTED]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"project": "nobodys"}, "unknown-project"),
        ({"domain": "moon"}, "unknown-domain"),
        ({"name": ".flytegen.x"}, "reserved-name"),
        ({"name": "x" * 300}, "invalid-name"),
        ({"version": "a\nb"}, "invalid-name"),
        ({"org": "acme"}, "unknown-organisation"),
    ],
)
async def test_names_are_checked(running: Running, change: dict[str, str], code: str) -> None:
    task = replace(a_task(), id=replace(task_id(), **change))
    assert code in codes(await running.registration.Register(register_request(task)))


async def test_an_archived_project_takes_nothing(running: Running) -> None:
    await running.admin.UpdateProject(project_pb2.Project(id="default", state=project_pb2.Project.ARCHIVED))
    assert codes(await running.registration.Register(module())) == ["archived-project"]


# --- as stock clients do it -------------------------------------------------------------------


async def refused(call: object) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as told:
        await call  # type: ignore[misc]
    return told.value


async def test_single_creates_in_the_order_of_stock_clients(running: Running) -> None:
    await running.admin.CreateTask(create_task(a_task()))
    await running.admin.CreateWorkflow(create_workflow(a_workflow()))
    await running.admin.CreateLaunchPlan(create_plan(a_plan(default=3)))
    plan = await running.admin.GetLaunchPlan(object_get(plan_id()))
    assert plan.closure.expected_inputs.parameters["x"].default.scalar.primitive.integer == 3
    assert list(plan.closure.expected_outputs.variables) == ["o0"]


async def test_the_same_again_already_exists(running: Running) -> None:
    for create, request in (
        (running.admin.CreateTask, create_task(a_task())),
        (running.admin.CreateWorkflow, create_workflow(a_workflow())),
        (running.admin.CreateLaunchPlan, create_plan(a_plan())),
    ):
        await create(request)
        assert (await refused(create(request))).code() is grpc.StatusCode.ALREADY_EXISTS


async def test_other_content_under_a_known_version_is_an_invalid_argument_with_the_difference(running: Running) -> None:
    await running.admin.CreateTask(create_task(a_task(image="old")))
    error = await refused(running.admin.CreateTask(create_task(a_task(image="new"))))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "container.image: 'old' -> 'new'" in (error.details() or "")


async def test_a_workflow_needs_its_tasks_first(running: Running) -> None:
    error = await refused(running.admin.CreateWorkflow(create_workflow(a_workflow())))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "task-not-found" in (error.details() or "")


async def test_types_are_checked_here_whatever_the_client_checked(running: Running) -> None:
    response = await running.registration.Register(register_request(a_task(), a_workflow(of=STRING)))
    assert codes(response) == ["mismatching-types"]


async def test_a_workflow_brings_its_sub_workflows_along(running: Running) -> None:
    await running.admin.CreateTask(create_task(a_task()))
    request = create_workflow(a_workflow())
    request.spec.sub_workflows.append(create_workflow(a_workflow("inner")).spec.template)
    await running.admin.CreateWorkflow(request)
    found = await running.admin.GetWorkflow(object_get(workflow_id()))
    assert found.closure.compiled_workflow.primary.template.id.name == "flow"
    assert [task.template.id.name for task in found.closure.compiled_workflow.tasks] == ["double"]


async def test_descriptions_are_kept_beside_the_spec(running: Running) -> None:
    request = create_task(a_task())
    request.spec.description.CopyFrom(
        description_entity_pb2.DescriptionEntity(
            short_description="doubles", long_description=description_entity_pb2.Description(value="a number")
        )
    )
    await running.admin.CreateTask(request)
    found = await running.admin.GetDescriptionEntity(object_get(task_id()))
    assert (found.id.name, found.long_description.value) == ("double", "a number")
    assert (await running.admin.GetTask(object_get(task_id()))).short_description == "doubles"


async def test_a_template_without_container_is_no_reason_to_fall_over(running: Running) -> None:
    bare = replace(a_task(), container=Container(""))
    response = await running.registration.Register(register_request(bare))
    assert outcomes(response) == [REJECTED]
