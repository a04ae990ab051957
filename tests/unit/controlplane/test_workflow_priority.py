"""How urgent executions are: they say it, else their launch plan, else their workflow."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from flytelike.codec.priority import fill_priority, priority_from_proto
from flytelike.controlplane.app import ControlPlane
from flytelike.model.policies import WorkflowMetadata
from flytelike_idl.admin import execution_pb2
from flytelike_idl.core import execution_pb2 as core_pb2
from tests.unit.controlplane.builders import (
    a_plan,
    a_task,
    a_workflow,
    create_execution,
    execution_id,
    register_request,
    settings_for,
    started,
)

pytestmark = pytest.mark.anyio
HIGH = core_pb2.QualityOfService(tier=core_pb2.QualityOfService.HIGH)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with started(settings_for(tmp_path)) as plane:
        yield plane


@pytest.mark.parametrize(
    ("workflow", "plan", "execution", "counts"),
    [
        (None, None, None, 0),
        (30, None, None, 30),
        (30, 0, None, 0),
        (30, HIGH, None, 100),
        (30, HIGH, -4, -4),
        (30, None, 0, 0),
    ],
)
async def test_who_is_nearer_to_the_execution_counts(
    plane: ControlPlane,
    workflow: int | None,
    plan: int | core_pb2.QualityOfService | None,
    execution: int | None,
    counts: int,
) -> None:
    of_workflow = replace(a_workflow(), metadata=WorkflowMetadata(priority=workflow))
    request = register_request(a_task(), of_workflow, a_plan())
    if isinstance(plan, int):
        fill_priority(plan, request.launch_plans[0].spec.quality_of_service)
    elif plan is not None:
        request.launch_plans[0].spec.quality_of_service.CopyFrom(plan)
    registration = await plane.registry.register(request)
    assert not registration.diagnostics
    asked = create_execution()
    if execution is not None:
        fill_priority(execution, asked.spec.quality_of_service)
    await plane.executions.create(asked, "ada")
    spec = execution_pb2.ExecutionSpec.FromString((await plane.executions.row(execution_id())).spec)
    assert priority_from_proto(spec.quality_of_service) == counts


async def test_a_workflow_s_priority_out_of_bounds_is_refused(plane: ControlPlane) -> None:
    wild = replace(a_workflow(), metadata=WorkflowMetadata(priority=5000))
    registration = await plane.registry.register(register_request(a_task(), wild))
    assert [found.code for found in registration.diagnostics] == ["invalid-priority"]
