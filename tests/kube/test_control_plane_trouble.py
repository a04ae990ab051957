"""What becomes of watches and executions when the API server or etcd dies and comes back."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from flytelike.model.phases import WorkflowPhase
from propeller.kube.client import ClientSettings, KubernetesClient
from propeller.kube.errors import KubernetesError, Refused, Unavailable
from propeller.kube.ports import FLYTE_WORKFLOWS, Selection
from propeller.kube.watch import Gone, Listed, Seen, Watch, WatchSettings
from tests.kube import keeper
from tests.kube.control_plane import ControlPlane
from tests.kube.examples import document
from tests.kube.executing import Site, manifest, operating, until_ended
from tests.services.kubernetes import connected
from tests.unit.propeller_engine.builders import chain

QUICK = WatchSettings(backoff_max_s=0.5)


def live(plane: ControlPlane, body: Callable[[KubernetesClient], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(110), connected(plane) as client:
            await body(client)

    asyncio.run(main())


async def restarted(plane: ControlPlane) -> None:
    plane.kill_api()
    await asyncio.to_thread(plane.start_api)


@pytest.mark.slow
def test_a_watch_goes_on_when_the_api_server_comes_back(own_api_server: ControlPlane) -> None:
    async def body(client: KubernetesClient) -> None:
        watch = Watch(client, Selection(FLYTE_WORKFLOWS, "default"), QUICK)
        told: list[object] = []

        async def listen_until(name: str) -> None:
            async for item in news:
                told.append(item)
                if isinstance(item, Seen | Gone) and item.key.name == name:
                    return

        news = watch.news()
        await client.create(FLYTE_WORKFLOWS, "default", document("e1", "default"))
        await listen_until("e1")
        for name in ("e2", "e3"):
            waiting = asyncio.create_task(listen_until(name))
            await restarted(own_api_server)
            await client.create(FLYTE_WORKFLOWS, "default", document(name, "default"))
            await waiting
        own_api_server.kill_api()
        own_api_server.kill_etcd()
        waiting = asyncio.create_task(listen_until("e4"))
        own_api_server.start_etcd()
        await asyncio.to_thread(own_api_server.start_api)
        await client.create(FLYTE_WORKFLOWS, "default", document("e4", "default"))
        await waiting
        await news.aclose()
        names = [item.key.name for item in told if isinstance(item, Seen)]
        assert names == ["e1", "e2", "e3", "e4"]
        assert told.count(Listed()) == 1

    live(own_api_server, body)


@pytest.mark.slow
def test_executions_go_on_while_the_api_server_is_away(own_api_server: ControlPlane, tmp_path: Path) -> None:
    """The engine needs it for nothing but news: what ended meanwhile is told when it is back."""

    async def body(client: KubernetesClient) -> None:
        site = Site(tmp_path)
        async with operating(site.options(own_api_server, "default")):
            text = manifest(site.request("e1", chain(3)), "default")
            await asyncio.to_thread(own_api_server.kubectl, "create", "-f", "-", stdin=text)
            own_api_server.kill_api()
            with pytest.raises(Unavailable):
                await client.get(FLYTE_WORKFLOWS, "default", "e1")
            await asyncio.to_thread(own_api_server.start_api)
            with suppress(Unavailable):
                await client.get(FLYTE_WORKFLOWS, "default", "e1")
            ended = await until_ended(client, "default", "e1")
        assert (ended.status.phase, ended.status.nodes.succeeded) == (WorkflowPhase.SUCCEEDED, 3)

    live(own_api_server, body)


def test_who_may_not_look_is_told_so(api_server: ControlPlane, namespace: str, tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    text = api_server.kubeconfig.read_text(encoding="utf-8")
    config.write_text(text.replace(api_server.token(), api_server.token("alice")), encoding="utf-8")

    async def main() -> None:
        async with KubernetesClient(ClientSettings(kubeconfig=str(config))) as client:
            with pytest.raises(Refused, match='User "alice" cannot list resource "flyteworkflows"'):
                async for _ in Watch(client, Selection(FLYTE_WORKFLOWS, namespace)).news():
                    pass

    asyncio.run(main())


def test_without_a_cluster_it_says_so(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(KubernetesError, match="there is no cluster to connect to"):
            async with KubernetesClient(ClientSettings(kubeconfig=str(tmp_path / "none"))):
                pass

    asyncio.run(main())


USER = """
import sys
from pathlib import Path
from tests.kube.keeper import shared_control_plane
with shared_control_plane(Path(sys.argv[1]), Path(sys.argv[2])) as plane:
    print(plane.folder, flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_nothing_is_left_of_users_that_were_killed(kube_programs: Path, tmp_path: Path) -> None:
    """Two processes share a control plane; it goes when the last one does, however that ends."""
    command = [sys.executable, "-c", USER, str(kube_programs), str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen(command, cwd=keeper.ROOT, **pipes) as one,
        subprocess.Popen(command, cwd=keeper.ROOT, **pipes) as other,
    ):
        folders = [Path(user.stdout.readline().strip()) for user in (one, other)]
        assert folders[0] == folders[1]
        assert folders[0].exists()
        kept = keeper.Kept(folders[0].parent)
        one.kill()
        one.wait()
        assert folders[0].exists()
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    until_removed(kept.folder)
    assert not kept.folder.exists()


def until_removed(folder: Path) -> None:
    """Return when the keeper, which nobody else waits for, has removed its folder."""
    due = time.monotonic() + 60
    while folder.exists() and time.monotonic() < due:
        time.sleep(0.05)
