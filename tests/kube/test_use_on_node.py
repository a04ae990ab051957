"""What attempts in pods asked for and used, as a real kubelet brings it: in a container's last message or its log."""

import pytest

from flytelike.model.policies import ResourceName, ReusePolicy
from flytelike.model.usage import AskedResources, AttemptUse, ResourceAmounts
from propeller.ports import AttemptSpec
from tests.kube.node_bench import NodeBench, anyio_backend, bench

__all__ = ["anyio_backend", "bench"]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MIB = 1 << 20
KEPT = ReusePolicy(1, 60_000_000_000)
ASKS = {ResourceName.CPU: "100m", ResourceName.MEMORY: "400Mi"}
ASKED = ResourceAmounts(100, 400 * MIB)


async def used(bench: NodeBench, spec: AttemptSpec) -> AttemptUse:
    await bench.end_of(spec)
    found = bench.listener.used[spec.key]
    assert found is not None
    return found


async def test_a_pod_of_an_attempt_tells_what_it_asked_for_and_used(bench: NodeBench) -> None:
    spec = bench.chore("hold", ASKS, mebibytes=200)
    found = await used(bench, spec)
    assert bench.listener.ends[spec.key] is None
    assert 200 * MIB < found.memory_peak_bytes < 400 * MIB
    assert found.processor_ns > 10_000_000
    assert bench.listener.asked[spec.key] == AskedResources(ASKED, ASKED)


async def test_one_that_fails_tells_as_well_and_its_failure_is_its_own(bench: NodeBench) -> None:
    spec = bench.chore("fail", ASKS, text="no")
    assert (await used(bench, spec)).memory_peak_bytes > 10 * MIB
    failure = bench.listener.ends[spec.key]
    assert failure is not None
    assert "flytelike-used" not in failure.message


async def test_each_attempt_of_a_pod_that_is_kept_has_its_own_peak(bench: NodeBench) -> None:
    large = await used(bench, bench.chore("hold", ASKS, KEPT, mebibytes=200))
    spec = bench.chore("nothing", ASKS, KEPT)
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
    spec = bench.chore("eat", ASKS, mebibytes=1024)
    failure = await bench.end_of(spec)
    assert failure is not None
    assert failure.code == "OOMKilled"
    asked = bench.listener.asked[spec.key]
    assert asked is not None
    assert asked.limits.memory_bytes == 400 * MIB
    assert bench.listener.used[spec.key] is None
