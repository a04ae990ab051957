"""What attempts in pods asked for and used, as a real kubelet brings it: in a container's last message or its log."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from flytelike.codec.literals import literal_map_to_proto
from flytelike.model.literals import Literal, Primitive
from flytelike.model.policies import ResourceName, ReusePolicy, TaskMetadata
from flytelike.model.usage import AskedResources, AttemptUse, ResourceAmounts
from propeller.ports import AttemptSpec
from tests.kube.node_bench import NodeBench
from tests.kube.node_cluster import NodeCluster
from tests.kube.node_platform import bucket
from tests.unit.executor.builders import ARGS, BUNDLES

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MIB = 1 << 20
KEPT = ReusePolicy(1, 60_000_000_000)
ASKS = {ResourceName.CPU: "100m", ResourceName.MEMORY: "400Mi"}
ASKED = ResourceAmounts(100, 400 * MIB)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def bench(
    anyio_backend: str, node_cluster: NodeCluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[NodeBench]:
    with pytest.MonkeyPatch.context() as patch:
        bench = NodeBench(tmp_path_factory.mktemp("site"), node_cluster, bucket(node_cluster, patch))
        await bench.open()
        yield bench
        await bench.close()


def attempt(bench: NodeBench, task: str, reuse: ReusePolicy | None = None, **inputs: int | str) -> AttemptSpec:
    """Return an attempt of a task in `chores`, which lies in the image's Python path."""
    words = (*ARGS, "--", "module", "chores", "task", task)
    spec = bench.program(*words, env={"PYTHONPATH": str(BUNDLES)}, asks=ASKS)
    given = literal_map_to_proto({name: Literal(Primitive(value)) for name, value in inputs.items()})
    task_ = replace(spec.task, metadata=TaskMetadata(reuse=reuse))
    return replace(spec, task=task_, inputs=given.SerializeToString(), fresh=True)


async def used(bench: NodeBench, spec: AttemptSpec) -> AttemptUse:
    await bench.end_of(spec)
    found = bench.listener.used[spec.key]
    assert found is not None
    return found


async def test_a_pod_of_an_attempt_tells_what_it_asked_for_and_used(bench: NodeBench) -> None:
    spec = attempt(bench, "hold", mebibytes=200)
    found = await used(bench, spec)
    assert bench.listener.ends[spec.key] is None
    assert 200 * MIB < found.memory_peak_bytes < 400 * MIB
    assert found.processor_ns > 10_000_000
    assert bench.listener.asked[spec.key] == AskedResources(ASKED, ASKED)


async def test_one_that_fails_tells_as_well_and_its_failure_is_its_own(bench: NodeBench) -> None:
    spec = attempt(bench, "fail", text="no")
    assert (await used(bench, spec)).memory_peak_bytes > 10 * MIB
    failure = bench.listener.ends[spec.key]
    assert failure is not None
    assert "flytelike-used" not in failure.message


async def test_each_attempt_of_a_pod_that_is_kept_has_its_own_peak(bench: NodeBench) -> None:
    large = await used(bench, attempt(bench, "hold", KEPT, mebibytes=200))
    spec = attempt(bench, "nothing", KEPT)
    small = await used(bench, spec)
    assert small.memory_peak_bytes + 150 * MIB < large.memory_peak_bytes
    assert 0 < small.processor_ns < large.processor_ns
    assert bench.listener.asked[spec.key] == AskedResources(ASKED, ASKED)


async def test_of_other_programs_it_is_known_what_they_asked_for_only(bench: NodeBench) -> None:
    spec = bench.shell("true", asks=ASKS)
    assert await bench.end_of(spec) is None
    assert bench.listener.asked[spec.key] == AskedResources(ASKED, ASKED)
    assert bench.listener.used[spec.key] is None


async def test_one_that_is_killed_for_its_memory_tells_what_it_could_not_exceed(bench: NodeBench) -> None:
    spec = attempt(bench, "eat", mebibytes=1024)
    failure = await bench.end_of(spec)
    assert failure is not None
    assert failure.code == "OOMKilled"
    asked = bench.listener.asked[spec.key]
    assert asked is not None
    assert asked.limits.memory_bytes == 400 * MIB
    assert bench.listener.used[spec.key] is None
