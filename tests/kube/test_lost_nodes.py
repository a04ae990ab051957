"""What becomes of attempts when a machine of the cluster is cut off, or its kubelet is killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flytelike.model.failure import Fault
from propeller.ports import AttemptKey
from tests.kube import keeper
from tests.kube.control_plane import KubectlFailed
from tests.kube.node_bench import NodeBench, opened
from tests.kube.node_cluster import NodeCluster

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def two_nodes(node_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeCluster]:
    """A cluster of this module's own."""
    folder = tmp_path_factory.mktemp("nodes")
    name = f"{keeper.PREFIX}{os.getpid()}"
    cluster = NodeCluster(node_programs, folder, quick=True, name=name)
    try:
        cluster.start()
        cluster.add_node()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
async def bench(
    anyio_backend: str, two_nodes: NodeCluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[NodeBench]:
    async with opened(tmp_path_factory.mktemp("site"), two_nodes) as bench:
        yield bench


async def test_a_pod_goes_on_while_its_kubelet_is_dead(bench: NodeBench) -> None:
    await bench.kubectl("cordon", "node-1")
    spec = bench.shell("echo one; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo two")
    await bench.executor.start(spec)
    await bench.ran(spec.key)
    bench.cluster.node.kill_kubelet()
    bench.cluster.node.start_kubelet()
    async with asyncio.timeout(150):
        while not await reached(bench, spec.key):
            await asyncio.sleep(0.2)
    assert await bench.ended(spec.key) is None
    assert await bench.log(spec.key) == b"one\ntwo\n"
    await bench.kubectl("uncordon", "node-1")


async def reached(bench: NodeBench, key: AttemptKey) -> bool:
    """Tell whether the kubelet was there to let an attempt go on."""
    try:
        await bench.let_go(key)
    except KubectlFailed:
        return False
    return True


async def test_an_attempt_on_a_machine_that_is_lost_is_made_again_elsewhere(bench: NodeBench) -> None:
    await bench.kubectl("cordon", "node-0")
    spec = bench.shell("sleep 600")
    await bench.executor.start(spec)
    await bench.ran(spec.key)
    assert (await bench.pod(spec.key))["spec"]["nodeName"] == "node-1"
    await bench.kubectl("uncordon", "node-0")
    bench.cluster.cut_off()
    failure = await bench.ended(spec.key)
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == ("Interrupted", Fault.SYSTEM, True)
    assert "node-1 did not tell how it ended" in failure.message
    again = bench.shell("true")
    again = replace(again, key=replace(spec.key, attempt=1))
    assert await bench.end_of(again) is None
    bench.cluster.cut_off(cut=False)
    await bench.no_pods()


USER = """
import sys
from pathlib import Path
from tests.kube.keeper import shared_node
with shared_node(Path(sys.argv[1]), Path(sys.argv[2])) as cluster:
    print(cluster.folder, cluster.machine.pid, flush=True)
    sys.stdin.read()
"""


def test_nothing_is_left_of_a_node_whose_keeper_is_killed(node_programs: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", USER, str(node_programs), str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=keeper.ROOT, **pipes) as user:
        folder, machine = user.stdout.readline().split()
        kept = keeper.Kept(Path(folder).parent)
        (found,) = [one for one in Path("/proc").iterdir() if one.name.isdecimal() and keeps(one, kept.folder)]
        os.kill(int(found.name), signal.SIGKILL)
        due = time.monotonic() + 30
        while Path("/proc", machine).exists() and time.monotonic() < due:
            time.sleep(0.05)
        assert not Path("/proc", machine).exists()
        user.kill()
    while kept.folder.exists() and time.monotonic() < due:
        keeper.remove_abandoned()
        time.sleep(0.05)
    assert not kept.folder.exists()
    assert not [*Path("/sys/fs/cgroup").glob(f"**/{kept.folder.name}*")]
    assert kept.folder.name not in Path("/proc/self/mounts").read_text()


def keeps(process: Path, folder: Path) -> bool:
    """Tell whether a process is the keeper of a folder."""
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"tests.kube.keeper" in words and str(folder).encode() in words
