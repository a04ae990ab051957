"""What the console's first pages count, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.repository import overviews
from flytelike.controlplane.repository.overviews import Health, RunPage
from flytelike.controlplane.rpc.executions import ExecutionServicer
from flytelike.controlplane.rpc.registration import RegistrationServicer
from flytelike.model.failure import Failure, Fault
from flytelike.model.history import HistoryEntry
from flytelike.model.ids import ResourceKind
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from tests.unit.controlplane.builders import (
    DOMAIN,
    PROJECT,
    Story,
    create_execution,
    execution_id,
    module,
    settings_for,
    started,
    succeeded,
)

pytestmark = pytest.mark.anyio

PLACE = (PROJECT, DOMAIN)
FAILURE = Failure("USER:ValueError", "no", Fault.USER, retryable=False)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def plane(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ControlPlane]:
    """A control plane on which `good` succeeded, `bad` failed and `new` waits."""
    url = f"sqlite:///{tmp_path}/cp.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    async with started(settings_for(tmp_path, url)) as plane:
        await RegistrationServicer(plane).register(module())
        for name in ("good", "bad", "new"):
            await ExecutionServicer(plane).create_execution(create_execution(name))
        await plane.record(succeeded("good"))
        await plane.record(failed("bad"))
        yield plane


def failed(name: str) -> list[HistoryEntry]:
    story = Story(execution_id(name)).run(WorkflowPhase.RUNNING).node("n0", NodePhase.RUNNING)
    story.attempt("n0", TaskPhase.FAILED, failure=FAILURE).node("n0", NodePhase.FAILED, failure=FAILURE)
    return story.run(WorkflowPhase.FAILED, FAILURE).entries


async def test_what_is_counted_is_what_there_is(plane: ControlPlane) -> None:
    def look(connection: Connection) -> None:
        (counts,) = overviews.count_places(connection, 0)
        assert (counts.project, counts.domain, counts.running, counts.failed, counts.recent) == (*PLACE, 1, 1, 3)
        assert overviews.count_places(connection, counts.last_at + 1)[0].recent == 0
        bars = overviews.count_bars(connection, PLACE, 0, counts.last_at + 1)
        assert {(bar, phase): count for bar, phase, count in bars} == {
            (0, WorkflowPhase.QUEUED.value): 1,
            (0, WorkflowPhase.SUCCEEDED.value): 1,
            (0, WorkflowPhase.FAILED.value): 1,
        }
        assert overviews.count_running(connection, PLACE) == 1
        assert overviews.rank_workflows(connection, PLACE, 0) == [Health("flow", 3, 1, 7e9)]
        assert [row.name for row in overviews.last_failures(connection, PLACE)] == ["bad"]
        assert overviews.waiting_anywhere(connection, PLACE) == []

    await plane.database.read(look)


async def test_pages_of_executions_and_names(plane: ControlPlane) -> None:
    def look(connection: Connection) -> None:
        first, total = overviews.page_of_runs(connection, RunPage(PLACE, (), "", 2, None))
        assert ([row.name for row in first], total) == (["new", "bad"], 3)
        behind = (first[-1].created_at, first[-1].id)
        rest, total = overviews.page_of_runs(connection, RunPage(PLACE, (), "", 2, behind))
        assert ([row.name for row in rest], total) == (["good"], 3)
        assert overviews.page_of_runs(connection, RunPage(PLACE, (), "O_D", 2, None))[1] == 0
        names, number = overviews.page_of_names(connection, ResourceKind.LAUNCH_PLAN, PLACE, "FLO", 0, 10)
        assert ([(row.name, row.versions) for row in names], number) == ([("flow", 1)], 1)
        runs = overviews.last_runs(connection, PLACE, ["flow"])
        assert [row.name for row in runs["flow"]] == ["new", "bad", "good"]

    await plane.database.read(look)


async def test_a_search_ignores_case_and_takes_signs_as_they_are(plane: ControlPlane) -> None:
    def look(connection: Connection) -> None:
        assert [row.name for row in overviews.search_runs(connection, "GOO", 5)] == ["good"]
        assert overviews.search_runs(connection, "%", 5) == []
        assert overviews.search_runs(connection, "good", 5, ["another"]) == []
        assert (int(ResourceKind.WORKFLOW), *PLACE, "flow") in overviews.search_names(connection, "flow", 9)
        assert overviews.search_projects(connection, PROJECT.upper(), 5) == [PROJECT]
        assert overviews.derived_from(connection, PLACE, "nothing", 5) == []

    await plane.database.read(look)
