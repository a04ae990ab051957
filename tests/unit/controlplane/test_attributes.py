"""Settings of projects, domains and workflows: made as stock clients make them, in force at launch, explained."""

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import grpc
import pytest
from grpc import aio

from flytelike.controlplane.attributes.assigning import assign
from flytelike.model.labels import QUEUE_LABEL
from flytelike_idl.admin import execution_pb2
from flytelike_idl.admin import matchable_resource_pb2 as pb
from flytelike_idl.admin import project_attributes_pb2 as project_pb
from flytelike_idl.admin import project_domain_attributes_pb2 as domain_pb
from flytelike_idl.admin import workflow_attributes_pb2 as workflow_pb
from flytelike_idl.core import compiler_pb2, tasks_pb2
from flytelike_idl.service import tenancy_pb2, tenancy_pb2_grpc
from tests.unit.controlplane.builders import (
    DOMAIN,
    PROJECT,
    Running,
    create_execution,
    execution_id,
    module,
    served,
    settings_for,
)

pytestmark = pytest.mark.anyio
CONFIG, RESOURCE = pb.WORKFLOW_EXECUTION_CONFIG, pb.TASK_RESOURCE


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def running(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    url = f"sqlite:///{tmp_path}/t.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    async with served(settings_for(tmp_path, url)) as running:
        await running.plane.registry.register(module())
        yield running


def config(**said: object) -> pb.MatchingAttributes:
    return pb.MatchingAttributes(workflow_execution_config=pb.WorkflowExecutionConfig(**said))  # type: ignore[arg-type]


def resources(defaults: dict[str, str], limits: dict[str, str]) -> pb.MatchingAttributes:
    said = pb.TaskResourceAttributes(
        defaults=pb.TaskResourceSpec(**defaults),
        limits=pb.TaskResourceSpec(**limits),
    )
    return pb.MatchingAttributes(task_resource_attributes=said)


async def put(running: Running, attributes: pb.MatchingAttributes, domain: str = "", workflow: str = "") -> None:
    if workflow:
        said = workflow_pb.WorkflowAttributes(
            project=PROJECT, domain=domain, workflow=workflow, matching_attributes=attributes
        )
        await running.admin.UpdateWorkflowAttributes(workflow_pb.WorkflowAttributesUpdateRequest(attributes=said))
    elif domain:
        here = domain_pb.ProjectDomainAttributes(project=PROJECT, domain=domain, matching_attributes=attributes)
        await running.admin.UpdateProjectDomainAttributes(
            domain_pb.ProjectDomainAttributesUpdateRequest(attributes=here)
        )
    else:
        all_ = project_pb.ProjectAttributes(project=PROJECT, matching_attributes=attributes)
        await running.admin.UpdateProjectAttributes(project_pb.ProjectAttributesUpdateRequest(attributes=all_))


async def refused(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(aio.AioRpcError) as told:
        await call
    return told.value.code(), told.value.details() or ""


async def started(running: Running, name: str = "e", **spec: object) -> execution_pb2.ExecutionSpec:
    request = create_execution(name)
    request.spec.MergeFrom(execution_pb2.ExecutionSpec(**spec))  # type: ignore[arg-type]
    await running.admin.CreateExecution(request)
    row = await running.plane.executions.row(execution_id(name))
    return execution_pb2.ExecutionSpec.FromString(row.spec)


async def test_a_setting_is_made_found_from_below_and_taken_back(running: Running) -> None:
    await put(running, config(max_parallelism=7))
    asked = workflow_pb.WorkflowAttributesGetRequest(
        project=PROJECT, domain=DOMAIN, workflow="flow", resource_type=CONFIG
    )
    found = (await running.admin.GetWorkflowAttributes(asked)).attributes
    assert (found.workflow, found.matching_attributes.workflow_execution_config.max_parallelism) == ("flow", 7)
    listed = await running.admin.ListMatchableAttributes(pb.ListMatchableAttributesRequest(resource_type=CONFIG))
    assert [(one.project, one.domain, one.workflow) for one in listed.configurations] == [(PROJECT, "", "")]
    gone = project_pb.ProjectAttributesDeleteRequest(project=PROJECT, resource_type=CONFIG)
    await running.admin.DeleteProjectAttributes(gone)
    assert (await refused(running.admin.DeleteProjectAttributes(gone)))[0] is grpc.StatusCode.NOT_FOUND
    assert (await refused(running.admin.GetWorkflowAttributes(asked)))[0] is grpc.StatusCode.NOT_FOUND


async def test_each_field_comes_from_the_most_specific_that_says_it(running: Running) -> None:
    await put(running, config(max_parallelism=1, overwrite_cache=True, labels={"values": {"a": "project"}}))
    await put(running, config(max_parallelism=2, annotations={"values": {"b": "domain"}}), DOMAIN)
    await put(running, config(max_parallelism=3), DOMAIN, "flow")
    await put(running, config(max_parallelism=4), DOMAIN, "other")
    spec = await started(running)
    assert (spec.max_parallelism, spec.overwrite_cache) == (3, True)
    assert (dict(spec.labels.values), dict(spec.annotations.values)) == ({"a": "project"}, {"b": "domain"})
    own = await started(running, "own", max_parallelism=9, labels={"values": {"mine": "yes"}})
    assert (own.max_parallelism, dict(own.labels.values)) == (9, {"mine": "yes"})


async def test_the_quality_of_service_is_inherited(running: Running) -> None:
    await put(running, pb.MatchingAttributes(quality_of_service={"tier": "HIGH"}))  # type: ignore[arg-type]
    assert (await started(running)).quality_of_service.tier == 1


async def test_tasks_get_the_defaults_and_no_more_than_the_limits(running: Running) -> None:
    await put(running, resources({"cpu": "500m"}, {"cpu": "1"}))
    await put(running, resources({"memory": "1Gi"}, {}), DOMAIN, "flow")
    await started(running)
    row = await running.plane.executions.row(execution_id("e"))
    stored = await running.plane.store.get_async(row.closure_uri)
    (task,) = compiler_pb2.CompiledWorkflowClosure.FromString(stored).tasks
    asked = {entry.name: entry.value for entry in task.template.container.resources.requests}
    assert (asked[tasks_pb2.Resources.CPU], asked[tasks_pb2.Resources.MEMORY]) == ("500m", "1Gi")
    assert row.closure_digest == running.launcher.launched[0].closure_digest


async def test_it_is_told_what_holds_and_why(running: Running) -> None:
    await put(running, config(max_parallelism=1))
    await put(running, config(max_parallelism=2), DOMAIN)
    await put(running, resources({"cpu": "1"}, {}))
    stub = tenancy_pb2_grpc.TenancyServiceStub(running.channel)
    request = tenancy_pb2.ExplainTenancyConfigRequest(project=PROJECT, domain=DOMAIN, workflow="flow")
    told = {one.name: one for one in (await stub.ExplainTenancyConfig(request)).values}
    found = told["max_parallelism"]
    assert (found.value, found.source) == ("2", f"domain {PROJECT}/{DOMAIN}")
    assert [(one.value, one.source) for one in found.hidden] == [("1", f"project {PROJECT}")]
    assert told["task_resources.defaults.cpu"].source == f"project {PROJECT}"
    assert told["raw_output_data_config"].source == "platform"


@pytest.mark.parametrize(
    "attributes",
    [
        pb.MatchingAttributes(),
        config(max_parallelism=-1),
        resources({"cpu": "lots"}, {}),
        resources({"cpu": "2"}, {"cpu": "1"}),
        config(labels={"values": {"a": "x" * 70_000}}),
        pb.MatchingAttributes(execution_queue_attributes={"tags": ["a", "b"]}),  # type: ignore[arg-type]
        pb.MatchingAttributes(execution_queue_attributes={"tags": ["no queue"]}),  # type: ignore[arg-type]
        pb.MatchingAttributes(plugin_overrides={"overrides": [{"plugin_id": ["spark"]}]}),  # type: ignore[arg-type]
    ],
)
async def test_what_cannot_be_is_refused(running: Running, attributes: pb.MatchingAttributes) -> None:
    code, text = await refused(put(running, attributes))
    assert (code, "[invalid-attributes]" in text) == (grpc.StatusCode.INVALID_ARGUMENT, True)


@pytest.mark.parametrize(
    "attributes",
    [
        pb.MatchingAttributes(execution_cluster_label={"value": "east"}),  # type: ignore[arg-type]
        pb.MatchingAttributes(cluster_assignment={"cluster_pool_name": "east"}),  # type: ignore[arg-type]
    ],
)
async def test_what_there_is_nothing_for_is_refused(running: Running, attributes: pb.MatchingAttributes) -> None:
    code, text = await refused(put(running, attributes))
    assert (code, "[unsupported-attribute]" in text) == (grpc.StatusCode.INVALID_ARGUMENT, True)


def plugins(*names: str, missing: str = "FAIL", of: str = "python-task") -> pb.MatchingAttributes:
    override = {"task_type": of, "plugin_id": names, "missing_plugin_behavior": missing}
    return pb.MatchingAttributes(plugin_overrides={"overrides": [override]})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("attributes", "runs"),
    [
        (plugins("ray", "container"), True),
        (plugins("ray"), False),
        (plugins("ray", missing="USE_DEFAULT"), True),
        (plugins("ray", of="spark"), True),
        (plugins(), False),
    ],
)
async def test_tasks_are_run_by_the_plugins_that_a_setting_names(
    running: Running, attributes: pb.MatchingAttributes, runs: bool
) -> None:
    await put(running, attributes)
    if runs:
        await started(running)
        return
    code, text = await refused(started(running))
    assert (code, "[plugin-not-there]" in text) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    assert f"project {PROJECT} gives to" in text
    assert not running.launcher.launched


async def test_the_most_specific_setting_says_which_plugin_runs_a_type(running: Running) -> None:
    await put(running, plugins("ray"))
    await put(running, plugins("sidecar"), DOMAIN)
    await started(running)
    stub = tenancy_pb2_grpc.TenancyServiceStub(running.channel)
    request = tenancy_pb2.ExplainTenancyConfigRequest(project=PROJECT, domain=DOMAIN, workflow="flow")
    told = {one.name: one for one in (await stub.ExplainTenancyConfig(request)).values}
    found = told["plugin_overrides.python-task"]
    assert (found.value, found.source) == ("sidecar (else FAIL)", f"domain {PROJECT}/{DOMAIN}")
    assert [(one.value, one.source) for one in found.hidden] == [("ray (else FAIL)", f"project {PROJECT}")]


async def test_an_execution_is_labelled_with_its_queue(running: Running) -> None:
    """By the most specific setting, unless it says one itself."""
    for tag, domain in (("slow", ""), ("fast", DOMAIN)):
        await put(running, pb.MatchingAttributes(execution_queue_attributes={"tags": [tag]}), domain)  # type: ignore[arg-type]
    spec = await started(running, labels={"values": {"mine": "yes"}})
    assert dict(spec.labels.values) == {"mine": "yes", QUEUE_LABEL: "fast"}
    own = await started(running, "own", labels={"values": {QUEUE_LABEL: "own"}})
    assert dict(own.labels.values) == {QUEUE_LABEL: "own"}
    assert running.launcher.launched[0].labels[QUEUE_LABEL] == "fast"


async def test_a_setting_is_made_for_something_that_is_there(running: Running) -> None:
    code, text = await refused(put(running, config(max_parallelism=1), "nowhere"))
    assert (code, "[unknown-domain]" in text) == (grpc.StatusCode.INVALID_ARGUMENT, True)


def test_a_task_that_says_something_keeps_it_within_the_limit() -> None:
    asked = tasks_pb2.Resources()
    asked.requests.add(name=tasks_pb2.Resources.CPU, value="4")
    asked.limits.add(name=tasks_pb2.Resources.MEMORY, value="1Gi")
    assign(
        asked,
        pb.TaskResourceAttributes(
            defaults=pb.TaskResourceSpec(cpu="1", memory="512Mi", gpu="1"), limits=pb.TaskResourceSpec(cpu="2")
        ),
    )
    told = {(kind, one.name): one.value for kind in ("requests", "limits") for one in getattr(asked, kind)}
    resources = tasks_pb2.Resources
    assert told == {
        ("requests", resources.CPU): "2",
        ("limits", resources.MEMORY): "1Gi",
        ("requests", resources.GPU): "1",
        ("limits", resources.GPU): "1",
    }
