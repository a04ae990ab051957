"""What dynamic tasks give is compiled as what clients send: no task is trusted."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from flytelike.codec.closures import closure_from_proto
from flytelike.codec.dynamic_jobs import dynamic_job_to_proto
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.graphs import graph_id
from flytelike.controlplane.repository.attributes import Setting, Target
from flytelike.model.dynamic_job import DynamicJob
from flytelike.model.graph import Binding, BoundPromise, BoundScalar, Node, Promise, TaskTarget, WorkflowTemplate
from flytelike.model.ids import NodeId
from flytelike.model.interface import TypedInterface
from flytelike.model.literals import Primitive
from flytelike_idl.admin import matchable_resource_pb2 as pb
from flytelike_idl.core import compiler_pb2, dynamic_job_pb2, tasks_pb2
from tests.unit.controlplane.builders import Running, a_task, module, task_id

pytestmark = pytest.mark.anyio

TASK = a_task("spread")
RESOURCES = pb.TaskResourceAttributes(
    defaults=pb.TaskResourceSpec(cpu="500m"), limits=pb.TaskResourceSpec(memory="1Gi")
)
SETTINGS = [Setting(Target("default"), pb.MatchingAttributes(task_resource_attributes=RESOURCES))]


def job(value: object = 3, *, image: str = "python", project: str = "default", nodes: int = 1) -> DynamicJob:
    """Return a job whose nodes double a number."""
    double = a_task(image=image)
    double = replace(double, id=replace(double.id, project=project))
    given = tuple(
        Node(NodeId(f"dn{number}"), TaskTarget(double.id), (Binding("x", BoundScalar(Primitive(value))),))
        for number in range(nodes)
    )
    outputs = (Binding("o0", BoundPromise(Promise(NodeId("dn0"), "o0"))),)
    return DynamicJob(WorkflowTemplate(graph_id(TASK.id), TypedInterface({}, {}), given, outputs), (double,))


async def compiled(
    running: Running, given: DynamicJob, settings: Sequence[Setting] = SETTINGS
) -> compiler_pb2.CompiledWorkflowClosure:
    uri = f"{running.plane.settings.base}/futures.pb"
    await running.plane.store.put_async(uri, dynamic_job_to_proto(given).SerializeToString())
    digest = await running.plane.graphs.compile(TASK, uri, settings)
    return compiler_pb2.CompiledWorkflowClosure.FromString(await running.plane.graphs.closure(digest))


async def refused(running: Running, given: DynamicJob, settings: Sequence[Setting] = SETTINGS) -> set[str]:
    with pytest.raises(Refusal) as refusal:
        await compiled(running, given, settings)
    return {found.code for found in refusal.value.diagnostics}


async def test_a_graph_has_the_outputs_of_its_task(running: Running) -> None:
    closure = closure_from_proto(await compiled(running, job()))
    assert closure.primary.template.interface == TypedInterface({}, TASK.interface.outputs)
    assert list(closure.tasks) == [task_id()]


async def test_its_tasks_get_what_settings_say_of_resources(running: Running) -> None:
    (task,) = (await compiled(running, job())).tasks
    requests = {entry.name: entry.value for entry in task.template.container.resources.requests}
    assert requests[tasks_pb2.Resources.CPU] == "500m"


async def test_what_is_registered_counts_whatever_the_task_says_of_it(running: Running) -> None:
    await running.registration.Register(module())
    closure = closure_from_proto(await compiled(running, job(image="another")))
    container = closure.tasks[task_id()].container
    assert container is not None
    assert container.image == "python"


async def test_what_is_not_registered_comes_along(running: Running) -> None:
    closure = closure_from_proto(await compiled(running, job(image="another")))
    container = closure.tasks[task_id()].container
    assert container is not None
    assert container.image == "another"


async def test_faults_are_those_of_the_compiler(running: Running) -> None:
    assert await refused(running, job("three")) == {"mismatching-types"}


async def test_its_tasks_are_run_by_no_plugin_that_is_not_there(running: Running) -> None:
    type_ = (await compiled(running, job())).tasks[0].template.type
    overrides = {"overrides": [{"task_type": type_, "plugin_id": ["ray"]}]}
    setting = Setting(Target("default"), pb.MatchingAttributes(plugin_overrides=overrides))  # type: ignore[arg-type]
    assert await refused(running, job(), [setting]) == {"plugin-not-there"}


async def test_a_task_speaks_for_its_own_project_only(running: Running) -> None:
    assert "foreign-entity" in await refused(running, job(project="flytesnacks"))


async def test_nodes_are_bounded(running: Running) -> None:
    uri = f"{running.plane.settings.base}/futures.pb"
    message = dynamic_job_pb2.DynamicJobSpec()
    for _ in range(10_001):
        message.nodes.add(id="dn0")
    await running.plane.store.put_async(uri, message.SerializeToString())
    with pytest.raises(Refusal, match="too-many-nodes"):
        await running.plane.graphs.compile(TASK, uri, SETTINGS)
