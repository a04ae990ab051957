"""A good end is told before the attempt's log is stored; the pod stays until it is, whatever happens meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import pytest
from typing_extensions import override

from flytelike.storage import Store, StoreConfig
from propeller.executors.pod import PodExecutor, log_readers
from propeller.kube.client import KubernetesClient
from propeller.kube.ports import PodLogs
from propeller.ports import AttemptSpec
from tests.kube.control_plane import ControlPlane
from tests.kube.pod_bench import PodBench

pytestmark = pytest.mark.anyio


class HeldLogs(PodLogs):
    """Gives logs of pods once it is told to."""

    def __init__(self, client: KubernetesClient) -> None:
        self.open = asyncio.Event()
        self.asked = asyncio.Event()
        self._client = client

    @override
    async def log(self, namespace: str, pod: str, container: str, *, follow: bool) -> AsyncGenerator[bytes, None]:
        self.asked.set()
        await self.open.wait()
        async for data in self._client.log(namespace, pod, container, follow=follow):
            yield data


class HeldBench(PodBench):
    """A bench whose executor gets no log before it is told to; executors after it get them at once."""

    held: HeldLogs

    @override
    def new_executor(self) -> PodExecutor:
        self.held = HeldLogs(self.client)
        return PodExecutor(self.settings, self.client, self.held, Store(StoreConfig()), self.listener)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def bench(anyio_backend: str, api_server: ControlPlane, tmp_path: Path) -> AsyncIterator[HeldBench]:
    bench = HeldBench(tmp_path, api_server, orphan_s=0.2, log_wait_s=0.2)
    await bench.open()
    yield bench
    await bench.close()


def prints(bench: PodBench) -> AttemptSpec:
    """Return an attempt that prints a line and succeeds."""
    return bench.site.spec(("sh", "-c", "echo a line"))


async def test_a_good_end_is_told_before_the_log_is_stored_and_the_pod_stays_for_it(bench: HeldBench) -> None:
    spec = prints(bench)
    assert (await bench.end_of(spec)).failure is None
    await bench.held.asked.wait()
    assert await bench.log(spec.key) == b""
    (pod,) = await bench.pods()
    assert "deletionTimestamp" not in pod["metadata"]
    bench.held.open.set()
    await bench.no_pods()
    assert await bench.log(spec.key) == b"a line\n"


async def test_a_log_that_was_not_stored_when_the_platform_died_is_stored_by_the_next_one(bench: HeldBench) -> None:
    spec = prints(bench)
    assert (await bench.end_of(spec)).failure is None
    await bench.held.asked.wait()
    await bench.restart()
    bench.executor.open()
    await bench.held.asked.wait()
    # The next one is not asked for the attempt: the engine knows how it ended. It is long an orphan, and stays.
    (pod,) = await bench.pods()
    assert "deletionTimestamp" not in pod["metadata"]
    bench.held.open.set()
    await bench.no_pods()
    assert await bench.log(spec.key) == b"a line\n"


async def test_an_attempt_that_is_asked_for_while_its_log_is_rescued_has_it_once(bench: HeldBench) -> None:
    spec = prints(bench)
    assert (await bench.end_of(spec)).failure is None
    await bench.held.asked.wait()
    await bench.restart()
    bench.executor.open()
    await bench.held.asked.wait()
    assert (await bench.end_of(spec)).failure is None
    bench.held.open.set()
    await bench.no_pods()
    assert await bench.log(spec.key) == b"a line\n"


async def test_ends_wait_for_their_logs_once_too_many_are_behind(
    bench: HeldBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_readers, "BEHIND_MAX", 1)
    first, second = prints(bench), prints(bench)
    assert (await bench.end_of(first)).failure is None
    bench.executor._readers._wait_s = 60
    await bench.executor.start(second)
    async with asyncio.timeout(30):
        while not bench.executor._readers.reads(second.key):
            await asyncio.sleep(0.02)
    assert bench.listener.count("succeeded", second.key) == 0
    bench.held.open.set()
    assert await bench.listener.ended(second.key) is None
