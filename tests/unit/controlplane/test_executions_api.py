"""Executions as clients see them: created, read, listed, ended."""

from collections.abc import Awaitable, Mapping
from typing import Any

import grpc
import pytest
from google.protobuf import wrappers_pb2
from grpc import aio

from flytelike.codec.ids import execution_id_to_proto
from flytelike.codec.literals import literal_map_from_proto, literal_map_to_proto
from flytelike.codec.usage import asked_from_proto, used_from_proto
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.history import ChildEnded
from flytelike.model.failure import Failure, Fault
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath
from flytelike.model.literals import Literal
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike.model.usage import AskedResources, AttemptUse, ResourceAmounts
from flytelike_idl.admin import common_pb2, execution_pb2, node_execution_pb2, task_execution_pb2
from flytelike_idl.core import identifier_pb2, literals_pb2
from tests.unit.controlplane.builders import (
    FakeLauncher,
    Running,
    Story,
    a_plan,
    a_task,
    create_execution,
    execution_id,
    get_execution,
    list_of,
    module,
    number,
    object_get,
    plan_id,
    register_request,
    succeeded,
    task_id,
    text,
    workflow_id,
)

pytestmark = pytest.mark.anyio

BOOM = Failure("USER:ValueError", "no", Fault.USER, retryable=False)


async def refused(call: Awaitable[object]) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as told:
        await call
    return told.value


async def execute(running: Running, name: str = "run") -> None:
    await running.registration.Register(module())
    await running.admin.CreateExecution(create_execution(name))


def terminate(name: str = "run", cause: str = "enough") -> execution_pb2.ExecutionTerminateRequest:
    return execution_pb2.ExecutionTerminateRequest(id=execution_id_to_proto(execution_id(name)), cause=cause)


def node_id(path: str = "n0") -> identifier_pb2.NodeExecutionIdentifier:
    return identifier_pb2.NodeExecutionIdentifier(node_id=path, execution_id=execution_id_to_proto(execution_id()))


# --- create -----------------------------------------------------------------------------------


async def test_an_execution_is_kept_and_handed_over(running: Running) -> None:
    await execute(running)
    (request,) = running.launcher.launched
    assert (request.id, request.launch_plan, request.workflow) == (execution_id(), plan_id(), workflow_id())
    closure = await running.plane.store.get_async(request.closure_uri)
    assert closure
    assert request.closure_digest.startswith("sha256:")
    stored = literals_pb2.LiteralMap.FromString(await running.plane.store.get_async(request.inputs_uri))
    assert literal_map_from_proto(stored) == {"x": number(1)}
    found = await running.admin.GetExecution(get_execution())
    assert (found.closure.phase, found.spec.metadata.principal) == (WorkflowPhase.QUEUED, "anonymous")


async def test_a_name_is_made_when_none_is_given(running: Running) -> None:
    await running.registration.Register(module())
    answer = await running.admin.CreateExecution(create_execution(""))
    assert len(answer.id.name) == 20
    assert answer.id.name[0] == "a"


async def test_a_name_is_taken_once(running: Running) -> None:
    await execute(running)
    error = await refused(running.admin.CreateExecution(create_execution()))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS


@pytest.mark.parametrize("name", ["Run", "1run", "run_1", "-run", "r" * 64, "rün"])
async def test_names_are_checked(running: Running, name: str) -> None:
    await running.registration.Register(module())
    error = await refused(running.admin.CreateExecution(create_execution(name)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "invalid-execution-name" in (error.details() or "")


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({}, "missing-input"),
        ({"x": text("a")}, "wrong-input-type"),
        ({"x": number(1), "z": number(1)}, "unknown-input"),
    ],
)
async def test_inputs_are_checked(running: Running, inputs: Mapping[str, Literal], code: str) -> None:
    await running.registration.Register(module())
    error = await refused(running.admin.CreateExecution(create_execution(inputs=inputs)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert code in (error.details() or "")
    assert running.launcher.launched == []


async def test_defaults_fill_and_fixed_inputs_stay(running: Running) -> None:
    await running.registration.Register(module())
    await running.registration.Register(register_request(a_plan("five", default=5), a_plan("six", fixed=6)))
    for name in ("five", "six"):
        await running.admin.CreateExecution(create_execution(name, inputs={}, target=plan_id(name)))
        data = await running.admin.GetExecutionData(
            execution_pb2.WorkflowExecutionGetDataRequest(id=execution_id_to_proto(execution_id(name)))
        )
        assert literal_map_from_proto(data.full_inputs) == {"x": number({"five": 5, "six": 6}[name])}
        assert data.inputs.bytes > 0
    override = create_execution("seven", inputs={"x": number(7)}, target=plan_id("six"))
    assert "fixed-input" in ((await refused(running.admin.CreateExecution(override))).details() or "")


async def test_what_is_not_registered_cannot_run(running: Running) -> None:
    for target in (plan_id("nothing"), task_id("nothing")):
        error = await refused(running.admin.CreateExecution(create_execution(target=target)))
        assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_a_task_runs_on_its_own_in_a_workflow_made_for_it(running: Running) -> None:
    await running.registration.Register(register_request(a_task("my.pkg.double")))
    for name in ("one", "two"):
        await running.admin.CreateExecution(create_execution(name, target=task_id("my.pkg.double")))
    found = await running.admin.GetExecution(get_execution("two"))
    assert found.spec.launch_plan.resource_type == identifier_pb2.TASK
    assert found.closure.workflow_id.name == ".flytegen.my.pkg.double"
    made = await running.admin.GetWorkflow(object_get(workflow_id(".flytegen.my.pkg.double")))
    nodes = [node.id for node in made.closure.compiled_workflow.primary.template.nodes]
    assert "mypkgdouble" in nodes
    names = await running.admin.ListWorkflowIds(
        common_pb2.NamedEntityIdentifierListRequest(project="default", domain="development", limit=10)
    )
    assert names.entities == []
    assert [r.workflow.name for r in running.launcher.launched] == [".flytegen.my.pkg.double"] * 2


async def test_options_of_the_request_come_before_those_of_the_launch_plan(running: Running) -> None:
    await running.registration.Register(module())
    plan = register_request(a_plan("tuned")).launch_plans[0]
    plan.spec.labels.values["team"] = "plan"
    plan.spec.max_parallelism = 7
    plan.spec.interruptible.CopyFrom(wrappers_pb2.BoolValue(value=True))
    plan.spec.envs.values.add(key="A", value="plan")
    await running.admin.CreateLaunchPlan(plan)
    request = create_execution(target=plan_id("tuned"))
    request.spec.envs.values.add(key="A", value="request")
    request.spec.interruptible.CopyFrom(wrappers_pb2.BoolValue(value=False))
    request.spec.labels.SetInParent()
    await running.admin.CreateExecution(request)
    (launched,) = running.launcher.launched
    assert (launched.labels, launched.max_parallelism) == ({"team": "plan"}, 7)
    assert (launched.envs, launched.interruptible) == ({"A": "request"}, False)


async def test_relaunch_runs_the_same_again(running: Running) -> None:
    await execute(running)
    request = execution_pb2.ExecutionRelaunchRequest(id=execution_id_to_proto(execution_id()), name="again")
    await running.admin.RelaunchExecution(request)
    found = await running.admin.GetExecution(get_execution("again"))
    assert found.spec.metadata.mode == execution_pb2.ExecutionMetadata.RELAUNCH
    assert found.spec.metadata.reference_execution.name == "run"
    first, second = running.launcher.launched
    assert (first.closure_digest, first.launch_plan) == (second.closure_digest, second.launch_plan)


async def test_an_execution_survives_a_launcher_that_is_away(running: Running) -> None:
    running.launcher.failing = True
    await execute(running)
    running.launcher.failing = False
    await running.plane.reconcile()
    assert [request.id for request in running.launcher.launched] == [execution_id()]


# --- end --------------------------------------------------------------------------------------


async def test_terminate_asks_the_launcher_and_keeps_the_first_cause(running: Running) -> None:
    await execute(running)
    await running.plane.record(Story().run(WorkflowPhase.RUNNING).entries)
    await running.admin.TerminateExecution(terminate(cause="first"))
    await running.admin.TerminateExecution(terminate(cause="second"))
    assert running.launcher.aborted[0] == (execution_id(), "first", "anonymous")
    found = await running.admin.GetExecution(get_execution())
    assert (found.closure.phase, found.closure.abort_metadata.cause) == (WorkflowPhase.ABORTING, "first")
    await running.plane.record(Story().run(WorkflowPhase.RUNNING).run(WorkflowPhase.ABORTED).entries)
    found = await running.admin.GetExecution(get_execution())
    assert (found.closure.phase, found.closure.abort_metadata.cause) == (WorkflowPhase.ABORTED, "first")


async def test_what_has_ended_cannot_be_terminated(running: Running) -> None:
    await execute(running)
    await running.plane.record(succeeded())
    error = await refused(running.admin.TerminateExecution(terminate()))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_archiving(running: Running) -> None:
    await execute(running)
    update = execution_pb2.ExecutionUpdateRequest(
        id=execution_id_to_proto(execution_id()), state=execution_pb2.EXECUTION_ARCHIVED
    )
    await running.admin.UpdateExecution(update)
    archived = await running.admin.ListExecutions(list_of(filters="eq(state,1)"))
    active = await running.admin.ListExecutions(list_of(filters="eq(state,EXECUTION_ACTIVE)"))
    assert [e.closure.state_change_details.state for e in archived.executions] == [1]
    assert active.executions == []


async def test_executions_are_found_by_a_label(running: Running) -> None:
    await running.registration.Register(module())
    for name, labels in {"one": {"team": "a", "other": "b"}, "two": {"team": "b"}, "three": {}}.items():
        request = create_execution(name)
        request.spec.labels.values.update(labels)
        await running.admin.CreateExecution(request)

    async def found(filters: str) -> set[str]:
        return {it.id.name for it in (await running.admin.ListExecutions(list_of(filters=filters))).executions}

    assert await found("value_in(execution_tag.key,team)+value_in(execution_tag.value,a;b)") == {"one", "two"}
    assert await found("eq(execution_tag.key,team)+eq(execution_tag.value,b)") == {"two"}, "key and value of one label"
    assert await found("eq(execution_tag.key,team)+eq(name,one)") == {"one"}


# --- read -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "request_message"),
    [
        ("GetExecution", get_execution("none")),
        ("TerminateExecution", terminate("none")),
        ("GetTask", object_get(task_id("none"))),
        ("GetWorkflow", object_get(workflow_id("none"))),
        ("GetLaunchPlan", object_get(plan_id("none"))),
        ("GetDescriptionEntity", object_get(task_id("none"))),
        ("GetNodeExecution", node_execution_pb2.NodeExecutionGetRequest(id=node_id())),
    ],
)
async def test_what_is_not_there_is_not_found(running: Running, method: str, request_message: object) -> None:
    error = await refused(getattr(running.admin, method)(request_message))
    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_a_failed_execution_tells_why(running: Running) -> None:
    await execute(running)
    await running.plane.record(Story().run(WorkflowPhase.RUNNING).run(WorkflowPhase.FAILED, BOOM).entries)
    found = await running.admin.GetExecution(get_execution())
    assert (found.closure.error.code, found.closure.error.message) == (BOOM.code, "no")
    assert found.closure.duration.seconds == 1


async def test_outputs_are_given_whole(running: Running) -> None:
    await execute(running)
    uri = f"{running.plane.settings.base}/out.pb"
    running.plane.store.put(uri, literal_map_to_proto({"o0": number(2)}).SerializeToString())
    await running.plane.record(succeeded(output_uri=uri))
    data = await running.admin.GetExecutionData(
        execution_pb2.WorkflowExecutionGetDataRequest(id=execution_id_to_proto(execution_id()))
    )
    assert literal_map_from_proto(data.full_outputs) == {"o0": number(2)}
    assert data.outputs.url == uri


async def test_nodes_form_a_tree(running: Running) -> None:
    await execute(running)
    child = ExecutionId("default", "development", "child")
    story = Story().node("n0", NodePhase.RUNNING, is_parent=True).node("n0.0.n1", NodePhase.RUNNING, parent="n0")
    await running.plane.record(story.node("n2", NodePhase.RUNNING, child=child).entries)

    async def nodes(parent: str) -> list[node_execution_pb2.NodeExecution]:
        request = node_execution_pb2.NodeExecutionListRequest(
            workflow_execution_id=execution_id_to_proto(execution_id()),
            limit=100,
            unique_parent_id=parent,
            sort_by=common_pb2.Sort(key="created_at", direction=common_pb2.Sort.ASCENDING),
        )
        return list((await running.admin.ListNodeExecutions(request)).node_executions)

    assert [(n.id.node_id, n.metadata.is_parent_node) for n in await nodes("")] == [("n0", True), ("n2", False)]
    assert [(n.id.node_id, n.metadata.spec_node_id) for n in await nodes("n0")] == [("n0.0.n1", "n1")]
    assert len(await nodes("*")) == 3
    found = await running.admin.GetNodeExecution(node_execution_pb2.NodeExecutionGetRequest(id=node_id("n2")))
    assert found.closure.workflow_node_metadata.executionId.name == "child"


async def test_attempts_of_a_node(running: Running) -> None:
    await execute(running)
    story = Story().attempt("n0", TaskPhase.RUNNING).attempt("n0", TaskPhase.RETRYABLE_FAILED, 0, BOOM)
    await running.plane.record(story.attempt("n0", TaskPhase.RUNNING, 1).entries)
    request = task_execution_pb2.TaskExecutionListRequest(
        node_execution_id=node_id(), limit=10, sort_by=common_pb2.Sort(key="retry_attempt", direction="ASCENDING")
    )
    found = (await running.admin.ListTaskExecutions(request)).task_executions
    assert [(t.id.retry_attempt, t.closure.phase) for t in found] == [
        (0, TaskPhase.RETRYABLE_FAILED),
        (1, TaskPhase.RUNNING),
    ]
    assert found[0].closure.error.code == BOOM.code
    assert (found[0].id.task_id.name, found[0].closure.logs[0].uri) == ("double", "file:///logs/n0/0")


async def test_an_attempt_tells_what_it_asked_for_and_used(running: Running) -> None:
    """Whether both come with one batch of history, or each with its own."""
    asked = AskedResources(ResourceAmounts(500, 1 << 30, 1, 1 << 40), ResourceAmounts(memory_bytes=1 << 31))
    for name, apart in (("together", False), ("apart", True)):
        await execute(running, name)
        story = Story(execution_id(name)).attempt("n0", TaskPhase.QUEUED).attempt("n0", TaskPhase.RUNNING, asked=asked)
        story.attempt("n0", TaskPhase.SUCCEEDED, used=AttemptUse(5 << 40, 7))
        story.attempt("n1", TaskPhase.RUNNING).attempt("n1", TaskPhase.SUCCEEDED)
        for batch in [[entry] for entry in story.entries] if apart else [story.entries]:
            await running.plane.record(batch)

        async def attempt(node: str, of: str = name) -> task_execution_pb2.TaskExecutionClosure:
            key = identifier_pb2.NodeExecutionIdentifier(
                node_id=node, execution_id=execution_id_to_proto(execution_id(of))
            )
            request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=key, limit=10)
            (found,) = (await running.admin.ListTaskExecutions(request)).task_executions
            return found.closure

        found = await attempt("n0")
        assert asked_from_proto(found.asked) == asked
        assert used_from_proto(found.used) == AttemptUse(5 << 40, 7)
        nothing = await attempt("n1")
        assert (nothing.HasField("asked"), nothing.HasField("used")) == (False, False)


async def test_an_attempt_that_waits_for_resources_says_why(running: Running) -> None:
    await execute(running)
    story = Story().node("n0", NodePhase.RUNNING).attempt("n0", TaskPhase.QUEUED)
    story.attempt("n0", TaskPhase.WAITING_FOR_RESOURCES).node(
        "n0", NodePhase.RUNNING, waits="4 cpu: team a uses 4 of 6"
    )
    await running.plane.record(story.entries)
    request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=node_id(), limit=10)
    (listed,) = (await running.admin.ListTaskExecutions(request)).task_executions
    got = await running.admin.GetTaskExecution(task_execution_pb2.TaskExecutionGetRequest(id=listed.id))
    for attempt in (listed, got):
        assert attempt.closure.phase == TaskPhase.WAITING_FOR_RESOURCES
        assert attempt.closure.reason == "waits for 4 cpu: team a uses 4 of 6"
    await running.plane.record(story.attempt("n0", TaskPhase.RUNNING).node("n0", NodePhase.RUNNING).entries)
    got = await running.admin.GetTaskExecution(task_execution_pb2.TaskExecutionGetRequest(id=listed.id))
    assert (got.closure.phase, got.closure.reason) == (TaskPhase.RUNNING, "")


async def test_pages_follow_tokens(running: Running) -> None:
    for name in ("a1", "a2", "a3"):
        await execute(running, name)
    options: dict[str, Any] = {"limit": 2, "sort_by": common_pb2.Sort(key="created_at")}
    first = await running.admin.ListExecutions(list_of(**options))
    second = await running.admin.ListExecutions(list_of(token=first.token, **options))
    assert [e.id.name for e in (*first.executions, *second.executions)] == ["a3", "a2", "a1"]
    assert (first.token, second.token) == ("2", "")


@pytest.mark.parametrize(
    "options",
    [
        {"filters": "eq(nonsense,1)"},
        {"filters": "eq(execution_tag.nonsense,1)"},
        {"filters": "eq(phase,NONSENSE)"},
        {"filters": "drop table"},
        {"filters": "gt(created_at,yesterday)"},
        {"token": "x"},
        {"token": "-1"},
        {"sort_by": common_pb2.Sort(key="nonsense")},
    ],
)
async def test_lists_refuse_what_they_cannot_understand(running: Running, options: dict[str, Any]) -> None:
    error = await refused(running.admin.ListExecutions(list_of(limit=10, **options)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


# --- children ---------------------------------------------------------------------------------


def inputs_of(plane: ControlPlane, inputs: Mapping[str, Literal]) -> str:
    uri = f"{plane.settings.base}/child-inputs.pb"
    plane.store.put(uri, literal_map_to_proto(inputs).SerializeToString())
    return uri


async def test_a_node_starts_its_child_once(plane: ControlPlane, launcher: FakeLauncher) -> None:
    await plane.registry.register(module())
    request = create_execution()
    request.spec.labels.values["team"] = "x"
    await plane.executions.create(request, "me")
    parent = NodeExecutionId(execution_id(), NodePath("n1"))
    uri = inputs_of(plane, {"x": number(4)})
    first = await plane.children.start_child(parent, 0, plan_id(), uri)
    again = await plane.children.start_child(parent, 0, plan_id(), uri)
    retry = await plane.children.start_child(parent, 1, plan_id(), uri)
    assert first == again != retry
    _, child, _ = launcher.launched
    assert (child.id, child.parent, child.depth, child.labels) == (first, parent, 1, {"team": "x"})


async def test_the_end_of_a_child_is_told(plane: ControlPlane) -> None:
    await plane.registry.register(module())
    await plane.executions.create(create_execution(), "me")
    parent = NodeExecutionId(execution_id(), NodePath("n1"))
    child = await plane.children.start_child(parent, 2, plan_id(), inputs_of(plane, {"x": number(4)}))
    told: list[ChildEnded] = []
    plane.history.on_child_ended(told.append)
    story = Story(child).run(WorkflowPhase.RUNNING)
    await plane.record(story.entries)
    assert told == []
    await plane.record(story.run(WorkflowPhase.FAILED, BOOM).entries)
    await plane.record(story.entries)
    assert told == [ChildEnded(parent, 2, child)]
    state = await plane.children.child_status(child)
    assert state.phase is WorkflowPhase.FAILED
    assert state.failure is not None
    assert state.failure.code == BOOM.code


async def test_a_child_that_has_ended_is_left_alone(plane: ControlPlane, launcher: FakeLauncher) -> None:
    await plane.registry.register(module())
    await plane.executions.create(create_execution(), "me")
    parent = NodeExecutionId(execution_id(), NodePath("n1"))
    child = await plane.children.start_child(parent, 0, plan_id(), inputs_of(plane, {"x": number(4)}))
    await plane.children.abort_child(child, "the parent ended")
    await plane.record(Story(child).run(WorkflowPhase.ABORTED).entries)
    await plane.children.abort_child(child, "again")
    await plane.children.abort_child(execution_id("none"), "again")
    assert launcher.aborted == [(child, "the parent ended", "propeller")]


async def test_a_child_with_wrong_inputs_is_refused(plane: ControlPlane) -> None:
    await plane.registry.register(module())
    await plane.executions.create(create_execution(), "me")
    parent = NodeExecutionId(execution_id(), NodePath("n1"))
    with pytest.raises(Refusal, match="wrong-input-type"):
        await plane.children.start_child(parent, 0, plan_id(), inputs_of(plane, {"x": text("a")}))


async def test_children_do_not_lie_endlessly_deep(plane: ControlPlane) -> None:
    await plane.registry.register(module())
    await plane.executions.create(create_execution(), "me")
    execution, uri = execution_id(), inputs_of(plane, {"x": number(4)})
    for _ in range(plane.settings.limits.launch_plan_depth):
        execution = await plane.children.start_child(NodeExecutionId(execution, NodePath("n")), 0, plan_id(), uri)
    with pytest.raises(Refusal, match="launch-plans-too-deep"):
        await plane.children.start_child(NodeExecutionId(execution, NodePath("n")), 0, plan_id(), uri)
