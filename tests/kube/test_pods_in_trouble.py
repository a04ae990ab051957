"""Pods while the cluster's own control plane fails: they go on, and each attempt has one."""

import asyncio
from pathlib import Path

import pytest

from tests.kube.control_plane import ControlPlane
from tests.kube.pod_bench import PodBench

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_attempts_go_on_while_the_api_server_is_killed(own_api_server: ControlPlane, tmp_path: Path) -> None:
    bench = PodBench(tmp_path, own_api_server)
    await bench.open()
    waits = f"echo one; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo two"
    running = bench.site.spec(("sh", "-c", waits))
    later = bench.site.spec(("sh", "-c", "echo later"))
    await bench.executor.start(running)
    await bench.listener.ran(running.key)
    await asyncio.to_thread(own_api_server.kill_api)
    await bench.executor.start(later)
    (tmp_path / "go").touch()
    await asyncio.to_thread(own_api_server.start_api)
    assert [await bench.listener.ended(spec.key) for spec in (running, later)] == [None, None]
    assert sorted(bench.node.started) == sorted({*bench.node.started})
    assert await bench.log(running.key) == b"one\ntwo\n"
    await bench.no_pods()
    await bench.close()
