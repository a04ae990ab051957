"""Pods that are kept, on a real node: its kubelet brings orders, its runtime carries answers."""

import time
from dataclasses import replace

import pytest

from flytelike.model.failure import Fault
from flytelike.model.policies import ResourceName, ReusePolicy
from propeller.ports import AttemptSpec
from tests.kube.node_bench import NodeBench, anyio_backend, bench

ASKS = {ResourceName.MEMORY: "256Mi"}
KEPT = ReusePolicy(1, 60_000_000_000)

__all__ = ["anyio_backend", "bench"]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def took_s(bench: NodeBench, spec: AttemptSpec) -> float:
    """Run an attempt, which has to end well; return how long that took."""
    since = time.monotonic()
    assert await bench.end_of(spec) is None
    return time.monotonic() - since


async def test_small_tasks_share_a_pod_and_pay_no_start(bench: NodeBench) -> None:
    first = await took_s(bench, bench.chore("nothing", ASKS, KEPT))
    (pod,) = [one["metadata"]["uid"] for one in await bench.pods()]
    warm = [await took_s(bench, bench.chore("nothing", ASKS, KEPT)) for _ in range(4)]
    assert [one["metadata"]["uid"] for one in await bench.pods()] == [pod]
    cold = await took_s(bench, bench.chore("nothing", ASKS))
    print(f"cold {cold:.2f} s, first {first:.2f} s, warm {[round(one, 2) for one in warm]}")
    assert min(warm) < cold


async def test_what_each_attempt_prints_is_its_own_and_a_hungry_one_ends_alone(bench: NodeBench) -> None:
    said = bench.chore("say", ASKS, KEPT, text="hello")
    assert await bench.end_of(said) is None
    assert await bench.log(said.key, follow=True) == b"hello\nto stderr\nno newline"
    failure = await bench.end_of(bench.chore("eat", ASKS, KEPT, mebibytes=1024))
    assert failure is not None
    assert (failure.code, failure.fault) == ("OOMKilled", Fault.USER)
    assert await bench.end_of(bench.chore("nothing", ASKS, KEPT)) is None


async def test_a_late_attempt_is_stopped_and_its_worker_goes_on(bench: NodeBench) -> None:
    spec = bench.chore("wait_for_ever", ASKS, KEPT, pid_file="/tmp/pid")
    failure = await bench.end_of(replace(spec, deadline_ns=1_000_000_000))
    assert failure is not None
    assert failure.code == "TimeoutExpired"
    assert await bench.end_of(bench.chore("nothing", ASKS, KEPT)) is None
