"""Attempts as pods of a real API server."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import SecretRequest
from flytelike.model.ids import ExecutionId
from flytelike.model.policies import ResourceName
from propeller.executors.pod import Patience, SecurityProfile
from propeller.executors.pod.names import pod_name
from propeller.kube.ports import EVENTS, PODS
from propeller.ports import AttemptSpec
from tests.kube.control_plane import ControlPlane
from tests.kube.pod_bench import PodBench
from tests.kube.pod_status import Json, now, status, terminated, waiting
from tests.unit.executor.builders import appears, gone

pytestmark = pytest.mark.anyio


def denied(pod: Json) -> Json:
    state = waiting("ImagePullBackOff", 'Back-off pulling image "fault/denied": pull access denied')
    return status(pod, "Pending", {"primary": state}, since=now())


def out_of_memory(pod: Json) -> Json:
    return status(pod, "Failed", {"primary": terminated(137, now(), "OOMKilled")}, since=now())


def evicted(pod: Json) -> Json:
    return status(pod, "Failed", {}, since=now(), reason="Evicted", message="The node was low on resource: memory. ")


def mounting(pod: Json) -> Json:
    return status(pod, "Pending", {}, since=now())


FAULTS = {"fault/mounting": mounting, "fault/denied": denied, "fault/memory": out_of_memory, "fault/evicted": evicted}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def bench(
    anyio_backend: str, api_server: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PodBench]:
    patience = Patience(image_ns=0, container_ns=0, config_ns=0, node_ns=0)
    bench = PodBench(tmp_path_factory.mktemp("site"), api_server, patience=patience, events_s=0.05)
    await bench.open(FAULTS)
    yield bench
    await bench.close()


def shell(bench: PodBench, text: str, **options: Any) -> AttemptSpec:
    return bench.site.spec(("sh", "-c", text), **options)


def of_image(spec: AttemptSpec, image: str) -> AttemptSpec:
    assert spec.task.container is not None
    return replace(spec, task=replace(spec.task, container=replace(spec.task.container, image=image)))


async def failure_of(bench: PodBench, spec: AttemptSpec) -> Failure:
    failure = (await bench.end_of(spec)).failure
    assert failure is not None
    return failure


async def test_a_task_runs_as_a_pod_which_is_removed(bench: PodBench) -> None:
    ended = await bench.end_of(bench.site.attempt("nothing"))
    assert ended.failure is None
    assert Path(ended.spec.output_prefix, "outputs.pb").exists()
    await bench.no_pods()


async def test_what_a_program_prints_outlives_its_pod(bench: PodBench) -> None:
    spec = shell(bench, "echo one; echo two >&2; exit 3")
    failure = await failure_of(bench, spec)
    assert (failure.code, "one\ntwo" in failure.message) == ("NonZeroExit", True)
    await bench.no_pods()
    assert await bench.log(spec.key) == b"one\ntwo\n"


async def test_output_is_seen_while_the_program_runs(bench: PodBench, tmp_path: Path) -> None:
    spec = shell(bench, f"echo first; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo last")
    await bench.executor.start(spec)
    await bench.listener.ran(spec.key)
    pieces = bench.executor.logs.stream(spec.key, follow=True)
    data = b""
    async with asyncio.timeout(30):
        while not data:
            async for data, _ in bench.executor.logs.stream(spec.key):  # noqa: B007 - the first one
                break
            await asyncio.sleep(0.02)
    assert data == b"first\n"
    (tmp_path / "go").touch()
    assert b"".join([piece async for piece, _ in pieces]) == b"first\nlast\n"


@pytest.mark.parametrize(
    ("image", "code", "fault"),
    [
        ("fault/denied", "ImagePullBackOff", Fault.USER),
        ("fault/memory", "OOMKilled", Fault.USER),
        ("fault/evicted", "Evicted", Fault.SYSTEM),
    ],
)
async def test_a_pod_that_fails_is_told_and_removed(bench: PodBench, image: str, code: str, fault: Fault) -> None:
    failure = await failure_of(bench, of_image(shell(bench, "true"), image))
    assert (failure.code, failure.fault) == (code, fault)
    await bench.no_pods()


async def test_a_pod_that_was_never_seen_running_is_told_to_have_run(bench: PodBench) -> None:
    spec = of_image(shell(bench, "true"), "fault/memory")
    await failure_of(bench, spec)
    assert bench.listener.count("running", spec.key) == 1


async def test_a_volume_that_cannot_be_mounted_is_told_by_its_event(bench: PodBench) -> None:
    spec = of_image(shell(bench, "true"), "fault/mounting")
    await bench.executor.start(spec)
    async with asyncio.timeout(30):
        while bench.executor.waits_for(spec.key) != "ContainerCreating":
            await asyncio.sleep(0.02)
    (pod,) = (one for one in await bench.pods() if one["metadata"]["name"] == pod_name(spec.key))
    named = {name: pod["metadata"][name] for name in ("name", "namespace", "uid")}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "mount", "namespace": bench.namespace},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", **named},
        "type": "Warning",
        "reason": "FailedMount",
        "message": 'MountVolume.SetUp failed for volume "flytelike-secrets" : secret "certs" not found',
    }
    await bench.client.create(EVENTS, bench.namespace, event)
    failure = await bench.listener.ended(spec.key)
    assert failure is not None
    assert (failure.code, failure.fault) == ("FailedMount", Fault.USER)
    assert 'secret "certs" not found' in failure.message


async def test_a_program_that_is_not_in_the_image(bench: PodBench) -> None:
    failure = await failure_of(bench, bench.site.spec(("no-such-program",)))
    assert (failure.code, failure.retryable) == ("ProgramNotFound", False)


async def test_a_secret_is_given_and_one_that_is_missing_is_named(bench: PodBench) -> None:
    bench.plane.kubectl("-n", bench.namespace, "create", "secret", "generic", "db", "--from-literal=word=xyzzy")
    spec = shell(bench, 'test "$_FSEC_DB_WORD" = xyzzy')
    known = replace(spec, task=replace(spec.task, secrets=(SecretRequest("db", "word"),)))
    assert (await bench.end_of(known)).failure is None
    spec = shell(bench, "true")
    unknown = replace(spec, task=replace(spec.task, secrets=(SecretRequest("missing", "word"),)))
    failure = await failure_of(bench, unknown)
    assert (failure.code, failure.fault) == ("CreateContainerConfigError", Fault.USER)
    assert 'secrets "missing" not found' in failure.message


async def test_a_named_template_is_laid_below_the_task(bench: PodBench) -> None:
    container = {"name": "default", "image": "none", "env": [{"name": "FROM_TEMPLATE", "value": "yes"}]}
    template = {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"name": "ours", "namespace": bench.namespace},
        "template": {"metadata": {"labels": {"team": "ml"}}, "spec": {"containers": [container]}},
    }
    bench.plane.kubectl("create", "-f", "-", stdin=json.dumps(template))
    spec = shell(bench, 'test "$FROM_TEMPLATE" = yes')

    def naming(name: str) -> AttemptSpec:
        return replace(spec, task=replace(spec.task, metadata=replace(spec.task.metadata, pod_template_name=name)))

    assert (await bench.end_of(naming("ours"))).failure is None
    other = replace(naming("others"), key=replace(spec.key, attempt=1), output_prefix=f"{spec.output_prefix}-1")
    failure = await failure_of(bench, other)
    assert (failure.code, failure.retryable) == ("BadTaskFormat", False)
    assert "pod-template-not-found" in failure.message


async def test_what_does_not_fit_says_what_it_waits_for(bench: PodBench) -> None:
    bench.node.unschedulable = "0/3 nodes are available: 3 Insufficient cpu."
    spec = shell(bench, "true")
    try:
        await bench.executor.start(spec)
        async with asyncio.timeout(30):
            while "Insufficient cpu" not in bench.executor.waits_for(spec.key):
                await asyncio.sleep(0.02)
    finally:
        bench.node.unschedulable = ""
    await bench.executor.abort(spec.key, "seen")
    assert spec.key not in bench.listener.ends


async def test_a_pod_that_somebody_deletes_was_interrupted(bench: PodBench, tmp_path: Path) -> None:
    spec = bench.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / "pid")})
    await bench.executor.start(spec)
    pid = int(await appears(tmp_path / "pid"))
    name = pod_name(spec.key)
    await asyncio.to_thread(bench.plane.kubectl, "-n", bench.namespace, "delete", "pod", name, "--wait=false")
    failure = await bench.listener.ended(spec.key)
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == ("Interrupted", Fault.SYSTEM, True)
    assert await gone(pid)


async def test_an_aborted_pod_ends_with_all_that_it_started(bench: PodBench, tmp_path: Path) -> None:
    spec = bench.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / "pid")})
    await bench.executor.start(spec)
    pid = int(await appears(tmp_path / "pid"))
    await bench.executor.abort(spec.key, "enough")
    assert await gone(pid)
    await bench.no_pods()


async def test_a_pod_that_was_made_before_a_restart_goes_on(bench: PodBench, tmp_path: Path) -> None:
    spec = shell(bench, f"echo one; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo two")
    await bench.executor.start(spec)
    await bench.listener.ran(spec.key)
    before = await bench.pods()
    await bench.restart()
    await bench.executor.start(spec)
    await bench.listener.ran(spec.key)
    assert [one["metadata"]["uid"] for one in await bench.pods()] == [one["metadata"]["uid"] for one in before]
    (tmp_path / "go").touch()
    assert await bench.listener.ended(spec.key) is None
    assert await bench.log(spec.key, follow=True) == b"one\ntwo\n"


async def test_a_pod_that_ends_while_nobody_looks_is_judged_afterwards(bench: PodBench, tmp_path: Path) -> None:
    spec = shell(bench, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; exit 7")
    await bench.executor.start(spec)
    await bench.listener.ran(spec.key)
    await bench.executor.close()
    (tmp_path / "go").touch()
    async with asyncio.timeout(30):
        while (await bench.pods())[0]["status"]["phase"] != "Failed":
            await asyncio.sleep(0.02)
    await bench.restart()
    failure = await failure_of(bench, spec)
    assert failure.code == "NonZeroExit"
    assert "exit code 7" in failure.message
    await bench.no_pods()


async def test_an_end_that_was_told_before_a_restart_is_told_again_without_a_pod(bench: PodBench) -> None:
    spec = shell(bench, "exit 7")
    first = await failure_of(bench, spec)
    await bench.no_pods()
    await bench.restart()
    started = len(bench.node.started)
    again = await failure_of(bench, spec)
    assert (again.code, again.message) == (first.code, first.message)
    assert len(bench.node.started) == started


async def test_an_attempt_that_is_aborted_after_a_restart_loses_its_pod(bench: PodBench, tmp_path: Path) -> None:
    spec = bench.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / "pid")})
    await bench.executor.start(spec)
    pid = int(await appears(tmp_path / "pid"))
    await bench.restart()
    await bench.executor.abort(spec.key, "no longer wanted")
    assert await gone(pid)
    await bench.no_pods()


async def test_a_name_that_somebody_else_has(bench: PodBench) -> None:
    spec = shell(bench, "true")
    container = {"name": "c", "image": "i"}
    metadata = {"name": pod_name(spec.key), "namespace": bench.namespace}
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
    await bench.client.create(PODS, bench.namespace, document)
    failure = await failure_of(bench, spec)
    assert (failure.code, failure.fault) == ("PodNameTaken", Fault.SYSTEM)
    await bench.client.delete(PODS, bench.namespace, pod_name(spec.key), grace_s=0)
    await bench.no_pods()


async def test_a_finished_pod_that_nobody_asks_for_is_removed(bench: PodBench) -> None:
    spec = shell(bench, "true")
    await bench.executor.start(spec)
    await bench.listener.ran(spec.key)
    await bench.executor.close()
    settings = bench.settings
    bench.settings = replace(settings, orphan_s=0.05)
    await bench.restart()
    bench.executor.open()
    await bench.no_pods()
    bench.settings = settings
    await bench.restart()


async def test_a_pod_that_runs_goes_once_its_execution_is_over(bench: PodBench) -> None:
    """An element's, too; until then it may be asked for, after a restart."""
    spec = shell(bench, "sleep 600")
    await bench.executor.start(spec)
    await bench.listener.ran(spec.key)
    await bench.executor.close()
    settings = bench.settings
    bench.settings = replace(settings, orphan_s=0.05)
    await bench.restart()
    asked: list[ExecutionId] = []
    bench.executor.is_over = lambda execution: len(asked) > 3 or asked.append(execution) is not None
    bench.executor.open()
    await bench.no_pods()
    assert asked == [spec.key.execution] * 4, "it stays while the execution goes on"
    bench.settings = settings
    await bench.restart()


async def test_pods_of_the_restricted_profile_are_taken_where_it_is_enforced(bench: PodBench) -> None:
    label = "pod-security.kubernetes.io/enforce=restricted"
    bench.plane.kubectl("label", "namespace", bench.namespace, label)
    try:
        assert (await bench.end_of(shell(bench, "true"))).failure is None
        kept = bench.settings
        bench.settings = replace(kept, pods=replace(kept.pods, profile=SecurityProfile.PRIVILEGED))
        await bench.restart()
        failure = await failure_of(bench, shell(bench, "true"))
        assert (failure.code, failure.retryable) == ("PodSecurityViolated", False)
        bench.settings = kept
        await bench.restart()
    finally:
        bench.plane.kubectl("label", "namespace", bench.namespace, "pod-security.kubernetes.io/enforce-")


async def test_a_quota_that_is_used_up_is_waited_for_in_line_and_one_that_is_too_small_is_told(bench: PodBench) -> None:
    hard = {"limits.cpu": "1"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": {"hard": hard}}
    bench.plane.kubectl("-n", bench.namespace, "create", "-f", "-", stdin=json.dumps(quota))

    async def use(cpu: str) -> None:
        # No controller counts here: the test says what is used.
        told = json.dumps({"status": {"hard": hard, "used": {"limits.cpu": cpu}}})
        words = ("-n", bench.namespace, "patch", "quota", "team", "--subresource=status", "--type=merge", "-p", told)
        await asyncio.to_thread(bench.plane.kubectl, *words)

    try:
        await use("1")
        specs = [shell(bench, "true") for _ in range(2)]
        for spec in specs:
            await bench.executor.start(spec)
            async with asyncio.timeout(30):
                while spec is specs[0] and "exceeded quota" not in bench.executor.waits_for(spec.key):
                    await asyncio.sleep(0.02)
        assert not {pod_name(spec.key) for spec in specs} & {*bench.node.started}
        await use("0")
        assert [await bench.listener.ended(spec.key) for spec in specs] == [None, None]
        kept = bench.settings
        bench.settings = replace(kept, pods=replace(kept.pods, requests={**kept.pods.requests, ResourceName.CPU: "2"}))
        await bench.restart()
        failure = await failure_of(bench, shell(bench, "true"))
        assert (failure.code, failure.retryable) == ("ResourceRequestsExceedLimits", False)
        bench.settings = kept
        await bench.restart()
    finally:
        bench.plane.kubectl("-n", bench.namespace, "delete", "quota", "team")
