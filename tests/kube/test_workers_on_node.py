"""Pods that are kept, on a real node: its kubelet brings orders, its runtime carries answers."""

import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from flytelike.codec.literals import literal_map_to_proto
from flytelike.model.failure import Fault
from flytelike.model.literals import Literal, Primitive
from flytelike.model.policies import ResourceName, ReusePolicy, TaskMetadata
from propeller.ports import AttemptSpec
from tests.kube.node_bench import NodeBench
from tests.kube.node_cluster import NodeCluster
from tests.kube.node_platform import bucket
from tests.unit.executor.builders import ARGS, BUNDLES

KEPT = ReusePolicy(1, 60_000_000_000)

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


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


def attempt(bench: NodeBench, task: str, reuse: ReusePolicy | None, **inputs: int | str) -> AttemptSpec:
    """Return an attempt of a task in `chores`, which lies in the image's Python path."""
    words = (*ARGS, "--", "module", "chores", "task", task)
    asks = {ResourceName.MEMORY: "256Mi"}
    spec = bench.program(*words, env={"PYTHONPATH": str(BUNDLES)}, asks=asks)
    given = literal_map_to_proto({name: Literal(Primitive(value)) for name, value in inputs.items()})
    task_ = replace(spec.task, metadata=TaskMetadata(reuse=reuse))
    return replace(spec, task=task_, inputs=given.SerializeToString(), fresh=True)


async def took_s(bench: NodeBench, spec: AttemptSpec) -> float:
    """Run an attempt, which has to end well; return how long that took."""
    since = time.monotonic()
    assert await bench.end_of(spec) is None
    return time.monotonic() - since


async def test_small_tasks_share_a_pod_and_pay_no_start(bench: NodeBench) -> None:
    first = await took_s(bench, attempt(bench, "nothing", KEPT))
    (pod,) = [one["metadata"]["uid"] for one in await bench.pods()]
    warm = [await took_s(bench, attempt(bench, "nothing", KEPT)) for _ in range(8)]
    assert [one["metadata"]["uid"] for one in await bench.pods()] == [pod]
    cold = [await took_s(bench, attempt(bench, "nothing", None)) for _ in range(2)]
    print(f"cold {min(cold):.2f} s, first {first:.2f} s, warm {[round(one, 2) for one in warm]}")
    assert statistics.median(warm) < min(cold)


async def test_what_each_attempt_prints_is_its_own_and_a_hungry_one_ends_alone(bench: NodeBench) -> None:
    said = attempt(bench, "say", KEPT, text="hello")
    assert await bench.end_of(said) is None
    assert await bench.log(said.key, follow=True) == b"hello\nto stderr\nno newline"
    failure = await bench.end_of(attempt(bench, "eat", KEPT, mebibytes=1024))
    assert failure is not None
    assert (failure.code, failure.fault) == ("OOMKilled", Fault.USER)
    assert await bench.end_of(attempt(bench, "nothing", KEPT)) is None


async def test_a_late_attempt_is_stopped_and_its_worker_goes_on(bench: NodeBench) -> None:
    spec = attempt(bench, "wait_for_ever", KEPT, pid_file="/tmp/pid")
    failure = await bench.end_of(replace(spec, deadline_ns=1_000_000_000))
    assert failure is not None
    assert failure.code == "TimeoutExpired"
    assert await bench.end_of(attempt(bench, "nothing", KEPT)) is None
