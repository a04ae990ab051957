"""What probes and Prometheus are told, and where time and logs come from."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.error import HTTPError

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flytelike.cluster import logs as cluster_logs
from flytelike.cluster.logs import LogsInStore
from flytelike.cluster.metrics import PlaneMetrics
from flytelike.controlplane.database import Database
from flytelike.controlplane.database_clock import DatabaseClock
from flytelike.controlplane.server import serve
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath, TaskExecutionId
from flytelike.remote import Client, RemoteError, executions, registry
from flytelike.storage import Store
from propeller.app.health import Health
from propeller.app.metrics import operator_metrics
from propeller.app.monitoring import monitored
from propeller.executors.pod.stored_logs import StoredLogs
from propeller.ports import AttemptKey
from tests.unit.controlplane.builders import execution_id, settings_for, started, task_id

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def got(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
async def page() -> AsyncIterator[tuple[Health, str]]:
    health = Health()
    async with monitored("127.0.0.1:0", health, PlaneMetrics(health).registry) as url:
        yield health, url


async def test_probes_tell_whether_and_why_not(page: tuple[Health, str]) -> None:
    health, url = page
    assert await asyncio.to_thread(got, f"{url}/readyz") == (503, "start: it is starting\n")
    health.started()
    assert await asyncio.to_thread(got, f"{url}/readyz") == (200, "ok\n")
    health.note("database", "it does\nnot answer")
    health.stopping()
    text = "database: it does not answer\nstop: it was told to stop\n"
    assert await asyncio.to_thread(got, f"{url}/readyz") == (503, text)
    assert await asyncio.to_thread(got, f"{url}/healthz") == (200, "ok\n"), "who is not ready is not to be killed"
    health.note("database", "")
    assert health.faults == ["stop: it was told to stop"]


async def test_a_port_that_is_taken_is_told(page: tuple[Health, str]) -> None:
    _, url = page
    with pytest.raises(DiagnosticError, match="address-unusable"):
        async with monitored(url.removeprefix("http://"), Health(), PlaneMetrics(Health()).registry):
            pass


async def test_calls_are_counted_by_their_status(tmp_path: Path) -> None:
    metrics = PlaneMetrics(Health())
    async with started(settings_for(tmp_path)) as plane:
        async with serve(plane, metrics.observe) as addresses, Client(addresses.grpc) as client:
            await registry.projects(client)
            await registry.projects(client)
            with pytest.raises(RemoteError):
                await executions.get(client, execution_id("none"))
    value = metrics.registry.get_sample_value
    assert value("flytelike_calls_total", {"rpc": "AdminService/ListProjects", "status": "OK"}) == 2
    assert value("flytelike_calls_total", {"rpc": "AdminService/GetExecution", "status": "NOT_FOUND"}) == 1
    assert value("flytelike_call_seconds_count", {"rpc": "AdminService/ListProjects"}) == 2


async def test_metrics_are_such_as_prometheus_reads(page: tuple[Health, str]) -> None:
    _, url = page
    status, text = await asyncio.to_thread(got, f"{url}/metrics")
    assert status == 200
    found = {family.name: family for family in text_string_to_metric_families(text)}
    assert found["flytelike_ready"].samples[0].value == 0
    assert "process_resident_memory_bytes" in found


def test_an_operator_without_shards_has_metrics() -> None:
    registry_ = operator_metrics(lambda: True, list)
    assert registry_.get_sample_value("propeller_ready") == 1
    assert registry_.get_sample_value("propeller_shards") == 0


# --- time -------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_servers_with_wrong_clocks_agree_on_the_databases(postgres_url: str) -> None:
    import time

    hour = 3_600_000_000_000
    clocks = [DatabaseClock(lambda wrong=wrong: time.time_ns() + wrong) for wrong in (-hour, 0, 100 * hour)]
    database = Database(postgres_url)
    for clock in clocks:
        database.read_now(clock.ask)
    database.close()
    told = [clock.now_ns() for clock in clocks]
    assert max(told) - min(told) < hour / 1000


def test_a_file_has_no_time_of_its_own(tmp_path: Path) -> None:
    clock = DatabaseClock(lambda: 7)
    database = Database(f"sqlite:///{tmp_path}/cp.db")
    database.read_now(clock.ask)
    database.close()
    assert clock.now_ns() == 7


# --- logs -------------------------------------------------------------------------------------


async def test_what_pods_print_is_read_from_the_store_while_they_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_logs, "LOOK_S", 0.001)
    monkeypatch.setattr(cluster_logs, "LAST_LOOK_S", 0.001)
    node = NodeExecutionId(ExecutionId("p", "d", "e"), NodePath("n0"))
    attempt, key = TaskExecutionId(task_id(), node, 0), AttemptKey(node.execution, node.path, 0)
    store, over = Store(), asyncio.Event()
    reader = LogsInStore(store, "memory://logs")

    async def ended(asked: TaskExecutionId) -> bool:
        assert asked == attempt
        return over.is_set()

    reader.connect(ended)
    assert [data async for data in reader.read(attempt, 0, follow=False)] == []
    writer = StoredLogs(store, "memory://logs", 1000)
    place = writer.place(key)
    followed = reader.read(attempt, 2, follow=True)
    store.put(f"{place}/{0:015d}.log", b"first\n")
    assert await anext(followed) == b"rst\n"
    store.put(f"{place}/{6:015d}.log", b"second\n")
    assert await anext(followed) == b"second\n"
    over.set()
    assert [data async for data in followed] == []


async def test_a_log_is_followed_beyond_its_attempts_end_until_no_more_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The end is told before the rest of the log is stored."""
    node = NodeExecutionId(ExecutionId("p", "d", "late"), NodePath("n0"))
    store, late = Store(), [b"third\n", b"second\n", b"first\n"]
    reader = LogsInStore(store, "memory://logs")
    place = StoredLogs(store, "memory://logs", 1000).place(AttemptKey(node.execution, node.path, 0))
    stored = 0

    async def sleep(_seconds: float) -> None:
        nonlocal stored
        if late:
            piece = late.pop()
            store.put(f"{place}/{stored:015d}.log", piece)
            stored += len(piece)

    async def ended(_asked: TaskExecutionId) -> bool:
        return True

    monkeypatch.setattr("flytelike.cluster.logs.asyncio.sleep", sleep)
    reader.connect(ended)
    told = [data async for data in reader.read(TaskExecutionId(task_id(), node, 0), 0, follow=True)]
    assert told == [b"first\n", b"second\n", b"third\n"]
