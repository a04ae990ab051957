"""What attempts use of their machine is told with their ends: memory, and time on processors."""

import sys
from dataclasses import replace

import pytest

from flytelike.model.policies import ResourceName, Resources
from flytelike.model.usage import AskedResources, AttemptUse, ResourceAmounts
from propeller.ports import AttemptSpec
from tests.unit.executor.builders import Bench

pytestmark = pytest.mark.anyio

MIB = 1 << 20
MILLISECOND = 1_000_000


async def used(bench: Bench, task: str, **inputs: object) -> AttemptUse:
    ended = await bench.run(task, inputs)
    assert (found := bench.listener.used[ended.spec.key]) is not None
    return found


async def test_a_small_attempt_after_a_large_one_in_the_same_worker_has_a_small_peak(bench: Bench) -> None:
    before = (await bench.run("pid")).output
    small = await used(bench, "nothing")
    large = await used(bench, "hold", mebibytes=200)
    after = await used(bench, "nothing")
    assert (await bench.run("pid")).output == before
    assert 198 * MIB < large.memory_peak_bytes - small.memory_peak_bytes < 215 * MIB
    assert abs(after.memory_peak_bytes - small.memory_peak_bytes) < 15 * MIB


async def test_time_on_processors_is_that_of_the_attempt_and_its_children(bench: Bench) -> None:
    busy = await used(bench, "spend", milliseconds=150)
    assert 300 * MILLISECOND <= busy.processor_ns < 900 * MILLISECOND
    assert (await used(bench, "nothing")).processor_ns < 50 * MILLISECOND


async def test_the_peak_of_a_child_counts_and_what_is_hidden_by_an_earlier_one_is_not_made_up(bench: Bench) -> None:
    """The kernel keeps the largest child of a process for good."""
    large = await used(bench, "let_a_child_hold", mebibytes=300)
    assert 300 * MIB < large.memory_peak_bytes < 330 * MIB
    smaller = await used(bench, "let_a_child_hold", mebibytes=250)
    assert smaller.memory_peak_bytes == 0
    assert smaller.processor_ns > 0
    assert 0 < (await used(bench, "nothing")).memory_peak_bytes < 200 * MIB


async def test_an_attempt_that_fails_tells_as_well(bench: Bench) -> None:
    assert (await used(bench, "fail", text="no")).memory_peak_bytes > 0


async def test_of_a_worker_that_ends_only_what_its_last_attempt_used_is_told(bench: Bench) -> None:
    assert (await used(bench, "spend", milliseconds=500)).processor_ns >= 1000 * MILLISECOND
    died = await used(bench, "hold_and_die", mebibytes=100)
    assert died.memory_peak_bytes > 100 * MIB
    assert died.processor_ns < 900 * MILLISECOND


async def test_a_program_tells_by_its_end(bench: Bench) -> None:
    spec = bench.site.spec((sys.executable, "-c", f"x = b'x' * {150 * MIB}"))
    assert (await bench.end_of(spec)).failure is None
    found = bench.listener.used[spec.key]
    assert found is not None
    assert 150 * MIB < found.memory_peak_bytes < 200 * MIB
    assert found.processor_ns > 0


async def test_one_that_goes_beyond_its_limit_tells_how_far_it_came(bench: Bench) -> None:
    ended = await bench.run("eat", {"mebibytes": 400}, memory="200Mi")
    assert ended.failure is not None
    assert ended.failure.code == "OOMKilled"
    found = bench.listener.used[ended.spec.key]
    assert found is not None
    assert found.memory_peak_bytes > 200 * MIB


def asking(spec: AttemptSpec, resources: Resources) -> AttemptSpec:
    assert spec.task.container is not None
    return replace(spec, task=replace(spec.task, container=replace(spec.task.container, resources=resources)))


async def test_what_an_attempt_asked_for_is_told_as_it_begins(bench: Bench) -> None:
    resources = Resources({ResourceName.CPU: "500m", ResourceName.MEMORY: "1Gi"}, {ResourceName.MEMORY: "2Gi"})
    spec = asking(bench.site.attempt("nothing"), resources)
    await bench.end_of(spec)
    asked = AskedResources(ResourceAmounts(500, 1024 * MIB), ResourceAmounts(0, 2048 * MIB))
    assert bench.listener.asked[spec.key] == asked
    nothing = await bench.run("nothing")
    assert bench.listener.asked[nothing.spec.key] is None


async def test_the_same_news_again_tell_the_same_use(bench: Bench) -> None:
    ended = await bench.run("nothing")
    first = bench.listener.used.pop(ended.spec.key)
    await bench.executor.start(ended.spec)
    assert first is not None
    assert bench.listener.used[ended.spec.key] == first
