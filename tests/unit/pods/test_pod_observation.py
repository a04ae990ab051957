"""What a pod's status means. The statuses are as Kubernetes 1.34 writes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flytelike.model.failure import Failure, Fault
from flytelike.model.usage import AttemptUse
from propeller.executors.pod.observation import Broken, Exited, Observation, Running, Waiting, observe
from propeller.executors.pod.settings import Patience

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
USER, SYSTEM = Fault.USER, Fault.SYSTEM


def at(seconds: int = 0) -> str:
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def ns(seconds: int = 0) -> int:
    return int((START + timedelta(seconds=seconds)).timestamp()) * 1_000_000_000


def container(name: str = "primary", **state: Any) -> dict[str, Any]:
    return {"name": name, "ready": False, "restartCount": 0, "image": "i", "imageID": "", "state": state}


def waiting(reason: str, message: str = "", name: str = "primary", **more: Any) -> dict[str, Any]:
    return {**container(name, waiting={"reason": reason, "message": message}), **more}


def terminated(code: int, reason: str = "Error", name: str = "primary", **more: Any) -> dict[str, Any]:
    ended = {"exitCode": code, "reason": reason, "startedAt": at(2), "finishedAt": at(9), "containerID": "c", **more}
    return container(name, terminated=ended)


def running(name: str = "primary") -> dict[str, Any]:
    return container(name, running={"startedAt": at(2)})


def condition(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, Any]:
    found = {"type": kind, "status": status, "lastTransitionTime": at(1), "lastProbeTime": None}
    return {**found, **({"reason": reason} if reason else {}), **({"message": message} if message else {})}


SCHEDULED = condition("PodScheduled", "True")


def pod(
    *containers: dict[str, Any], phase: str = "Pending", init: Any = (), conditions: Any = (SCHEDULED,), **status: Any
) -> dict[str, Any]:
    metadata = {"name": "p", "annotations": {"flytelike.dev/primary-container": "primary"}}
    spec = {
        "nodeName": "node-1",
        "initContainers": [{"name": "proxy", "restartPolicy": "Always"}, {"name": "fetch"}],
    }
    found = {"phase": phase, "conditions": [*conditions], "startTime": at(1), **status}
    if containers:
        found["containerStatuses"] = [*containers]
    if init:
        found["initContainerStatuses"] = [*init]
    return {"metadata": metadata, "spec": spec, "status": found}


def deleted(found: dict[str, Any], seconds: int = 40, grace: int = 30, node: str = "node-1") -> dict[str, Any]:
    metadata = {**found["metadata"], "deletionTimestamp": at(seconds), "deletionGracePeriodSeconds": grace}
    return {**found, "metadata": metadata, "spec": {**found["spec"], "nodeName": node}}


def seen(found: dict[str, Any], seconds: int = 10, events: Any = ()) -> Observation:
    return observe(found, ns(seconds), Patience(), events)


def failure(found: dict[str, Any], seconds: int = 10, events: Any = ()) -> Failure:
    news = seen(found, seconds, events)
    assert isinstance(news, Broken), news
    return news.failure


NOT_SCHEDULED = condition(
    "PodScheduled",
    "False",
    "Unschedulable",
    "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found.",
)
PULL = 'Back-off pulling image "registry.example/x:1": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "registry.example/x:1": failed to resolve reference "registry.example/x:1": registry.example/x:1: not found'  # noqa: E501
SLOW = 'failed to pull image "registry.example/x:1": failed to do request: Head "https://registry.example/v2/x/manifests/1": dial tcp: i/o timeout'  # noqa: E501
START_ERROR = 'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "no-such": executable file not found in $PATH: unknown'  # noqa: E501
ROOT = 'container has runAsNonRoot and image will run as root (pod: "p_ns(uid)", container: primary)'


@pytest.mark.parametrize(
    ("found", "reason", "text"),
    [
        ({"metadata": {}, "status": {}}, "Pending", ""),
        (pod(phase="Pending", conditions=()), "Pending", ""),
        (pod(conditions=(NOT_SCHEDULED,)), "Unschedulable", "3 Insufficient cpu"),
        (pod(conditions=(condition("PodScheduled", "False", "SchedulingGated"),)), "SchedulingGated", ""),
        (pod(waiting("ContainerCreating")), "ContainerCreating", ""),
        (pod(waiting("PodInitializing"), init=[running("fetch")]), "PodInitializing", ""),
        (pod(waiting("ImagePullBackOff", PULL)), "ImagePullBackOff", "not found"),
        (pod(waiting("CreateContainerConfigError", 'secret "db" not found')), "CreateContainerConfigError", "db"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_pod_waits_for_is_told(found: dict[str, Any], reason: str, text: str) -> None:
    news = seen(found)
    assert isinstance(news, Waiting)
    assert news.reason == reason
    assert text in news.message


def test_only_a_lack_of_room_waits_for_resources_and_for_ever() -> None:
    news = seen(pod(conditions=(NOT_SCHEDULED,)), 100_000)
    assert isinstance(news, Waiting)
    assert (news.for_resources, news.gives_up_ns) == (True, 0)


def test_a_trouble_that_may_pass_is_waited_for_from_when_the_containers_could_start() -> None:
    found = pod(waiting("ImagePullBackOff", PULL))
    news = seen(found)
    assert isinstance(news, Waiting)
    assert news.gives_up_ns == ns(1 + 180)
    assert seen(found, 180) == news
    assert failure(found, 181) == news.failure


@pytest.mark.parametrize(
    ("found", "code", "fault", "retryable", "text"),
    [
        # images
        (pod(waiting("ImagePullBackOff", PULL)), "ImagePullBackOff", USER, True, "cannot be pulled"),
        (pod(waiting("ErrImagePull", SLOW)), "ImagePullBackOff", SYSTEM, True, "i/o timeout"),
        (
            pod(waiting("ErrImageNeverPull", "Container image is not present")),
            "ErrImageNeverPull",
            USER,
            True,
            "not on",
        ),
        (
            pod(waiting("InvalidImageName", "invalid reference format")),
            "InvalidImageName",
            USER,
            False,
            "no valid name",
        ),
        (
            pod(waiting("PodInitializing"), init=[waiting("ImagePullBackOff", PULL, "fetch")]),
            "ImagePullBackOff",
            USER,
            True,
            "`fetch`",
        ),
        # configuration
        (
            pod(waiting("CreateContainerConfigError", 'secret "db" not found')),
            "CreateContainerConfigError",
            USER,
            True,
            "db",
        ),
        (pod(waiting("CreateContainerConfigError", ROOT)), "CreateContainerConfigError", USER, False, "USER 1000"),
        (
            pod(waiting("CreateContainerError", "context deadline exceeded")),
            "CreateContainerError",
            SYSTEM,
            True,
            "made",
        ),
        (pod(waiting("RunContainerError", START_ERROR)), "ProgramNotFound", USER, False, "no-such"),
        (
            pod(terminated(128, "StartError", message=START_ERROR), phase="Failed"),
            "ProgramNotFound",
            USER,
            False,
            "no-such",
        ),
        # the program
        (pod(terminated(1), phase="Failed"), "NonZeroExit", USER, True, "exit code 1"),
        (pod(terminated(1, message="Traceback"), phase="Failed"), "NonZeroExit", USER, True, "Traceback"),
        (pod(terminated(139), phase="Failed"), "KilledBySignal", USER, True, "SIGSEGV"),
        (pod(terminated(137), phase="Failed"), "Interrupted", SYSTEM, True, "SIGKILL"),
        (pod(terminated(137, "OOMKilled"), phase="Failed"), "OOMKilled", USER, True, "memory"),
        (pod(terminated(1, "OOMKilled"), running("side"), phase="Running"), "OOMKilled", USER, True, "memory"),
        # time and disk
        (
            pod(
                terminated(137),
                phase="Failed",
                reason="DeadlineExceeded",
                message="Pod was active on the node longer than the specified deadline",
            ),
            "TimeoutExpired",
            USER,
            True,
            "timeout",
        ),
        (
            pod(
                terminated(137),
                phase="Failed",
                reason="Evicted",
                message='Container primary exceeded its local ephemeral storage limit "1Gi". ',
            ),
            "EphemeralStorageExceeded",
            USER,
            True,
            "ephemeral_storage",
        ),
        (
            pod(
                terminated(137),
                phase="Failed",
                reason="Evicted",
                message="Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
            ),
            "EphemeralStorageExceeded",
            USER,
            True,
            "1Gi",
        ),
        # machines
        (
            pod(
                phase="Failed",
                reason="Evicted",
                message="The node was low on resource: memory. "
                "Threshold quantity: 100Mi, available: 71Mi. Container primary was using 300Mi, request is 200Mi.",
            ),
            "Evicted",
            SYSTEM,
            True,
            "low on resource",
        ),
        (
            pod(
                terminated(143),
                phase="Failed",
                conditions=(
                    condition(
                        "DisruptionTarget",
                        "True",
                        "PreemptionByScheduler",
                        "default-scheduler: preempting to accommodate a higher priority pod",
                    ),
                ),
            ),
            "Interrupted",
            SYSTEM,
            True,
            "higher priority",
        ),
        (
            pod(
                terminated(0, "Completed"),
                phase="Succeeded",
                conditions=(condition("DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting"),),
            ),
            "Interrupted",
            SYSTEM,
            True,
            "evicted",
        ),
        (
            pod(
                terminated(137),
                phase="Failed",
                reason="Terminated",
                message="Pod was terminated in response to imminent node shutdown.",
            ),
            "Interrupted",
            SYSTEM,
            True,
            "shut down",
        ),
        (
            pod(
                terminated(
                    137,
                    "ContainerStatusUnknown",
                    message="The container could not be located when the pod was deleted.",
                ),
                phase="Failed",
            ),
            "Interrupted",
            SYSTEM,
            True,
            "could not be located",
        ),
        (
            pod(
                phase="Failed",
                reason="OutOfcpu",
                message="Pod was rejected: Node didn't have enough resource: cpu, requested: 900",
            ),
            "NodeRefused",
            SYSTEM,
            True,
            "OutOfcpu",
        ),
        (
            pod(phase="Failed", reason="UnexpectedAdmissionError", message="x"),
            "NodeRefused",
            SYSTEM,
            True,
            "did not take",
        ),
        (pod(phase="Failed"), "PodFailed", SYSTEM, True, "does not tell"),
        # deleted
        (deleted(pod(terminated(143), phase="Failed"), 39), "Interrupted", SYSTEM, True, "deleted"),
        (deleted(pod(terminated(0, "Completed"), phase="Succeeded"), 39, 30), "Interrupted", SYSTEM, True, "deleted"),
        (deleted(pod(conditions=(NOT_SCHEDULED,)), node=""), "Interrupted", SYSTEM, True, "deleted"),
        (
            deleted(
                pod(
                    running(),
                    phase="Running",
                    reason="NodeLost",
                    message="Node node-1 which was running pod p is unresponsive",
                )
            ),
            "Interrupted",
            SYSTEM,
            True,
            "unresponsive",
        ),
        # containers beside it
        (
            pod(waiting("PodInitializing"), init=[terminated(3, name="fetch")], phase="Failed"),
            "InitContainerFailed",
            USER,
            True,
            "exit code 3",
        ),
        (
            pod(waiting("PodInitializing"), init=[terminated(137, "OOMKilled", "fetch")], phase="Failed"),
            "OOMKilled",
            USER,
            True,
            "`fetch`",
        ),
        (
            pod(
                waiting("PodInitializing"),
                init=[
                    waiting(
                        "CrashLoopBackOff",
                        "back-off 10s restarting",
                        "proxy",
                        lastState={"terminated": {"exitCode": 2, "reason": "Error"}},
                    )
                ],
            ),
            "SidecarFailed",
            USER,
            True,
            "exit code 2",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_failure_is_told_as_what_it_is(
    found: dict[str, Any], code: str, fault: Fault, retryable: bool, text: str
) -> None:
    told = failure(found, 1000)
    assert (told.code, told.fault, told.retryable) == (code, fault, retryable)
    assert text in told.message


@pytest.mark.parametrize(
    "found",
    [
        pod(running(), phase="Running"),
        pod(running(), terminated(1, name="side"), phase="Running"),
        pod(running(), phase="Running", init=[terminated(0, "Completed", "fetch"), running("proxy")]),
        pod(running(), phase="Running", init=[terminated(1, name="proxy")]),
        pod(running(), phase="Running", conditions=(condition("DisruptionTarget", "True", "PreemptionByScheduler"),)),
    ],
    ids=["alone", "beside-a-failed-one", "with-a-sidecar", "with-a-failing-sidecar", "chosen-for-preemption"],
)
def test_it_runs_while_its_primary_container_does(found: dict[str, Any]) -> None:
    assert seen(found, 100_000) == Running(ns(2))


@pytest.mark.parametrize(
    "found",
    [
        pod(terminated(0, "Completed"), phase="Succeeded"),
        pod(terminated(0, "Completed"), running("side"), phase="Running"),
        pod(terminated(0, "Completed"), terminated(1, name="side"), phase="Failed"),
        deleted(pod(terminated(0, "Completed"), phase="Succeeded"), 50, 30),
    ],
    ids=["alone", "before-the-others", "better-than-the-others", "deleted-afterwards"],
)
def test_it_has_ended_well_when_its_primary_container_has(found: dict[str, Any]) -> None:
    assert seen(found) == Exited(ns(9), since_ns=ns(2))


@pytest.mark.parametrize(
    ("found", "since_ns"),
    [
        (pod(terminated(3), phase="Failed"), ns(2)),
        (pod(terminated(128, "StartError", startedAt="1970-01-01T00:00:00Z"), phase="Failed"), 0),
        (pod(phase="Failed", reason="Evicted"), 0),
    ],
    ids=["ran", "did-not-start", "has-no-container"],
)
def test_what_failed_tells_since_when_it_had_run(found: dict[str, Any], since_ns: int) -> None:
    broken = seen(found)
    assert isinstance(broken, Broken)
    assert broken.since_ns == since_ns


PLAIN_ENDED = terminated(0, "Completed")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (pod(container("flytelike-store", waiting={"reason": "PodInitializing"}), init=[running()]), Running(ns(2))),
        (pod(running("flytelike-store"), phase="Running", init=[PLAIN_ENDED]), Running(ns(2))),
        (pod(terminated(0, name="flytelike-store"), phase="Succeeded", init=[PLAIN_ENDED]), Exited(ns(9), ns(2))),
    ],
    ids=["runs", "its-outputs-are-stored", "they-are"],
)
def test_a_plain_program_runs_before_the_pods_own_container(found: dict[str, Any], expected: Observation) -> None:
    assert seen(found) == expected


@pytest.mark.parametrize(
    ("found", "code", "fault"),
    [
        (pod(phase="Failed", init=[terminated(3)]), "NonZeroExit", Fault.USER),
        (pod(phase="Failed", init=[terminated(137, "OOMKilled")]), "OOMKilled", Fault.USER),
        (
            pod(terminated(1, name="flytelike-store"), phase="Failed", init=[PLAIN_ENDED]),
            "OutputsNotStored",
            Fault.SYSTEM,
        ),
        (pod(phase="Failed", init=[terminated(1, name="flytelike-fetch")]), "InputsNotBrought", Fault.SYSTEM),
    ],
    ids=["program", "memory", "store", "fetch"],
)
def test_each_part_of_a_plain_programs_pod_may_fail(found: dict[str, Any], code: str, fault: Fault) -> None:
    broken = seen(found)
    assert isinstance(broken, Broken)
    assert (broken.failure.code, broken.failure.fault) == (code, fault)


def test_a_deleted_pod_is_waited_for_while_its_machine_may_tell_how_it_ended() -> None:
    found = deleted(pod(running(), phase="Running"))
    news = seen(found, 41)
    assert isinstance(news, Waiting)
    assert (news.reason, news.gives_up_ns) == ("Terminating", ns(70))


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ('MountVolume.SetUp failed for volume "s" : secret "certs" not found', USER),
        ('MountVolume.SetUp failed for volume "s" : references non-existent secret key: k', USER),
        ("Unable to attach or mount volumes: timed out waiting for the condition", SYSTEM),
    ],
)
def test_a_volume_that_cannot_be_mounted_is_known_by_its_event(message: str, fault: Fault) -> None:
    events = [{"reason": "Scheduled"}, {"reason": "FailedMount", "type": "Warning", "message": message}]
    told = failure(pod(waiting("ContainerCreating")), 1000, events)
    assert (told.code, told.fault) == ("FailedMount", fault)
    assert message in told.message


@pytest.mark.parametrize(
    ("message", "fault", "seconds"),
    [
        ('secret "s" not found', USER, 30),
        ('configmap "kube-root-ca.crt" not found', SYSTEM, 180),
        ("failed to sync secret cache: timed out", SYSTEM, 3 * 180),
    ],
)
def test_a_volume_is_waited_for_as_long_as_it_may_still_come(message: str, fault: Fault, seconds: int) -> None:
    news = seen(pod(waiting("ContainerCreating")), 2, [{"reason": "FailedMount", "message": message}])
    assert isinstance(news, Waiting)
    assert news.failure is not None
    assert (news.failure.fault, news.gives_up_ns) == (fault, ns(1 + seconds))


def test_a_volume_that_was_mounted_at_last_is_no_trouble() -> None:
    """Its image may take longer to pull than volumes are waited for."""
    mount = {"reason": "FailedMount", "type": "Warning", "message": "timed out waiting for the condition"}
    pulling = {"reason": "Pulling", "type": "Normal", "message": 'Pulling image "large"'}
    events = [{**pulling, "lastTimestamp": at(4)}, {**mount, "lastTimestamp": at(3)}]
    assert seen(pod(waiting("ContainerCreating")), 1000, events) == Waiting("ContainerCreating", "")
    again = [events[0], {**mount, "lastTimestamp": at(5)}]
    assert failure(pod(waiting("ContainerCreating")), 1000, again).code == "FailedMount"


def test_what_a_kubelet_has_not_heard_of_yet_does_not_hide_what_it_found_before() -> None:
    mount = {"reason": "FailedMount", "type": "Warning"}
    missing = {**mount, "message": 'secret "s" not found', "lastTimestamp": "2026-01-01T00:00:00Z"}
    unheard = {**mount, "message": "failed to sync secret cache: timed out", "lastTimestamp": "2026-01-01T00:00:01Z"}
    told = failure(pod(waiting("ContainerCreating")), 1000, [missing, unheard])
    assert told.fault is Fault.USER
    assert failure(pod(waiting("ContainerCreating")), 1000, [unheard]).fault is Fault.SYSTEM


SAID = "my words\nflytelike-used 314572800 1800000000\n"


def test_a_container_of_ours_tells_what_it_used_in_its_last_message() -> None:
    news = seen(pod(terminated(0, "Completed", message=SAID), phase="Succeeded"))
    assert isinstance(news, Exited)
    assert news.used == AttemptUse(314_572_800, 1_800_000_000)
    assert isinstance(plain := seen(pod(terminated(0, "Completed", message="my words"), phase="Succeeded")), Exited)
    assert plain.used is None


def test_what_it_used_is_none_of_an_authors_words() -> None:
    news = seen(pod(terminated(3, message=SAID), phase="Failed"))
    assert isinstance(news, Broken)
    assert news.used == AttemptUse(314_572_800, 1_800_000_000)
    assert news.failure.message.endswith("my words")


def test_one_that_was_killed_for_its_memory_told_nothing() -> None:
    news = seen(pod(terminated(137, "OOMKilled"), phase="Failed"))
    assert isinstance(news, Broken)
    assert (news.failure.code, news.used) == ("OOMKilled", None)
