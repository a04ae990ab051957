"""What every control plane promises the engine of history, children and graphs, beside it or over the network."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from flytelike.codec.dynamic_jobs import dynamic_job_to_proto
from flytelike.codec.literals import literal_map_to_proto
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.repository.gaps import accept_gap
from flytelike.embedded.adapters import ChildrenOfPlane
from flytelike.embedded.closures import ClosuresOfPlane
from flytelike.model.failure import Failure, Fault
from flytelike.model.history import Gap, HistoryGap
from flytelike.model.ids import Digest, NodeExecutionId, NodePath
from flytelike.model.literals import Literal
from flytelike.model.phases import WorkflowPhase
from propeller.app.control_plane.ports import RemoteChildren, RemoteClosures, RemoteSink
from propeller.ports import ChildRefused, Children, Closures, EventSink, GraphRefused
from tests.contracts.over_the_wire import over_the_wire
from tests.unit.controlplane.builders import (
    FakeLauncher,
    Story,
    create_execution,
    execution_id,
    module,
    number,
    plan_id,
    settings_for,
    started,
    succeeded,
    text,
)
from tests.unit.controlplane.test_graphs import TASK, job

pytestmark = pytest.mark.anyio
PORTS = {
    "Children": ("ChildrenOfPlane", "RemoteChildren"),
    "Closures": ("ClosuresOfPlane", "RemoteClosures"),
    "EventSink": ("started", "RemoteSink"),
}
BOOM = Failure("USER:ValueError", "boom", Fault.USER, retryable=False)
PARENT = NodeExecutionId(execution_id(), NodePath("n1"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Met:
    """A control plane with a running execution, and the ports by which an engine meets it."""

    plane: ControlPlane
    launcher: FakeLauncher
    sink: EventSink
    children: Children
    closures: Closures

    async def inputs(self, value: Literal) -> str:
        uri = f"{self.plane.settings.base}/child-inputs.pb"
        await self.plane.store.put_async(uri, literal_map_to_proto({"x": value}).SerializeToString())
        return uri

    async def phase(self) -> WorkflowPhase:
        found = await self.plane.reading.execution(execution_id())
        return WorkflowPhase(found.closure.phase)


@pytest.fixture(params=["beside", "wire"])
async def met(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Met]:
    launcher = FakeLauncher()
    async with started(settings_for(tmp_path), launcher=launcher) as plane:
        await plane.registry.register(module())
        await plane.executions.create(create_execution(), "me")
        if request.param == "beside":
            yield Met(plane, launcher, plane, ChildrenOfPlane(plane), ClosuresOfPlane(plane, plane.store))
            return
        async with over_the_wire(plane) as at:
            yield Met(plane, launcher, RemoteSink(at), RemoteChildren(at), RemoteClosures(at, plane.store))


# --- history ----------------------------------------------------------------------------------


async def test_history_told_twice_counts_once(met: Met) -> None:
    entries = succeeded()
    for batch in (entries[:2], entries[:2], entries, entries):
        await met.sink.record(batch)
    assert await met.phase() is WorkflowPhase.SUCCEEDED


async def test_history_with_a_gap_is_not_taken(met: Met) -> None:
    entries = succeeded()
    with pytest.raises(HistoryGap) as told:
        await met.sink.record([entries[0], entries[2]])
    assert told.value.gaps == (Gap(entries[0].execution, 2, 3),)
    await met.sink.record(entries)
    assert await met.phase() is WorkflowPhase.SUCCEEDED


async def test_history_goes_on_behind_a_gap_that_is_accepted(met: Met) -> None:
    entries = succeeded()
    execution = entries[0].execution
    await met.sink.record(entries[:1])
    assert await met.plane.database.write(partial(accept_gap, execution=execution, entry=entries[-1].sequence)) > 0
    await met.sink.record(entries[-1:])
    assert await met.phase() is WorkflowPhase.SUCCEEDED
    for unknown, code in ((execution, "no-history-gap"), (replace(execution, name="unknown"), "unknown-execution")):
        with pytest.raises(Refusal, match=code):
            await met.plane.database.write(partial(accept_gap, execution=unknown, entry=2))


async def test_history_of_nobody_is_dropped(met: Met) -> None:
    await met.sink.record([])
    await met.sink.record(succeeded("unknown"))
    assert await met.phase() is WorkflowPhase.QUEUED


# --- children ---------------------------------------------------------------------------------


async def test_an_attempt_starts_its_child_once(met: Met) -> None:
    uri = await met.inputs(number(4))
    first = await met.children.start(PARENT, 0, plan_id(), uri, priority=-3)
    assert await met.children.start(PARENT, 0, plan_id(), uri, priority=-3) == first
    assert await met.children.start(PARENT, 1, plan_id(), uri) != first
    child = met.launcher.launched[1]
    assert (child.id, child.parent, child.priority) == (first, PARENT, -3)


async def test_a_child_tells_how_it_goes(met: Met) -> None:
    child = await met.children.start(PARENT, 0, plan_id(), await met.inputs(number(4)))
    assert (await met.children.phase(child)).phase is WorkflowPhase.QUEUED
    await met.sink.record(Story(child).run(WorkflowPhase.RUNNING).run(WorkflowPhase.FAILED, BOOM).entries)
    status = await met.children.phase(child)
    assert status.phase is WorkflowPhase.FAILED
    assert status.failure is not None
    assert (status.failure.code, status.failure.fault) == (BOOM.code, BOOM.fault)


async def test_a_child_that_is_not_acceptable_is_refused(met: Met) -> None:
    with pytest.raises(ChildRefused) as refused:
        await met.children.start(PARENT, 0, plan_id(), await met.inputs(text("a")))
    assert not refused.value.failure.retryable
    assert met.launcher.launched[1:] == []


async def test_children_are_asked_to_end_and_ended_ones_are_left_alone(met: Met) -> None:
    child = await met.children.start(PARENT, 0, plan_id(), await met.inputs(number(4)))
    await met.children.abort(child, "the parent ended")
    await met.sink.record(Story(child).run(WorkflowPhase.ABORTED).entries)
    await met.children.abort(child, "again")
    await met.children.abort(execution_id("none"), "again")
    assert met.launcher.aborted == [(child, "the parent ended", "propeller")]


# --- graphs -----------------------------------------------------------------------------------


async def futures(met: Met, value: object = 3) -> str:
    uri = f"{met.plane.settings.base}/futures.pb"
    await met.plane.store.put_async(uri, dynamic_job_to_proto(job(value)).SerializeToString())
    return uri


async def test_a_graph_is_compiled_and_kept(met: Met) -> None:
    digest = await met.closures.compile(execution_id(), TASK, await futures(met))
    closure = await met.closures.graph(digest)
    assert closure.primary.template.interface.outputs == TASK.interface.outputs
    assert await met.closures.graph(digest) is closure, "recent ones are remembered"


async def test_a_graph_with_faults_is_refused(met: Met) -> None:
    with pytest.raises(GraphRefused) as refused:
        await met.closures.compile(execution_id(), TASK, await futures(met, "three"))
    assert "mismatching-types" in refused.value.failure.message


async def test_there_is_no_graph_that_was_not_compiled(met: Met) -> None:
    with pytest.raises(KeyError):
        await met.closures.graph(Digest(f"sha256:{'0' * 64}"))


async def test_a_registered_closure_is_read_from_the_store(met: Met) -> None:
    launched = met.launcher.launched[0]
    closure = await met.closures.get(launched.closure_uri, launched.closure_digest)
    assert closure.primary.template.id == launched.workflow
    with pytest.raises(KeyError):
        await met.closures.get(f"{launched.closure_uri}-gone", Digest(f"sha256:{'1' * 64}"))
