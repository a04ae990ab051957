"""What the control plane's database promises, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Refusal, Status
from flytelike.controlplane.listing import Filter, ListQuery, Operator
from flytelike.controlplane.migrations.upgrade import HEAD, known_revisions, migrate, upgrade
from flytelike.controlplane.registry import CONFLICT, CREATED, UNCHANGED
from flytelike.controlplane.repository.executions import changed_nodes, find_execution, find_node, list_nodes
from flytelike.controlplane.schema import metadata
from flytelike.model.failure import Failure, Fault
from flytelike.model.history import Gap, HistoryGap
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath, ResourceKind
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from tests.unit.controlplane.builders import (
    DOMAIN,
    PROJECT,
    FakeLauncher,
    Story,
    a_plan,
    a_task,
    create_execution,
    execution_id,
    list_of,
    module,
    plan_id,
    register_request,
    settings_for,
    started,
    succeeded,
    task_id,
)

pytestmark = pytest.mark.anyio

EVERYTHING = ListQuery(limit=1_000, ascending=True)
BOOM = Failure("USER:ValueError", "no", Fault.USER, retryable=False)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/controlplane.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
async def plane(url: str, tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with started(settings_for(tmp_path, url)) as plane:
        yield plane


async def node_phases(plane: ControlPlane, name: str = "run") -> dict[str, NodePhase]:
    row = await plane.executions.row(execution_id(name))
    rows = await plane.database.read(lambda c: list_nodes(c, row.id, None, EVERYTHING))
    return {row.path: NodePhase(row.phase) for row in rows}


# --- tables -----------------------------------------------------------------------------------


def test_migrations_lead_to_the_tables_of_the_schema(url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    database = Database(url)
    with database.engine.begin() as connection:
        migrate(connection, "head")
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD == known_revisions()[-1]
    database.close()


def test_an_empty_database_gets_the_newest_tables_at_once(url: str) -> None:
    database = Database(url)
    upgrade(database)
    upgrade(database)
    names = set(inspect(database.engine).get_table_names())
    assert names == {*metadata.tables, "alembic_version"}
    database.close()


def test_a_database_of_a_later_version_is_refused(url: str) -> None:
    database = Database(url)
    upgrade(database)
    database.write_now(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(Refusal, match="newer-database"):
        upgrade(database)
    database.close()


async def test_two_servers_may_start_on_an_empty_database_at_once(url: str, tmp_path: Path) -> None:
    databases = [Database(url) for _ in range(4)]
    await asyncio.gather(*(asyncio.to_thread(upgrade, database) for database in databases))
    for database in databases:
        database.close()


# --- registry ---------------------------------------------------------------------------------


async def test_of_two_clients_with_one_version_at_once_one_creates_it(plane: ControlPlane) -> None:
    results = await asyncio.gather(*(plane.registry.register(module()) for _ in range(8)))
    outcomes = [[verdict.outcome for verdict in result.verdicts] for result in results]
    assert sorted(outcomes) == [[CREATED] * 3] + [[UNCHANGED] * 3] * 7


async def test_of_two_different_contents_for_one_version_one_is_refused(plane: ControlPlane) -> None:
    requests = [register_request(a_task(image=image)) for image in ("a", "b")]
    results = await asyncio.gather(*(plane.registry.register(request) for request in requests))
    assert sorted(result.verdicts[0].outcome for result in results) == [CREATED, CONFLICT]


async def test_one_version_of_a_launch_plan_is_active_at_most(plane: ControlPlane) -> None:
    await plane.registry.register(module("v1"))
    await plane.registry.register(module("v2"))
    for version in ("v1", "v2"):
        await plane.finding.set_launch_plan_state(plan_id(version=version), "me", active=True)
    active = await plane.finding.active_launch_plan((PROJECT, DOMAIN, "flow"))
    rows = await plane.finding.versions(ResourceKind.LAUNCH_PLAN, (PROJECT, DOMAIN, "flow"), EVERYTHING)
    assert (active.version, [row.state for row in rows]) == ("v2", [0, 1])


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ((Filter(Operator.EQ, "version", ("v2",)),), ["v2"]),
        ((Filter(Operator.NE, "version", ("v2",)),), ["v1", "v3"]),
        ((Filter(Operator.GTE, "version", ("v2",)),), ["v2", "v3"]),
        ((Filter(Operator.GT, "version", ("v2",)),), ["v3"]),
        ((Filter(Operator.LT, "version", ("v2",)),), ["v1"]),
        ((Filter(Operator.LTE, "version", ("v2",)),), ["v1", "v2"]),
        ((Filter(Operator.VALUE_IN, "version", ("v1", "v3")),), ["v1", "v3"]),
        ((Filter(Operator.VALUE_NOT_IN, "version", ("v1", "v3")),), ["v2"]),
        ((Filter(Operator.CONTAINS, "version", ("v",)), Filter(Operator.NOT_LIKE, "version", ("1",))), ["v2", "v3"]),
        ((Filter(Operator.CONTAINS, "version", ("%",)),), []),
        ((Filter(Operator.LT, "created_at", ("2001-01-01T00:00:00Z",)),), []),
        ((Filter(Operator.EQ, "type", ("python-task",)),), ["v1", "v2", "v3"]),
    ],
)
async def test_filters_narrow_a_list(plane: ControlPlane, filters: tuple[Filter, ...], expected: list[str]) -> None:
    for version in ("v1", "v2", "v3"):
        await plane.registry.register(register_request(a_task(version=version)))
    query = ListQuery(filters, "version", ascending=True)
    rows = await plane.finding.versions(ResourceKind.TASK, (PROJECT, DOMAIN, ""), query)
    assert [row.version for row in rows] == expected


async def test_pages_are_disjoint_and_complete_even_for_equal_keys(plane: ControlPlane) -> None:
    await plane.registry.register(register_request(*(a_task(f"t{index}") for index in range(7))))
    pages = [
        await plane.finding.versions(
            ResourceKind.TASK, (PROJECT, DOMAIN, ""), ListQuery(sort_key="created_at", limit=3, offset=offset)
        )
        for offset in (0, 3, 6)
    ]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert {row.name for page in pages for row in page} == {f"t{index}" for index in range(7)}


# --- history ----------------------------------------------------------------------------------


async def execute(plane: ControlPlane, name: str = "run") -> None:
    await plane.registry.register(module())
    await plane.executions.create(create_execution(name), "me")


async def test_history_leads_to_rows(plane: ControlPlane) -> None:
    await execute(plane)
    await plane.record(succeeded(output_uri="file:///out.pb"))
    row = await plane.executions.row(execution_id())
    assert (row.phase, row.sequence, row.outputs_uri) == (WorkflowPhase.SUCCEEDED, 8, "file:///out.pb")
    assert await node_phases(plane) == {"n0": NodePhase.SUCCEEDED}


async def test_one_by_one_gives_what_a_batch_gives(plane: ControlPlane) -> None:
    await execute(plane, "run")
    await execute(plane, "other")
    await plane.record(succeeded("run"))
    for entry in succeeded("other"):
        await plane.record([entry])
    left = await plane.reading.nodes(execution_id("run"), "*", EVERYTHING)
    right = await plane.reading.nodes(execution_id("other"), "*", EVERYTHING)
    assert [node.closure for node in left] == [node.closure for node in right]


@pytest.mark.parametrize("again", [slice(0, 8), slice(0, 3), slice(5, 8)])
async def test_history_seen_before_changes_nothing(plane: ControlPlane, again: slice) -> None:
    await execute(plane)
    entries = succeeded()
    await plane.record(entries)
    before = await plane.executions.row(execution_id())
    await plane.record(entries[again])
    assert await plane.executions.row(execution_id()) == before


async def test_a_batch_that_overlaps_adds_what_is_new(plane: ControlPlane) -> None:
    await execute(plane)
    entries = succeeded()
    await plane.record(entries[:5])
    await plane.record(entries[2:])
    assert (await plane.executions.row(execution_id())).phase == WorkflowPhase.SUCCEEDED


async def test_missing_history_is_told_and_nothing_of_the_batch_is_kept(plane: ControlPlane) -> None:
    await execute(plane)
    entries = succeeded()
    with pytest.raises(HistoryGap) as told:
        await plane.record([*entries[:2], *entries[3:]])
    assert told.value.gaps == (Gap(execution_id(), 3, 4),)
    assert (await plane.executions.row(execution_id())).sequence == 0


async def test_history_of_an_unknown_execution_is_dropped(plane: ControlPlane) -> None:
    await plane.record(succeeded("nobody"))


async def test_terminal_phases_never_change(plane: ControlPlane) -> None:
    await execute(plane)
    story = Story().run(WorkflowPhase.RUNNING).node("n0", NodePhase.SUCCEEDED).attempt("n0", TaskPhase.SUCCEEDED)
    await plane.record(story.run(WorkflowPhase.SUCCEEDED).entries)
    late = Story(entries=list(story.entries)).node("n0", NodePhase.FAILED, failure=BOOM)
    late.attempt("n0", TaskPhase.FAILED, failure=BOOM).run(WorkflowPhase.FAILED, BOOM)
    await plane.record(late.entries)
    row = await plane.executions.row(execution_id())
    assert (row.phase, row.error) == (WorkflowPhase.SUCCEEDED, None)
    node = await plane.reading.node(NodeExecutionId(execution_id(), NodePath("n0")))
    assert (node.closure.phase, node.closure.error.code) == (NodePhase.SUCCEEDED, "")


async def test_an_abort_is_not_forgotten_for_news_that_come_late(plane: ControlPlane) -> None:
    await execute(plane)
    await plane.executions.terminate(execution_id(), "enough", "me")
    await plane.record(Story().run(WorkflowPhase.RUNNING).entries)
    assert (await plane.executions.row(execution_id())).phase == WorkflowPhase.ABORTING


async def test_uris_and_failures_are_gathered(plane: ControlPlane) -> None:
    await execute(plane)
    story = Story().node("n0", NodePhase.QUEUED, inputs_uri="in").node("n0", NodePhase.RUNNING)
    await plane.record(story.entries)
    await plane.record(story.node("n0", NodePhase.FAILED, failure=BOOM).entries)
    node = await plane.reading.node(NodeExecutionId(execution_id(), NodePath("n0")))
    assert (node.input_uri, node.closure.error.code, node.closure.duration.seconds) == ("in", BOOM.code, 1)


@pytest.mark.parametrize("parts", [(5,), (1, 2, 3, 4, 5), (2, 5)])
@pytest.mark.parametrize(
    ("after", "waits"),
    [
        ([], ("its next attempt", 7)),
        ([TaskPhase.QUEUED], ("", 0)),
        ([NodePhase.ABORTED], ("", 0)),
    ],
)
async def test_a_node_says_until_when_it_waits_for_its_next_attempt(
    plane: ControlPlane, parts: tuple[int, ...], after: list[TaskPhase | NodePhase], waits: tuple[str, int]
) -> None:
    await execute(plane)
    story = Story().run(WorkflowPhase.RUNNING).node("n0", NodePhase.RUNNING).attempt("n0", TaskPhase.QUEUED)
    story.attempt("n0", TaskPhase.RETRYABLE_FAILED, 0, BOOM, next_ns=7)
    for phase in after:
        story = story.attempt("n0", phase, 1) if isinstance(phase, TaskPhase) else story.node("n0", phase)
    for first, last in pairwise((0, *parts)):
        await plane.record(story.entries[first:last])
    execution = await plane.executions.row(execution_id())
    row = await plane.database.read(lambda c: find_node(c, execution.id, NodePath("n0")))
    assert row is not None
    assert (row.waits, row.waits_until) == waits
    last_of_node = 5 if after else 4
    assert row.sequence == last_of_node, "who watches sees it"


async def test_changed_nodes_come_oldest_change_first(plane: ControlPlane) -> None:
    await execute(plane)
    story = Story().node("a", NodePhase.QUEUED).node("b", NodePhase.QUEUED).node("a", NodePhase.RUNNING)
    await plane.record(story.entries)
    row = await plane.executions.row(execution_id())
    found = await plane.database.read(lambda c: changed_nodes(c, row.id, 1, 10))
    assert [(node.path, node.sequence) for node in found] == [("b", 2), ("a", 3)]


async def test_many_executions_in_one_batch(plane: ControlPlane) -> None:
    names = [f"run{index}" for index in range(5)]
    for name in names:
        await execute(plane, name)
    await plane.record(
        [entry for entries in zip(*(succeeded(name) for name in names), strict=True) for entry in entries]
    )
    rows = [await plane.database.read(lambda c, name=name: find_execution(c, execution_id(name))) for name in names]
    assert {row.phase for row in rows if row is not None} == {WorkflowPhase.SUCCEEDED}


# --- executions -------------------------------------------------------------------------------


async def test_of_two_clients_with_one_execution_name_one_gets_it(plane: ControlPlane) -> None:
    await plane.registry.register(module())
    results = await asyncio.gather(
        *(plane.executions.create(create_execution("same"), "me") for _ in range(5)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, Refusal)]
    assert [result for result in results if isinstance(result, ExecutionId)] == [execution_id("same")]
    assert {error.status for error in refused} == {Status.ALREADY_EXISTS}


async def test_what_was_not_handed_over_before_a_crash_is_handed_over_at_start(url: str, tmp_path: Path) -> None:
    away, back = FakeLauncher(), FakeLauncher()
    away.failing = True
    settings = settings_for(tmp_path, url)
    async with started(settings, launcher=away) as plane:
        await execute(plane, "lost")
        await execute(plane, "stopped")
        await plane.executions.terminate(execution_id("stopped"), "enough", "me")
        await execute(plane, "done")
        await plane.record(succeeded("done"))
    async with started(settings, launcher=back) as plane:
        await plane.reconcile()
    assert [request.id.name for request in back.launched] == ["lost", "stopped"]
    assert back.aborted == [(execution_id("stopped"), "enough", "me")]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("workflow.name", "flow", ["one", "two"]),
        ("workflow.version", "v2", []),
        ("launch_plan.name", "second", ["two"]),
        ("execution.name", "one", ["one"]),
        ("task.name", "double", ["three"]),
        ("name", "flow", []),
    ],
)
async def test_a_prefix_tells_whose_field_a_filter_means(
    plane: ControlPlane, field: str, value: str, expected: list[str]
) -> None:
    await execute(plane, "one")
    await plane.registry.register(register_request(a_plan("second", default=3)))
    await plane.executions.create(create_execution("two", target=plan_id("second")), "me")
    await plane.executions.create(create_execution("three", target=task_id()), "me")
    query = ListQuery((Filter(Operator.EQ, field, (value,)),), "execution.name", ascending=True)
    assert [row.id.name for row in await plane.reading.executions(PROJECT, DOMAIN, "", query)] == expected


async def test_lists_of_executions_filter_by_what_they_ran(plane: ControlPlane) -> None:
    await plane.registry.register(register_request(a_plan("second", default=3)))
    await execute(plane, "one")
    await execute(plane, "two")
    await plane.record(succeeded("one"))
    query = ListQuery((Filter(Operator.VALUE_IN, "phase", ("SUCCEEDED", "FAILED")),))
    rows = await plane.reading.executions(PROJECT, DOMAIN, "", query)
    assert [row.id.name for row in rows] == ["one"]
    assert list_of().limit == 0
