"""The operator as a process on a real API server: what a killed one leaves, the next one finishes."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from flytelike.model.phases import WorkflowPhase
from propeller.kube.client import KubernetesClient
from propeller.kube.ports import FLYTE_WORKFLOWS, Selection
from propeller.kube.resource import resource_from_json
from propeller.kube.status import NodeCounts, WorkflowStatus
from propeller.kube.watch import Seen, Watch
from tests.kube.control_plane import ControlPlane
from tests.kube.executing import PROGRAM, Site, create, until_ended
from tests.kube.operator_process import OperatorProcess
from tests.services.kubernetes import connected
from tests.unit.propeller_engine.builders import chain

NODES = 4


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{tmp_path}/propeller.db"


def noting(runs: Path) -> str:
    """Return a program that notes each of its runs, named by node and attempt."""
    note = f"import sys\nwith open({str(runs)!r}, 'a') as file:\n    file.write(sys.argv[1] + '\\n')\n"
    return note + PROGRAM


def noted(runs: Path) -> Counter[str]:
    return Counter(runs.read_text().split()) if runs.exists() else Counter()


@asynccontextmanager
async def listening(client: KubernetesClient, namespace: str) -> AsyncIterator[dict[str, list[WorkflowStatus]]]:
    """Yield each status that the objects ever had, by name."""
    told: dict[str, list[WorkflowStatus]] = {}

    async def listen() -> None:
        async for item in Watch(client, Selection(FLYTE_WORKFLOWS, namespace)).news():
            if isinstance(item, Seen):
                told.setdefault(item.key.name, []).append(resource_from_json(item.object).status)

    task = asyncio.create_task(listen())
    try:
        yield told
    finally:
        task.cancel()


def test_a_killed_operator_loses_nothing_and_repeats_nothing(
    api_server: ControlPlane, namespace: str, tmp_path: Path, database: str
) -> None:
    """It is killed twice in the midst; tasks whose end was recorded are not run again."""
    site, runs = Site(tmp_path), tmp_path / "runs"
    options = site.options(api_server, namespace, database)
    names = [f"e{number}" for number in range(2)]

    async def body(client: KubernetesClient) -> None:
        for name in names:
            await create(client, site.request(name, chain(NODES), noting(runs)), namespace)
        for until in (2, 5):
            with OperatorProcess(options) as operator:
                while sum(noted(runs).values()) < until:
                    assert operator.running.poll() is None, operator.log.read_text()
                    await asyncio.sleep(0.02)
                operator.kill()
        with OperatorProcess(options) as operator:
            for name in names:
                ended = (await until_ended(client, namespace, name)).status
                assert ended.phase is WorkflowPhase.SUCCEEDED
                assert ended.nodes == NodeCounts(total=NODES, succeeded=NODES)
            assert await operator.stop() == 0, operator.log.read_text()

    async def main() -> None:
        async with asyncio.timeout(100), connected(api_server) as client, listening(client, namespace) as told:
            await body(client)
        for name in names:
            counts = [status.nodes.succeeded for status in told[name]]
            assert counts == sorted(counts), "what was told is not taken back"
            assert len([status for status in told[name] if status.phase.terminal]) <= 2, "the end, then letting go"

    asyncio.run(main())
    found = noted(runs)
    assert len(found) == len(names) * NODES
    assert options.slots
    assert sum(found.values()) - len(found) <= 2 * options.slots, "only what ran when it was killed ran again"
