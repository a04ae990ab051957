"""Control plane and operator as processes of their own: replicas of both on PostgreSQL, S3 and a real API server."""

import asyncio
import json
import secrets
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from flytelike.remote import Client, RemoteError, executions, registry
from flytelike.remote.access import Access
from tests.kube.cluster_site import Bucket, ClusterSite, Front, cluster
from tests.kube.control_plane import ControlPlane
from tests.kube.fake_kubelet import FakeKubelet
from tests.kube.test_cluster_platform import FLOWS
from tests.services.kubernetes import connected
from tests.wire.recording import environment_folder

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(300)]

STEPS = 8
CHAIN = """
import time
from flytelike import task, workflow


@task
def step(n: int) -> int:
    with open({ledger!r}, "a") as ledger:
        ledger.write(f"{{n}}\\n")
    time.sleep(0.5)
    return n + 1


@workflow
def chain(n: int) -> int:
    for _ in range({steps}):
        n = step(n=n)
    return n
"""

STOCK = """
import json, sys
from datetime import timedelta
from flytekit.configuration import Config, PlatformConfig, AuthType
from flytekit.remote import FlyteRemote

endpoint, token, project = sys.argv[1:]
platform = PlatformConfig(
    endpoint=endpoint, insecure=True, auth_mode=AuthType.EXTERNAL_PROCESS, command=["head", "-n1", token]
)
remote = FlyteRemote(Config(platform=platform), default_project=project, default_domain="development")
plan = remote.fetch_launch_plan(name="twice_of")
execution = remote.execute(plan, inputs={"n": 5})
ended = remote.wait(execution, timeout=timedelta(seconds=100), poll_interval=timedelta(seconds=0.3))
print(json.dumps({"outputs": ended.outputs["o0"], "phase": ended.closure.phase}))
"""
"""A program on stock flytekit; its token comes as those of other logins do."""


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket().running() as running:
        yield running


@pytest.fixture
def site(api_server: ControlPlane, postgres_url: str, bucket: Bucket, tmp_path: Path) -> Iterator[ClusterSite]:
    site = ClusterSite(tmp_path, api_server, postgres_url, bucket, f"p{secrets.token_hex(4)}")
    (tmp_path / "flows.py").write_text(FLOWS)
    (tmp_path / "steps.py").write_text(CHAIN.format(ledger=str(tmp_path / "ledger"), steps=STEPS))
    api_server.kubectl("create", "namespace", site.namespace)
    yield site
    site.end()


Body = Callable[[FakeKubelet, Front], Awaitable[None]]


def live(site: ClusterSite, body: Body) -> None:
    """Run a body on a site with two replicas of each, and a node for its pods."""

    async def main() -> None:
        async with asyncio.timeout(280), connected(site.kube) as client, cluster(site) as (clients, _):
            created = await asyncio.to_thread(site.cli_project, clients.address)
            assert created.code == 0, created.stderr
            async with FakeKubelet(client, site.pods_selector) as node:
                try:
                    await body(node, clients)
                except BaseException:
                    print(site.said())
                    raise

    asyncio.run(main())


def lines(site: ClusterSite) -> list[str]:
    """Return which steps have run, in order."""
    ledger = site.folder / "ledger"
    return ledger.read_text().split() if ledger.exists() else []


async def begun(site: ClusterSite, steps: int) -> None:
    """Return once so many steps have begun."""
    while len(lines(site)) < steps:
        await asyncio.sleep(0.05)


def test_ours_and_stock_clients_run_all_kinds_of_nodes(site: ClusterSite) -> None:
    """Dynamic tasks, launch plans as nodes and cached results: each needs the control plane while it runs."""
    stock = environment_folder()

    async def body(node: FakeKubelet, clients: Front) -> None:
        done = await asyncio.to_thread(
            site.cli, clients.address, "execute", "flows.py", "all_kinds", "--n", "3", "--json"
        )
        assert done.code == 0, done.stderr
        assert done.document["outputs"] == {"o0": [0, 2, 4], "o1": 12}
        logs = await asyncio.to_thread(site.cli, clients.address, "logs", done.document["execution"].rpartition("/")[2])
        assert logs.code == 0, logs.stderr

        command = [str(stock / "bin" / "python"), "-c", STOCK, clients.address, str(site.secret), site.project]
        told = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr[-3000:]
        assert json.loads(told.stdout.splitlines()[-1]) == {"outputs": 20, "phase": 4}

    live(site, body)


def test_killing_each_process_in_turn_loses_nothing_and_repeats_nothing(site: ClusterSite) -> None:
    async def body(node: FakeKubelet, clients: Front) -> None:
        words = ("execute", "steps.py", "chain", "--n", "0", "--json", "--execution-name", "e1")
        running = asyncio.create_task(asyncio.to_thread(site.cli, clients.address, *words, timeout_s=250))
        for at, program in enumerate((*site.operators, *site.replicas), start=1):
            while len(lines(site)) < at and not running.done():
                await asyncio.sleep(0.05)
            program.kill()
            program.start()
            await program.until_ready()
        done = await running
        assert done.code == 0, done.stderr
        assert done.document["outputs"] == {"o0": STEPS}
        assert lines(site) == [str(number) for number in range(STEPS)], "each step ran once, in order"
        assert len(node.started) == STEPS
        (found,) = site.objects()
        assert found["status"]["phase"] == "SUCCEEDED"
        told = await asyncio.to_thread(site.cli, clients.address, "get", "execution", "e1", "--json")
        assert told.document["phase"] == "SUCCEEDED"

    live(site, body)


def test_no_call_fails_while_the_replicas_are_replaced_one_after_another(site: ClusterSite) -> None:
    failed: list[str] = []
    made: Counter[str] = Counter()

    async def body(node: FakeKubelet, clients: Front) -> None:
        over = asyncio.Event()
        async with Client(clients.address, Access(site.secret)) as client:
            registered = await asyncio.to_thread(site.cli, clients.address, "register", "steps.py")
            assert registered.code == 0, registered.stderr
            calling = [asyncio.create_task(calls(site, client, number, over, made, failed)) for number in range(4)]
            for former in list(site.replicas):
                await site.replica().until_ready()
                before = made.total()
                assert await former.stop() == 0, former.log.read_text()
                assert made.total() > before
                site.replicas.remove(former)
            over.set()
            await asyncio.gather(*calling)
        assert failed == []
        assert made.total() > 100

    live(site, body)


async def calls(
    site: ClusterSite, client: Client, caller: int, over: asyncio.Event, made: Counter[str], failed: list[str]
) -> None:
    """Read and write without a pause, until it is over."""
    while not over.is_set():
        try:
            await registry.projects(client)
            made["projects"] += 1
            await registry.create_project(client, f"{site.project}-{caller}-{made[str(caller)]}", "")
            made[str(caller)] += 1
            await executions.recent(client, site.project, "development", limit=5)
            made["recent"] += 1
        except RemoteError as error:
            failed.append(str(error))
