"""Pods that are kept, and given one attempt after another."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from flytelike.model.failure import Fault
from flytelike.storage import Store, StoreConfig
from propeller.core.elements import Span
from propeller.executors.pod import Patience
from propeller.executors.pod.labels import EXECUTION
from propeller.executors.pod.worker_lease import LEASE, lease_of
from propeller.executors.results import Results
from propeller.kube.ports import PODS
from propeller.ports import AttemptSpec
from propeller.ports_elements import ElementsOrder
from tests.kube.control_plane import ControlPlane
from tests.kube.pod_bench import PodBench
from tests.kube.pod_status import Json
from tests.kube.test_pod_executor import FAULTS
from tests.unit.executor.builders import appears, array_of, gone, output

pytestmark = pytest.mark.anyio

PATIENCE = Patience(image_ns=0, container_ns=0, config_ns=0, node_ns=0)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def bench(
    anyio_backend: str, api_server: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PodBench]:
    """One worker at most, so that it is known which one runs what."""
    bench = PodBench(tmp_path_factory.mktemp("site"), api_server, patience=PATIENCE).reuse(1)
    await bench.open(FAULTS)
    yield bench
    await bench.close()


async def workers(bench: PodBench) -> list[str]:
    """Return the uids of the pods that are there."""
    return [one["metadata"]["uid"] for one in await bench.pods() if not one["metadata"].get("deletionTimestamp")]


async def worker_of(bench: PodBench, spec: AttemptSpec) -> Json:
    """Return the pod that runs an attempt, or ran it last."""
    name = spec.key.execution.name
    (found,) = [one for one in await bench.pods() if one["metadata"]["annotations"].get(EXECUTION) == name]
    return found


async def kill_worker_of(bench: PodBench, spec: AttemptSpec) -> None:
    bench.node.kill((await worker_of(bench, spec))["metadata"]["name"])


async def running(bench: PodBench, folder: Path) -> tuple[AttemptSpec, int]:
    """Start an attempt that does not end by itself; return it with its process."""
    spec = bench.site.attempt("wait_for_ever", {"pid_file": str(folder / "pid")})
    await bench.executor.start(spec)
    pid = int(await appears(folder / "pid"))
    await bench.listener.ran(spec.key)
    return spec, pid


async def test_attempts_share_one_pod(bench: PodBench) -> None:
    before = len(bench.node.started)
    specs = [bench.site.attempt("double", {"n": n}, outputs=True) for n in range(5)]
    for spec in specs:
        await bench.executor.start(spec)
    assert [await bench.listener.ended(spec.key) for spec in specs] == [None] * 5
    assert [output(spec) for spec in specs] == [0, 2, 4, 6, 8]
    assert len(bench.node.started) - before <= 1


async def test_what_each_attempt_prints_is_its_own(bench: PodBench) -> None:
    specs = [bench.site.attempt("say", {"text": f"number {n}"}) for n in range(3)]
    for spec in specs:
        await bench.executor.start(spec)
    for n, spec in enumerate(specs):
        await bench.listener.ended(spec.key)
        assert await bench.log(spec.key, follow=True) == f"number {n}\nto stderr\nno newline".encode()


async def test_an_attempt_that_breaks_its_process_breaks_nothing_else(bench: PodBench) -> None:
    await bench.end_of(bench.site.attempt("nothing"))
    before = await workers(bench)
    failure = (await bench.end_of(bench.site.attempt("exit_at_once", {"code": 3}))).failure
    assert failure is not None
    assert (failure.code, failure.fault, "last words" in failure.message) == ("NonZeroExit", Fault.USER, True)
    assert (await bench.end_of(bench.site.attempt("nothing"))).failure is None
    assert await workers(bench) == before


async def test_a_late_attempt_ends_with_all_that_it_started_and_its_worker_goes_on(
    bench: PodBench, tmp_path: Path
) -> None:
    await bench.end_of(bench.site.attempt("nothing"))
    before = await workers(bench)
    spec = bench.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / "pid")}, timeout_ms=300)
    failure = (await bench.end_of(spec)).failure
    assert failure is not None
    assert failure.code == "TimeoutExpired"
    assert (await bench.end_of(bench.site.attempt("nothing"))).failure is None
    assert await gone(int((tmp_path / "pid").read_text()))
    assert await workers(bench) == before


async def test_other_variables_are_another_kind_of_worker(bench: PodBench) -> None:
    """What differs from attempt to attempt is told in the order; what the pod is made from is not."""
    await bench.end_of(bench.site.attempt("nothing"))
    before = await workers(bench)
    spec = bench.site.attempt("nothing")
    assert (await bench.end_of(replace(spec, env={"OF_THIS_ATTEMPT": "1"}))).failure is None
    assert await workers(bench) == before
    assert (await bench.end_of(bench.site.attempt("nothing", env={"OF_THE_TASK": "1"}))).failure is None
    assert len(await workers(bench)) == 2


async def test_a_pod_that_cannot_start_is_told_as_any_other(bench: PodBench) -> None:
    spec = bench.site.attempt("nothing")
    assert spec.task.container is not None
    container = replace(spec.task.container, image="fault/denied")
    failure = (await bench.end_of(replace(spec, task=replace(spec.task, container=container)))).failure
    assert failure is not None
    assert (failure.code, failure.fault) == ("ImagePullBackOff", Fault.USER)


# --- whoever is killed -------------------------------------------------------------------------


async def test_a_worker_that_is_killed_loses_its_attempt_and_another_one_takes_its_place(
    bench: PodBench, tmp_path: Path
) -> None:
    spec, pid = await running(bench, tmp_path)
    await kill_worker_of(bench, spec)
    failure = await bench.listener.ended(spec.key)
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == ("Interrupted", Fault.SYSTEM, True)
    assert await gone(pid)
    assert (await bench.end_of(bench.site.attempt("nothing"))).failure is None


async def test_a_worker_that_somebody_deletes_was_interrupted(bench: PodBench, tmp_path: Path) -> None:
    spec, pid = await running(bench, tmp_path)
    name = (await worker_of(bench, spec))["metadata"]["name"]
    await asyncio.to_thread(bench.plane.kubectl, "-n", bench.namespace, "delete", "pod", name, "--wait=false")
    failure = await bench.listener.ended(spec.key)
    assert failure is not None
    assert (failure.code, failure.fault) == ("Interrupted", Fault.SYSTEM)
    assert await gone(pid)
    assert (await bench.end_of(bench.site.attempt("nothing"))).failure is None


async def test_an_attempt_that_left_its_outputs_has_succeeded_whatever_became_of_its_worker(
    bench: PodBench, tmp_path: Path
) -> None:
    spec, _ = await running(bench, tmp_path)
    Path(spec.output_prefix).mkdir(exist_ok=True)
    Path(spec.output_prefix, "outputs.pb").write_bytes(b"")
    await kill_worker_of(bench, spec)
    assert await bench.listener.ended(spec.key) is None


async def test_an_attempt_goes_on_over_a_restart_and_is_told_once(bench: PodBench, tmp_path: Path) -> None:
    spec, pid = await running(bench, tmp_path)
    before = len(bench.node.started)
    await bench.restart()
    await bench.executor.start(spec)
    await bench.listener.ran(spec.key)
    await bench.executor.abort(spec.key, "seen")
    assert await gone(pid)
    assert (await bench.end_of(bench.site.attempt("nothing"))).failure is None
    assert len(bench.node.started) == before


async def test_an_attempt_that_ended_while_nobody_looked_is_judged_afterwards(bench: PodBench, tmp_path: Path) -> None:
    spec = bench.site.attempt("exit_at_once", {"code": 9})
    first, _ = await running(bench, tmp_path)
    await bench.executor.start(spec)
    await bench.executor.abort(first.key, "its turn is over")
    while not Path(spec.output_prefix, LEASE).exists():
        await asyncio.sleep(0.005)
    await bench.restart()
    failure = (await bench.end_of(spec)).failure
    assert failure is not None
    assert failure.code == "NonZeroExit"
    assert "exit code 9" in failure.message
    assert await bench.log(spec.key, follow=True) == b"last words\n"


async def test_an_attempt_that_is_aborted_after_a_restart_ends(bench: PodBench, tmp_path: Path) -> None:
    spec, pid = await running(bench, tmp_path)
    await bench.restart()
    await bench.executor.abort(spec.key, "no longer wanted")
    assert await gone(pid)
    assert (await bench.end_of(bench.site.attempt("nothing"))).failure is None


async def test_a_lease_whose_worker_was_never_made_makes_it(bench: PodBench) -> None:
    """The executor was killed between the two."""
    spec = bench.site.attempt("double", {"n": 4}, outputs=True)
    Path(spec.output_prefix).mkdir()
    Path(spec.output_prefix, LEASE).write_text('{"worker": "worker-of-before", "mark": "%s"}' % ("ab" * 16))
    assert (await bench.end_of(spec)).output == 8
    assert "worker-of-before" in bench.node.started


async def test_of_two_executors_one_runs_the_attempt(bench: PodBench, tmp_path: Path) -> None:
    """One that was replaced and does not know it yet gets to know what the other one wrote."""
    other = bench.new_executor()
    try:
        spec = bench.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / "pid")})
        await asyncio.gather(bench.executor.start(spec), other.start(spec))
        pid = int(await appears(tmp_path / "pid"))
        await bench.listener.ran(spec.key)
        lease = await lease_of(Results(Store(StoreConfig())), spec.output_prefix)
        assert lease is not None
        holders = [
            one["metadata"]["name"]
            for one in await bench.pods()
            if lease.mark in one["metadata"]["annotations"].get("flytelike.dev/order", "")
        ]
        assert holders == [lease.worker]
        await bench.executor.abort(spec.key, "seen")
        assert await gone(pid)
    finally:
        await other.close()


# --- room --------------------------------------------------------------------------------------


async def test_a_worker_without_work_goes_after_its_time(tmp_path: Path, api_server: ControlPlane) -> None:
    bench = PodBench(tmp_path, api_server, patience=PATIENCE).reuse(2, idle_s=0.2)
    await bench.open()
    try:
        assert (await bench.end_of(bench.site.attempt("nothing"))).failure is None
        await bench.no_pods()
        assert (await bench.end_of(bench.site.attempt("nothing"))).failure is None
        await bench.restart()
        bench.executor.open()
        await bench.no_pods()
    finally:
        await bench.close()


async def test_a_worker_without_work_makes_room(tmp_path: Path, api_server: ControlPlane) -> None:
    bench = PodBench(tmp_path, api_server, slots=1, patience=PATIENCE).reuse(1)
    await bench.open()
    try:
        assert (await bench.end_of(bench.site.attempt("nothing"))).failure is None
        assert (await bench.end_of(bench.site.attempt("nothing", env={"OTHER": "1"}))).failure is None
    finally:
        await bench.close()


async def test_elements_of_an_array_share_workers(bench: PodBench) -> None:
    before = len(bench.node.started)
    array = array_of(bench.site.attempt("nothing"), {"n": range(6)})
    await bench.executor.start_elements(ElementsOrder(array, [Span(0, 6)]))
    told = await bench.listener.told_of(array.key, 6)
    assert [(one.element, one.failure) for one in told] == [(n, None) for n in range(6)]
    assert len(bench.node.started) - before <= 1


async def test_nobody_else_has_a_workers_order(bench: PodBench) -> None:
    """It tells who works for whom."""
    spec = (await bench.end_of(bench.site.attempt("nothing"))).spec
    pod = await worker_of(bench, spec)
    assert pod["metadata"]["labels"]["flytelike.dev/worker"]
    assert "flytelike.dev/execution" not in pod["metadata"]["labels"]
    assert (await bench.client.get(PODS, bench.namespace, pod["metadata"]["name"]))["spec"]["restartPolicy"] == "Never"
