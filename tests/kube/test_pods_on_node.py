"""What only a real node shows: its kubelet, runtime, scheduler and controllers tell how pods go, in their own words."""

import asyncio
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from flytelike.model.failure import Fault
from flytelike.model.graph import SecretRequest
from flytelike.model.policies import ResourceName
from propeller.executors.pod import SecurityProfile
from propeller.ports import AttemptSpec
from tests.kube.node_bench import NodeBench, anyio_backend, bench

__all__ = ["anyio_backend", "bench"]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

DISK = {ResourceName.CPU: "10m", ResourceName.MEMORY: "64Mi", ResourceName.EPHEMERAL_STORAGE: "1Mi"}
NO_REGISTRY, NO_SUCH_IMAGE = "127.0.0.1:9/none:1", "127.0.0.1:9000/none:1"
"""Nobody listens at the first; the second is a server that has no images."""

EATS = f"exec {sys.executable} -c 'x = bytearray(1 << 30)'"
"""In the container's first process: of the end of another one the kubelet may hear too late that it was for memory."""


NAMES = (
    *("exit code", "signal", "out of memory", "no program", "too long", "no registry", "no image", "no name"),
    *("secret", "mount", "disk"),
)


@dataclass(frozen=True)
class Case:
    """An attempt that fails, and what is told of it."""

    spec: AttemptSpec
    code: str
    fault: Fault
    text: str
    retryable: bool = True


def cases(bench: NodeBench) -> dict[str, Case]:
    """Return attempts that fail by themselves; all of them run at once."""
    user, system = Fault.USER, Fault.SYSTEM
    asks = replace(bench.shell("true").task, secrets=(SecretRequest("missing", "word"),))
    mounts = replace(asks, secrets=(SecretRequest("missing", "word", mount_as_file=True),))
    return {
        "exit code": Case(bench.shell("echo one; echo two >&2; exit 3"), "NonZeroExit", user, "two"),
        "signal": Case(bench.shell("exit 143"), "KilledBySignal", user, "SIGTERM"),
        "out of memory": Case(bench.shell(EATS, memory="64Mi"), "OOMKilled", user, "limits=Resources(mem="),
        "no program": Case(bench.program("no-such-program"), "ProgramNotFound", user, "no-such-program", False),
        "too long": Case(bench.shell("sleep 600", timeout_ms=1000), "TimeoutExpired", user, "1"),
        "no registry": Case(bench.shell("true", image=NO_REGISTRY), "ImagePullBackOff", system, "connection refused"),
        "no image": Case(bench.shell("true", image=NO_SUCH_IMAGE), "ImagePullBackOff", user, "not found"),
        "no name": Case(bench.shell("true", image="Not/An Image"), "InvalidImageName", user, "Not/An Image", False),
        "secret": Case(replace(bench.shell("true"), task=asks), "CreateContainerConfigError", user, "missing"),
        "mount": Case(replace(bench.shell("true"), task=mounts), "FailedMount", user, "missing"),
        "disk": Case(
            bench.shell("head -c 50000000 /dev/zero > /tmp/x; sleep 600", asks=DISK),
            "EphemeralStorageExceeded",
            user,
            "ephemeral_storage",
        ),
    }


@pytest.fixture(scope="module")
async def started(bench: NodeBench) -> dict[str, Case]:
    """Start all cases."""
    found = cases(bench)
    for case in found.values():
        await bench.executor.start(case.spec)
    return found


@pytest.mark.parametrize("name", NAMES)
async def test_a_pod_that_fails_says_why_and_whose_fault_it_is(
    bench: NodeBench, started: dict[str, Case], name: str
) -> None:
    case = started[name]
    failure = await bench.ended(case.spec.key)
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == (case.code, case.fault, case.retryable), failure.message
    assert case.text in failure.message


async def test_what_a_program_prints_is_followed_and_outlives_its_pod(bench: NodeBench) -> None:
    spec = bench.shell("echo first; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo last")
    await bench.executor.start(spec)
    await bench.ran(spec.key)
    pieces = bench.executor.logs.stream(spec.key, follow=True)
    async with asyncio.timeout(30):
        while not await bench.log(spec.key):
            await asyncio.sleep(0.05)
    await bench.let_go(spec.key)
    assert b"".join([piece async for piece, _ in pieces]) == b"first\nlast\n"
    assert await bench.ended(spec.key) is None
    assert await bench.log(spec.key) == b"first\nlast\n"


async def test_what_does_not_fit_says_so_in_the_schedulers_words(bench: NodeBench) -> None:
    spec = bench.shell("true", asks={ResourceName.CPU: "1000", ResourceName.MEMORY: "32Mi"})
    await bench.executor.start(spec)
    await bench.waits_for(spec.key, "Insufficient cpu")
    await bench.executor.abort(spec.key, "seen")
    assert spec.key not in bench.listener.ends


async def test_an_eviction_is_no_fault_of_the_task(bench: NodeBench) -> None:
    spec = bench.shell("sleep 600")
    await bench.executor.start(spec)
    await bench.ran(spec.key)
    name = (await bench.pod(spec.key))["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": bench.namespace}}
    path = f"/api/v1/namespaces/{bench.namespace}/pods/{name}/eviction"
    await bench.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
    failure = await bench.ended(spec.key)
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == ("Interrupted", Fault.SYSTEM, True)
    assert "evicted" in failure.message


async def test_a_high_priority_takes_the_place_of_a_low_one(bench: NodeBench, tmp_path: Path) -> None:
    """By the scheduler, which is told by classes; the attempt that had to go was interrupted."""
    names = {word: f"{word}-{bench.namespace}" for word in ("high", "low")}
    for word, value in (("high", 1000), ("low", -1000)):
        document = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": value}
        await bench.kubectl("create", "-f", "-", stdin=json.dumps({**document, "metadata": {"name": names[word]}}))
    classes = {"priority_classes": {names["high"]: 1, names["low"]: -1000}}
    other = NodeBench(tmp_path, bench.cluster, f"{bench.base}/priorities", pods=classes)
    await other.open()
    most = await other.kubectl("get", "nodes", "-o", "jsonpath={.items[0].status.allocatable.cpu}")
    asks = {ResourceName.CPU: f"{int(most) * 600}m", ResourceName.MEMORY: "32Mi"}
    low = replace(other.shell("sleep 600", asks=asks), priority=-5)
    high = replace(other.shell("true", asks=asks), priority=5)
    await other.executor.start(low)
    await other.ran(low.key)
    assert await other.end_of(high) is None
    failure = await other.ended(low.key)
    assert failure is not None
    assert (failure.code, failure.fault) == ("Interrupted", Fault.SYSTEM)
    assert "preempted by a pod of higher priority" in failure.message
    await other.close()


async def test_a_quota_is_waited_for_as_the_controller_counts_it(bench: NodeBench, tmp_path: Path) -> None:
    """The second pod is made when the first one has ended."""
    other = NodeBench(tmp_path, bench.cluster, f"{bench.base}/quota")
    await other.open()
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "one"}, "spec": {"hard": {"pods": "1"}}}
    await other.kubectl("-n", other.namespace, "create", "-f", "-", stdin=json.dumps(quota))
    told = "jsonpath={.status.hard.pods}"
    while await other.kubectl("-n", other.namespace, "get", "quota", "one", "-o", told) != "1":
        await asyncio.sleep(0.1)
    first, second = other.shell("sleep 600"), other.shell("true")
    await other.executor.start(first)
    await other.ran(first.key)
    await other.executor.start(second)
    await other.waits_for(second.key, "exceeded quota: one, requested: pods=1, used: pods=1, limited: pods=1")
    await other.executor.abort(first.key, "it has had its turn")
    assert await other.ended(second.key) is None
    await other.close()


async def test_a_deadline_holds_while_no_executor_runs(bench: NodeBench, tmp_path: Path) -> None:
    other = NodeBench(tmp_path, bench.cluster, f"{bench.base}/deadline", pods={"start_allowance_s": 0})
    await other.open()
    spec = other.shell("sleep 600", timeout_ms=2000)
    await other.executor.start(spec)
    async with asyncio.timeout(60):
        while not await other.pods():
            await asyncio.sleep(0.01)
    await other.executor.close()
    async with asyncio.timeout(60):
        while (await other.pods())[0]["status"]["phase"] != "Failed":
            await asyncio.sleep(0.1)
    await other.restart()
    failure = await other.end_of(spec)
    assert failure is not None
    assert (failure.code, failure.fault) == ("TimeoutExpired", Fault.USER)
    await other.close()


async def test_what_the_namespace_forbids_is_told(bench: NodeBench) -> None:
    kept = bench.settings
    bench.settings = replace(kept, pods=replace(kept.pods, profile=SecurityProfile.PRIVILEGED))
    other = bench._new()
    spec = bench.shell("true")
    try:
        await other.start(spec)
        failure = await bench.ended(spec.key)
    finally:
        bench.settings = kept
        await other.close()
    assert failure is not None
    assert (failure.code, failure.retryable) == ("PodSecurityViolated", False)


async def test_a_pod_killed_from_outside_was_interrupted(bench: NodeBench) -> None:
    """Exit code 137 alone is not the task's own memory."""
    spec = bench.shell("sleep 600")
    await bench.executor.start(spec)
    await bench.ran(spec.key)
    (status,) = (await bench.pod(spec.key))["status"]["containerStatuses"]
    container = status["containerID"].removeprefix("containerd://")
    await asyncio.to_thread(bench.cluster.node.ctr, "tasks", "kill", "--signal", "SIGKILL", container)
    failure = await bench.ended(spec.key)
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == ("Interrupted", Fault.SYSTEM, True)
