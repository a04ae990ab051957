"""Attempts as pods of a real API server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kube.control_plane import ControlPlane
from tests.kube.pod_bench import PodBench

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def bench(
    anyio_backend: str, api_server: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PodBench]:
    bench = PodBench(tmp_path_factory.mktemp("site"), api_server)
    await bench.open()
    yield bench
    await bench.close()


async def test_a_task_runs_as_a_pod_which_is_removed(bench: PodBench) -> None:
    ended = await bench.end_of(bench.site.attempt("nothing"))
    assert ended.failure is None
    assert Path(ended.spec.output_prefix, "outputs.pb").exists()
    await bench.no_pods()


async def test_what_a_program_prints_outlives_its_pod(bench: PodBench) -> None:
    spec = bench.site.spec(("sh", "-c", "echo one; echo two >&2; exit 3"))
    failure = (await bench.end_of(spec)).failure
    assert failure is not None
    assert (failure.code, "one\ntwo" in failure.message) == ("NonZeroExit", True)
    await bench.no_pods()
    assert await bench.log(spec.key) == b"one\ntwo\n"
