"""Who is woken when something is recorded: within one server on SQLite, across servers on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.listening import CHANNEL, PAYLOAD_BYTES_MAX, payloads
from flytelike.model.ids import ExecutionId
from tests.unit.controlplane.builders import create_execution, execution_id, module, settings_for, started, succeeded

pytestmark = pytest.mark.anyio

PATIENCE_S = 20.0
E, OTHER = ExecutionId("p", "development", "e1"), ExecutionId("p", "development", "e2")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Servers:
    """The one that records, and the one that a watcher is connected to: the same on SQLite."""

    teller: ControlPlane
    hearer: ControlPlane


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def servers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Servers]:
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path}/controlplane.db"
            plane = await stack.enter_async_context(started(settings_for(tmp_path, url)))
            yield Servers(plane, plane)
        else:
            url = request.getfixturevalue("postgres_url")
            planes = [await stack.enter_async_context(started(settings_for(tmp_path, url))) for _ in range(2)]
            yield Servers(*planes)


async def woken(event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), PATIENCE_S)


async def record(plane: ControlPlane, *executions: ExecutionId) -> None:
    """Tell of executions as those do who record something about them."""
    await plane.database.write(lambda connection: plane.notifier.tell(connection, executions))
    plane.notifier.changed(executions)


async def test_watchers_are_woken_by_what_is_recorded(servers: Servers) -> None:
    with servers.hearer.notifier.watching(E) as one, servers.hearer.notifier.watching(E) as another:
        one.clear()
        another.clear()
        await record(servers.teller, E)
        await woken(one)
        await woken(another)


async def test_watchers_of_other_executions_sleep_on(servers: Servers) -> None:
    with servers.hearer.notifier.watching(E) as one, servers.hearer.notifier.watching(OTHER) as another:
        one.clear()
        await record(servers.teller, OTHER)
        await woken(another)
        assert not one.is_set()


async def test_a_thousand_executions_can_be_told_of_at_once(servers: Servers) -> None:
    many = [ExecutionId("p", "development", f"{'x' * 40}{number}") for number in range(1000)]
    with servers.hearer.notifier.watching(many[0]) as first, servers.hearer.notifier.watching(many[-1]) as last:
        await record(servers.teller, *many)
        await woken(first)
        await woken(last)


async def test_what_is_undone_wakes_nobody(servers: Servers) -> None:
    def undone(connection: Connection) -> None:
        servers.teller.notifier.tell(connection, [E])
        raise KeyError("undone")

    with servers.hearer.notifier.watching(E) as one, servers.hearer.notifier.watching(OTHER) as another:
        with pytest.raises(KeyError):
            await servers.teller.database.write(undone)
        await record(servers.teller, OTHER)
        await woken(another)
        assert not one.is_set()


async def test_all_are_woken_when_the_server_goes_down(servers: Servers) -> None:
    with servers.hearer.notifier.watching(E) as one:
        servers.hearer.notifier.close()
        await woken(one)
        assert servers.hearer.notifier.closed


async def test_history_recorded_by_one_server_is_streamed_by_another(servers: Servers) -> None:
    await servers.teller.registry.register(module())
    await servers.teller.executions.create(create_execution(), "me")
    stream = servers.hearer.watch.execution(execution_id(), attempts=False)
    await anext(stream)
    collecting = asyncio.create_task(_collected(stream))
    for entry in succeeded():
        await servers.teller.record([entry])
    assert await asyncio.wait_for(collecting, PATIENCE_S) > 0


async def _collected(stream: AsyncIterator[object]) -> int:
    return len([update async for update in stream])


# --- what only PostgreSQL needs -----------------------------------------------------------------


@pytest.mark.postgres
async def test_who_lost_its_connection_looks_for_itself_when_it_listens_again(
    postgres_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with started(settings_for(tmp_path, postgres_url)) as plane:
        with plane.notifier.watching(E) as one:
            one.clear()
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = :listening"
            await plane.database.write(lambda c: c.execute(text(ended), {"listening": f"LISTEN {CHANNEL}"}))
            await woken(one)
    assert "are not heard for a while" in caplog.text


def test_every_message_is_short_enough() -> None:
    many = [ExecutionId("p" * 60, "development", f"{'x' * 63}{number}") for number in range(1000)]
    sizes = [len(payload) for payload in payloads("0123456789abcdef", many)]
    assert max(sizes) < PAYLOAD_BYTES_MAX
    assert len(sizes) < 40
