"""What the console's pages ask: counts, pages, previews, and streams that go on where they were."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

import pytest

from flytelike.codec.ids import execution_id_to_proto, identifier_to_proto
from flytelike.codec.literals import literal_map_to_proto
from flytelike.codec.usage import asked_from_proto, used_from_proto
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.rpc.console import PREVIEW_BYTES, ConsoleServicer
from flytelike.controlplane.rpc.console_watching import ConsoleWatchServicer
from flytelike.controlplane.rpc.executions import ExecutionServicer
from flytelike.controlplane.rpc.registration import RegistrationServicer
from flytelike.model.failure import Failure, Fault
from flytelike.model.history import ElementsChanged, HistoryEntry
from flytelike.model.ids import NodePath
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike.model.usage import AskedResources, AttemptUse, ResourceAmounts
from flytelike_idl.core import execution_pb2, identifier_pb2
from flytelike_idl.service import console_pb2 as pb
from tests.unit.controlplane.builders import (
    DOMAIN,
    PROJECT,
    START_NS,
    Story,
    a_plan,
    a_task,
    a_workflow,
    create_execution,
    execution_id,
    module,
    register_request,
    succeeded,
    text,
    workflow_id,
)

pytestmark = pytest.mark.anyio

PLACE = pb.DomainPlace(project=PROJECT, domain=DOMAIN)
FAILURE = Failure(
    "USER:ValueError", "Traceback (most recent call last):\n  line\nValueError: no", Fault.USER, retryable=False
)
T = TypeVar("T")


@pytest.fixture
async def pages(plane: ControlPlane) -> ConsoleServicer:
    await RegistrationServicer(plane).register(module())
    return ConsoleServicer(plane)


async def execute(plane: ControlPlane, *names: str) -> None:
    for name in names:
        await ExecutionServicer(plane).create_execution(create_execution(name))


def node(path: str, name: str = "run") -> identifier_pb2.NodeExecutionIdentifier:
    return identifier_pb2.NodeExecutionIdentifier(node_id=path, execution_id=execution_id_to_proto(execution_id(name)))


def failed(name: str = "run") -> list[HistoryEntry]:
    story = Story(execution_id(name)).run(WorkflowPhase.RUNNING).node("n0", NodePhase.RUNNING)
    story.attempt("n0", TaskPhase.FAILED, failure=FAILURE).node("n0", NodePhase.FAILED, failure=FAILURE)
    return story.run(WorkflowPhase.FAILED, FAILURE).entries


def nodes_of(number: int) -> Story:
    story = Story().run(WorkflowPhase.RUNNING)
    for index in range(number):
        story.node(f"n{index}", NodePhase.SUCCEEDED if index % 2 else NodePhase.RUNNING)
    return story


async def taken(stream: AsyncIterator[T], number: int) -> list[T]:
    async def some() -> list[T]:
        return [await anext(stream) for _ in range(number)]

    return await asyncio.wait_for(some(), 20)


# --- many executions ------------------------------------------------------------------------


async def test_home_counts_by_domain(plane: ControlPlane, pages: ConsoleServicer) -> None:
    await execute(plane, "one", "two")
    await plane.record(failed("one"))
    home = await pages.get_home(pb.GetHomeRequest())
    counts = {(p.id, d.id): (d.running, d.failed, d.recent) for p in home.projects for d in p.domains}
    assert counts[PROJECT, DOMAIN] == (1, 1, 2)
    assert counts[PROJECT, "production"] == (0, 0, 0)


async def test_a_node_tells_what_its_attempts_asked_for_and_used(plane: ControlPlane, pages: ConsoleServicer) -> None:
    await execute(plane, "one")
    asked = AskedResources(ResourceAmounts(500, 1 << 30), ResourceAmounts())
    story = Story(execution_id("one")).node("n0", NodePhase.RUNNING).attempt("n0", TaskPhase.RUNNING, asked=asked)
    await plane.record(story.attempt("n0", TaskPhase.SUCCEEDED, used=AttemptUse(5, 7)).entries)
    (found,) = (await pages.get_run_node(pb.GetRunNodeRequest(id=node("n0", "one")))).attempts
    assert asked_from_proto(found.asked) == asked
    assert used_from_proto(found.used) == AttemptUse(5, 7)


async def test_a_dashboard_tells_how_it_goes(plane: ControlPlane, pages: ConsoleServicer) -> None:
    await execute(plane, "one", "two", "three")
    await plane.record(failed("one"))
    await plane.record(succeeded("two"))
    board = await pages.get_dashboard(pb.GetDashboardRequest(place=PLACE, hours=1))
    phases = {WorkflowPhase(found.phase): found.count for found in board.phases}
    assert phases == {WorkflowPhase.QUEUED: 1, WorkflowPhase.SUCCEEDED: 1, WorkflowPhase.FAILED: 1}
    assert board.running == 1
    assert sum(count.count for bar in board.bars for count in bar.phases) == 3
    assert [(it.name, it.runs, it.failed, it.mean_seconds) for it in board.workflows] == [("flow", 3, 1, 7.0)]
    assert [(run.name, run.message) for run in board.failures] == [("one", "ValueError: no")]


async def test_executions_come_in_pages_that_never_overlap(plane: ControlPlane, pages: ConsoleServicer) -> None:
    await execute(plane, *(f"run{index}" for index in range(7)))
    seen, token = [], ""
    while True:
        page = await pages.list_runs(pb.ListRunsRequest(place=PLACE, limit=3, token=token))
        seen += [run.name for run in page.runs]
        assert page.total == 7
        token = page.token
        if not token:
            break
    assert seen == [f"run{index}" for index in reversed(range(7))]


@pytest.mark.parametrize(
    ("filters", "words", "found"),
    [
        ("value_in(phase,6;8)", "", ["one"]),
        ("eq(launch_plan.name,flow)", "tw", ["two"]),
        ("eq(parent_execution_name,)+eq(state,0)", "", ["two", "one"]),
        ("", "FLOW", ["two", "one"]),
        ("", "100%", []),
    ],
)
async def test_executions_are_chosen(
    plane: ControlPlane, pages: ConsoleServicer, filters: str, words: str, found: list[str]
) -> None:
    await execute(plane, "one", "two")
    await plane.record(failed("one"))
    page = await pages.list_runs(pb.ListRunsRequest(place=PLACE, filters=filters, text=words))
    assert [run.name for run in page.runs] == found


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (pb.ListRunsRequest(place=PLACE, token="!"), "invalid-token"),
        (pb.ListRunsRequest(place=PLACE, filters="eq(nothing,1)"), "unknown-field"),
        (pb.ListRunsRequest(place=PLACE, filters="what"), "invalid-filter"),
        (pb.ListRunsRequest(), "missing-field"),
    ],
)
async def test_what_cannot_be_listed_is_told(pages: ConsoleServicer, request_: pb.ListRunsRequest, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        await pages.list_runs(request_)


async def test_names_tell_how_their_last_executions_went(plane: ControlPlane, pages: ConsoleServicer) -> None:
    await RegistrationServicer(plane).register(module("v2"))
    await execute(plane, *(f"run{index}" for index in range(12)))
    found = await pages.list_entities(pb.ListEntitiesRequest(place=PLACE, kind=identifier_pb2.LAUNCH_PLAN))
    (entity,) = found.entities
    assert (entity.name, entity.version, entity.versions, found.total) == ("flow", "v2", 2, 1)
    assert [run.name for run in entity.runs] == [f"run{index}" for index in range(11, 1, -1)]


async def test_search_finds_what_has_a_text_in_its_name(plane: ControlPlane, pages: ConsoleServicer) -> None:
    await execute(plane, "flowing")
    found = await pages.search(pb.SearchRequest(text="flow", place=PLACE))
    assert [(hit.kind, hit.name) for hit in found.hits] == [
        ("workflow", "flow"),
        ("launch plan", "flow"),
        ("execution", "flowing"),
    ]
    assert not (await pages.search(pb.SearchRequest(text=" "))).hits


async def test_versions_are_compared(plane: ControlPlane, pages: ConsoleServicer) -> None:
    entities = a_task(version="v2", retries=3), a_workflow(version="v2"), a_plan(version="v2")
    await RegistrationServicer(plane).register(register_request(*entities))
    told = await pages.compare_versions(
        pb.CompareVersionsRequest(
            old=identifier_to_proto(workflow_id()), new=identifier_to_proto(workflow_id(version="v2"))
        )
    )
    assert [(change.name, change.part, change.breaking) for change in told.changes] == [("double", "policies", False)]


# --- one execution --------------------------------------------------------------------------


async def test_an_execution_tells_its_numbers_and_where_it_failed(plane: ControlPlane, pages: ConsoleServicer) -> None:
    await execute(plane, "run")
    await plane.record(failed())
    run = await pages.get_run(pb.GetRunRequest(id=execution_id_to_proto(execution_id())))
    assert [(NodePhase(it.phase), it.count) for it in run.nodes] == [(NodePhase.FAILED, 1)]
    assert (run.failed_path, run.run.message, run.error.code) == ("n0", "ValueError: no", "USER:ValueError")
    assert run.run.ended_at.ToNanoseconds() > START_NS


async def test_nodes_come_in_pages_in_the_order_they_began(plane: ControlPlane, pages: ConsoleServicer) -> None:
    await execute(plane, "run")
    await plane.record(nodes_of(30).entries)
    wanted = pb.ListRunNodesRequest(id=execution_id_to_proto(execution_id()), offset=10, limit=5)
    page = await pages.list_run_nodes(wanted)
    assert ([it.path for it in page.nodes], page.total) == ([f"n{index}" for index in range(10, 15)], 30)
    chosen = pb.ListRunNodesRequest(id=wanted.id, phases=[execution_pb2.NodeExecution.RUNNING], text="N2")
    found = await pages.list_run_nodes(chosen)
    assert [it.path for it in found.nodes] == ["n2", "n20", "n22", "n24", "n26", "n28"]


async def test_a_node_tells_its_attempts(plane: ControlPlane, pages: ConsoleServicer) -> None:
    await execute(plane, "run")
    await plane.record(failed())
    found = await pages.get_run_node(pb.GetRunNodeRequest(id=node("n0")))
    assert [(it.number, TaskPhase(it.phase), it.error.code) for it in found.attempts] == [
        (0, TaskPhase.FAILED, "USER:ValueError")
    ]
    with pytest.raises(Refusal, match="unknown-node-execution"):
        await pages.get_run_node(pb.GetRunNodeRequest(id=node("n7")))


async def test_a_node_tells_when_its_work_began_after_it_had_waited(
    plane: ControlPlane, pages: ConsoleServicer
) -> None:
    await execute(plane, "run")
    story = Story().run(WorkflowPhase.RUNNING).node("n0", NodePhase.RUNNING).attempt("n0", TaskPhase.QUEUED)
    story.node("n1", NodePhase.RUNNING).attempt("n1", TaskPhase.QUEUED).attempt("n0", TaskPhase.RUNNING)
    began_ns = story.entries[-1].record.at_ns
    story.attempt("n0", TaskPhase.RETRYABLE_FAILED).attempt("n0", TaskPhase.RUNNING, 1).node("n0", NodePhase.RUNNING)
    await plane.record(story.entries)
    listed = await pages.list_run_nodes(pb.ListRunNodesRequest(id=execution_id_to_proto(execution_id())))
    one = await pages.get_run_node(pb.GetRunNodeRequest(id=node("n0")))
    streamed = await anext(
        ConsoleWatchServicer(plane).watch_run(pb.WatchRunRequest(id=execution_id_to_proto(execution_id())))
    )
    for told in (listed.nodes, [one.node], streamed.nodes):
        ran = {it.path: it.ran_at.ToNanoseconds() for it in told if it.HasField("ran_at")}
        assert ran == {"n0": began_ns}


async def test_elements_are_a_byte_each(plane: ControlPlane, pages: ConsoleServicer) -> None:
    await execute(plane, "run")
    story = Story().run(WorkflowPhase.RUNNING).node("n0", NodePhase.RUNNING)
    changes = ((0, 700, TaskPhase.SUCCEEDED), (700, 1, TaskPhase.FAILED), (701, 9, TaskPhase.RUNNING))
    record = ElementsChanged(NodePath("n0"), 0, story.at_ns, 1_000, 9, 700, 1, changes)
    story.entries.append(HistoryEntry(execution_id(), len(story.entries) + 1, record))
    await plane.record(story.entries)
    whole = await pages.get_element_states(pb.GetElementStatesRequest(id=node("n0")))
    assert whole.length == 1_000
    assert whole.states == bytes([3] * 700 + [5] + [2] * 9 + [0] * 290)
    part = await pages.get_element_states(pb.GetElementStatesRequest(id=node("n0"), first=699, limit=3))
    assert part.states == bytes([3, 5, 2])


async def test_a_graph_tells_the_phases_of_its_nodes(plane: ControlPlane, pages: ConsoleServicer) -> None:
    await execute(plane, "run")
    await plane.record(failed())
    graph = await pages.draw_graph(pb.DrawGraphRequest(run=node("")))
    assert [(it.id, it.kind, it.path, [NodePhase(p.phase) for p in it.phases]) for it in graph.nodes] == [
        ("n0", "task", "n0", [NodePhase.FAILED])
    ]
    version = await pages.draw_graph(pb.DrawGraphRequest(workflow=identifier_to_proto(workflow_id())))
    assert [(it.id, it.target.name, list(it.phases)) for it in version.nodes] == [("n0", "double", [])]


async def test_large_values_are_left_out_of_a_preview(plane: ControlPlane, pages: ConsoleServicer) -> None:
    await execute(plane, "run")
    uri = f"{plane.settings.base}/outputs.pb"
    values = literal_map_to_proto({"small": text("a"), "large": text("x" * PREVIEW_BYTES)})
    await plane.store.put_async(uri, values.SerializeToString())
    await plane.record(succeeded(output_uri=uri))
    found = await pages.preview_values(pb.PreviewValuesRequest(execution=execution_id_to_proto(execution_id())))
    assert list(found.outputs.values.literals) == ["small"]
    assert found.outputs.large["large"] > PREVIEW_BYTES
    assert list(found.inputs.values.literals) == ["x"]


# --- streams --------------------------------------------------------------------------------


async def test_a_stream_goes_on_where_it_was_cut(plane: ControlPlane, pages: ConsoleServicer) -> None:
    await execute(plane, "run")
    story = nodes_of(3)
    await plane.record(story.entries)
    watching = ConsoleWatchServicer(plane)
    wanted = pb.WatchRunRequest(id=execution_id_to_proto(execution_id()))
    (first,) = await taken(watching.watch_run(wanted), 1)
    assert {it.path for it in first.nodes} == {"n0", "n1", "n2"}
    wanted.since = first.sequence
    stream = watching.watch_run(wanted)
    (again,) = await taken(stream, 1)
    assert list(again.nodes) == []
    before = len(story.entries)
    story.node("n0", NodePhase.SUCCEEDED)
    await plane.record(story.run(WorkflowPhase.SUCCEEDED).entries[before:])
    (news,) = await taken(stream, 1)
    assert [it.path for it in news.nodes] == ["n0"]
    assert [it async for it in stream] == []


async def test_a_domains_watcher_hears_of_each_change(plane: ControlPlane, pages: ConsoleServicer) -> None:
    stream = ConsoleWatchServicer(plane).watch_domain(pb.WatchDomainRequest(place=PLACE))
    await taken(stream, 1)
    await execute(plane, "run")
    (created,) = await taken(stream, 1)
    assert list(created.executions) == ["run"]
    await plane.record(succeeded())
    (news,) = await taken(stream, 1)
    assert list(news.executions) == ["run"]
    plane.notifier.close()
    with pytest.raises(Refusal, match="shutting-down"):
        await taken(stream, 2)
