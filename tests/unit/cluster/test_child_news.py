"""Ends of children reach the engine that waits for them, whichever server records them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from flytelike.cluster.propeller_server import serve_propeller
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.child_news import WAITING_MAX, ChildEnded, ChildNews
from flytelike.controlplane.listening import CHANNEL
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath
from flytelike.model.phases import WorkflowPhase
from propeller.app.control_plane import ControlPlaneConnection, ControlPlaneSettings
from propeller.app.control_plane.news import hear_of_children
from tests.contracts.test_neighbours_contract import PARENT
from tests.unit.controlplane.builders import Story, create_execution, module, number, plan_id, settings_for, started
from tests.unit.controlplane.test_executions_api import inputs_of

pytestmark = pytest.mark.anyio
E = ExecutionId("p", "development", "e1")
ENDED = ChildEnded(NodeExecutionId(E, NodePath("n0")), 2, ExecutionId("p", "development", "c1"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Engine:
    """What hears of children."""

    def __init__(self) -> None:
        self.ended: asyncio.Queue[tuple[NodeExecutionId, int, ExecutionId]] = asyncio.Queue()
        self.looks: asyncio.Queue[None] = asyncio.Queue()

    def child_ended(self, parent: NodeExecutionId, attempt: int, child: ExecutionId) -> None:
        self.ended.put_nowait((parent, attempt, child))

    def look(self) -> None:
        self.looks.put_nowait(None)


@pytest.fixture(params=["one", pytest.param("two", marks=pytest.mark.postgres)])
async def servers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[ControlPlane]]:
    """The one that records, and the one that an operator is connected to."""
    async with AsyncExitStack() as stack:
        url = "" if request.param == "one" else request.getfixturevalue("postgres_url")
        count = 1 if request.param == "one" else 2
        planes = [await stack.enter_async_context(started(settings_for(tmp_path, url))) for _ in range(count)]
        yield [planes[0], planes[-1]]


async def test_the_end_of_a_child_comes_down_the_stream(servers: list[ControlPlane]) -> None:
    teller, hearer = servers
    await teller.registry.register(module())
    await teller.executions.create(create_execution(), "me")
    child = await teller.children.start_child(PARENT, 2, plan_id(), inputs_of(teller, {"x": number(4)}))
    engine = Engine()
    async with (
        serve_propeller(hearer, "127.0.0.1:0") as address,
        ControlPlaneConnection(ControlPlaneSettings(address)) as connection,
    ):
        hearing = asyncio.create_task(hear_of_children(connection, engine.child_ended, engine.look))
        await engine.looks.get()
        await teller.record(Story(child).run(WorkflowPhase.RUNNING).run(WorkflowPhase.SUCCEEDED).entries)
        assert await engine.ended.get() == (PARENT, 2, child)
        hearing.cancel()
        await asyncio.wait([hearing])


async def test_who_is_connected_anew_looks(tmp_path: Path) -> None:
    engine = Engine()
    async with AsyncExitStack() as stack:
        plane = await stack.enter_async_context(started(settings_for(tmp_path)))
        first = await stack.enter_async_context(AsyncExitStack())
        address = await first.enter_async_context(serve_propeller(plane, "127.0.0.1:0"))
        connection = await stack.enter_async_context(ControlPlaneConnection(ControlPlaneSettings(address)))
        hearing = asyncio.create_task(hear_of_children(connection, engine.child_ended, engine.look))
        await engine.looks.get()
        await first.aclose()
        (tmp_path / "again").mkdir()
        again = await stack.enter_async_context(started(settings_for(tmp_path / "again")))
        await stack.enter_async_context(serve_propeller(again, address))
        await engine.looks.get()
        hearing.cancel()
        await asyncio.wait([hearing])


@pytest.mark.postgres
async def test_a_server_that_may_have_missed_an_end_tells_to_look(postgres_url: str, tmp_path: Path) -> None:
    async with started(settings_for(tmp_path, postgres_url)) as plane:
        with plane.notifier.children.listening() as listener:
            assert (await listener.next()).look
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = :listening"
            await plane.database.write(lambda c: c.execute(text(ended), {"listening": f"LISTEN {CHANNEL}"}))
            assert (await listener.next()).look


async def test_what_waits_for_a_slow_one_is_bounded() -> None:
    news = ChildNews()
    with news.listening() as listener:
        await listener.next()
        for _ in range(WAITING_MAX + 1):
            news.told([ENDED])
        told = await listener.next()
        assert told.look
        assert len(told.ended) <= 1
        news.told([ENDED])
        assert list((await listener.next()).ended) == [ENDED]
