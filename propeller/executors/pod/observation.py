"""What a pod's status means for its attempt. Pure: a table of Kubernetes' words, and who is at fault for each.

The statuses are those of Kubernetes 1.34: its kubelet's, scheduler's and controllers' own words. Whoever could mend it
is at fault: the author for images, programs, memory and time, the platform for machines that go away.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from flytelike.codec.termination_message import parted
from flytelike.model.failure import Failure, Fault
from flytelike.model.usage import AttemptUse
from propeller.executors.codes import INTERRUPTED, NOT_STORED, OOM_KILLED
from propeller.executors.pod.endings import failure_of_disruption, failure_of_exit, failure_of_reason
from propeller.executors.pod.labels import PRIMARY_ANNOTATION
from propeller.executors.pod.plain import FETCH, STORE
from propeller.executors.pod.settings import Json, Patience
from propeller.executors.pod.starting import Trouble, trouble_of_start


@dataclass(frozen=True, slots=True)
class Waiting:
    """Its work has not begun. `failure` is what it ends with if it is still so at `gives_up_ns`; 0 for never.

    `for_resources` tells that no machine has room for it.
    """

    reason: str
    message: str
    for_resources: bool = False
    gives_up_ns: int = 0
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """Its work goes on since then."""

    since_ns: int


@dataclass(frozen=True, slots=True)
class Exited:
    """Its program ended by itself and without complaint; its documents tell how the attempt went.

    `since_ns` is when its work began, `used` what it says that it used.
    """

    at_ns: int
    since_ns: int = 0
    used: AttemptUse | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """Its program ended badly, or will never run.

    `exit_code` is its program's own, if it has one; `since_ns` is when its work began, 0 if it did not; `used` is what
    it says that it used.
    """

    at_ns: int
    failure: Failure
    exit_code: int = 0
    since_ns: int = 0
    used: AttemptUse | None = None


_NOT_KNOWN_YET = re.compile(r"failed to sync \w+ cache")
"""What the kubelet says while it has not heard of a Secret or ConfigMap, be it there or not."""
NOT_KNOWN_YET_TIMES = 3
"""How many times longer than for what is known to be wrong it is waited for the kubelet to hear of it."""
_NO_SECRET = re.compile(r'(?<!"kube-root-ca\.crt" )not found|references non-existent')
"""The authority's certificates come with a namespace by themselves, if a little later."""
_MOUNTED = frozenset({"Pulling", "Pulled", "Created", "Started", "Failed", "BackOff"})
"""What is told of a pod's containers once all its volumes are there."""
_DELETED = Failure(INTERRUPTED, "The pod was deleted, not by the platform.", Fault.SYSTEM, retryable=True)

Observation: TypeAlias = Waiting | Running | Exited | Broken


def observe(pod: Json, now_ns: int, patience: Patience, events: Sequence[Json] = ()) -> Observation:
    """Return how the attempt of a pod goes.

    Args:
        pod: The object as the API server has it.
        now_ns: The time now, for troubles that may pass.
        patience: How long such troubles are waited for.
        events: The pod's events, where known; they tell of volumes that cannot be mounted.
    """
    status = pod.get("status") or {}
    primary = _primary(pod, status)
    ended, used = _ended(primary)
    if _goes_on(status, primary, ended):
        return Running(_time((ended or {}).get("startedAt")) or now_ns)
    if status.get("phase") == "Failed" or ended is not None:
        broken = failure_of_reason(status) or failure_of_disruption(status) or _failure_of_deletion(pod, ended)
        if broken is None and ended is not None:
            broken = failure_of_exit(ended) or _failure_of_store(status, primary)
            if broken is None:
                return Exited(_time(ended.get("finishedAt")) or now_ns, _time(ended.get("startedAt")), used)
        failure = broken or _failure_of_init(pod) or _unknown(status)
        ended = ended or {}
        code, began_ns = ended.get("exitCode", 0), _time(ended.get("startedAt"))
        return Broken(_ended_ns(ended, now_ns), failure, code, began_ns, used)
    init = _failure_of_init(pod)
    if init is not None:
        return Broken(now_ns, init)
    lost = _lost(pod, now_ns, patience)
    if lost is not None:
        return lost
    running = (primary.get("state") or {}).get("running")
    if running is not None:
        return Running(_time(running.get("startedAt")) or now_ns)
    return _waiting(status, primary, now_ns, patience, events)


def _primary(pod: Json, status: Json) -> Json:
    name = ((pod.get("metadata") or {}).get("annotations") or {}).get(PRIMARY_ANNOTATION)
    for container in (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())):
        if container.get("name") == name:
            found: Json = container
            return found
    return {}


def _ended(primary: Json) -> tuple[Json | None, AttemptUse | None]:
    """Return how a container ended, and what it used, if it says so in its last message."""
    ended = (primary.get("state") or {}).get("terminated")
    if not ended or not ended.get("message"):
        return ended, None
    message, used = parted(ended["message"])
    return {**ended, "message": message}, used


def _goes_on(status: Json, primary: Json, ended: Json | None) -> bool:
    """Tell whether a plain program has ended well, and its outputs are still being stored."""
    early = primary in (status.get("initContainerStatuses") or ())
    well = ended is not None and failure_of_exit(ended) is None
    return early and well and status.get("phase") not in {"Succeeded", "Failed"}


def _failure_of_store(status: Json, primary: Json) -> Failure | None:
    """Return the failure of what was to store the outputs of a plain program that ended well."""
    if primary not in (status.get("initContainerStatuses") or ()):
        return None
    for container in status.get("containerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated")
        failure = failure_of_exit(ended) if container.get("name") == STORE and ended is not None else None
        if failure is not None:
            text = f"What the task left could not be stored. {failure.message}"
            return Failure(NOT_STORED, text, Fault.SYSTEM, retryable=True)
    return None


def _waiting(status: Json, primary: Json, now_ns: int, patience: Patience, events: Sequence[Json]) -> Observation:
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        message = scheduled.get("message") or ""
        return Waiting(scheduled.get("reason") or "Unschedulable", message, for_resources=True)
    for told in _told(status, primary):
        trouble = trouble_of_start(told, patience)
        if trouble is not None:
            return _given_time(trouble, _began_ns(status), now_ns)
    mount = _mount_trouble(events, patience)
    if mount is not None:
        return _given_time(mount, _began_ns(status), now_ns)
    state = (primary.get("state") or {}).get("waiting") or {}
    return Waiting(state.get("reason") or status.get("phase") or "Pending", state.get("message") or "")


def _told(status: Json, primary: Json) -> Iterator[Json]:
    """Yield what waiting containers say, those that run first first."""
    for container in (*(status.get("initContainerStatuses") or ()), primary, *(status.get("containerStatuses") or ())):
        waiting = (container.get("state") or {}).get("waiting")
        if waiting:
            yield {**waiting, "name": container.get("name", ""), "last": container.get("lastState") or {}}


def _given_time(trouble: Trouble, since_ns: int, now_ns: int) -> Observation:
    gives_up_ns = (since_ns or now_ns) + trouble.patience_ns
    if now_ns >= gives_up_ns:
        return Broken(now_ns, trouble.failure)
    return Waiting(trouble.reason, trouble.failure.message, gives_up_ns=gives_up_ns, failure=trouble.failure)


def _mount_trouble(events: Sequence[Json], patience: Patience) -> Trouble | None:
    """Return why a pod's volumes are not there, if the last thing known of them is that."""
    failed = []
    for event in sorted(events, key=_event_time, reverse=True):
        if event.get("reason") in _MOUNTED:
            break
        if event.get("reason") in {"FailedMount", "FailedAttachVolume"}:
            failed.append(event)
    if not failed:
        return None
    known = [event for event in failed if not _NOT_KNOWN_YET.search(event.get("message") or "")]
    told = (known or failed)[0]
    text = f"A volume of the pod cannot be mounted: {told.get('message') or ''}".rstrip()
    if _NO_SECRET.search(text):
        return Trouble(told["reason"], Failure(told["reason"], text, Fault.USER, True), patience.config_ns)
    patience_ns = patience.container_ns * (1 if known else NOT_KNOWN_YET_TIMES)
    return Trouble(told["reason"], Failure(told["reason"], text, Fault.SYSTEM, True), patience_ns)


def _event_time(event: Json) -> tuple[int, bool]:
    """Return an event's place in time: seconds are whole, and within one the good news came last."""
    series = event.get("series") or {}
    told = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    return _time(told), event.get("reason") in _MOUNTED


def _failure_of_deletion(pod: Json, ended: Json | None) -> Failure | None:
    """Return the failure of a container that ended when somebody had deleted its pod already."""
    metadata = pod.get("metadata") or {}
    due_ns = _time(metadata.get("deletionTimestamp"))
    if not due_ns or ended is None:
        return None
    asked_ns = due_ns - (metadata.get("deletionGracePeriodSeconds") or 0) * 1_000_000_000
    return _DELETED if _time(ended.get("finishedAt")) >= asked_ns else None


def _failure_of_init(pod: Json) -> Failure | None:
    status, spec = pod.get("status") or {}, pod.get("spec") or {}
    lasting = {one["name"] for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"}
    for container in status.get("initContainerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated")
        failure = failure_of_exit(ended) if ended is not None else None
        if failure is None or container.get("name") in lasting:
            continue
        if container.get("name") == FETCH:
            text = f"The inputs could not be brought to the program. {failure.message}"
            return Failure("InputsNotBrought", text, Fault.SYSTEM, retryable=True)
        text = f"The init container `{container.get('name')}` failed, so that the task could not begin: "
        code = failure.code if failure.code in {OOM_KILLED, INTERRUPTED} else "InitContainerFailed"
        return replace(failure, code=code, message=text + failure.message)
    return None


def _lost(pod: Json, now_ns: int, patience: Patience) -> Observation | None:
    """Return what becomes of a pod that is being deleted and does not end: its machine cannot be asked."""
    metadata, status = pod.get("metadata") or {}, pod.get("status") or {}
    due_ns = _time(metadata.get("deletionTimestamp"))
    if not due_ns:
        return None
    failure = failure_of_disruption(status) or failure_of_reason(status) or _DELETED
    if not (pod.get("spec") or {}).get("nodeName"):
        return Broken(now_ns, failure)
    gives_up_ns = due_ns + patience.node_ns  # the timestamp has the pod's own grace in it
    if now_ns >= gives_up_ns:
        text = f"{failure.message} Its machine {pod['spec']['nodeName']} did not tell how it ended."
        return Broken(now_ns, replace(failure, message=text))
    return Waiting("Terminating", failure.message, gives_up_ns=gives_up_ns, failure=failure)


def _unknown(status: Json) -> Failure:
    told = " ".join(filter(None, (status.get("reason"), status.get("message"))))
    text = f"The pod failed and does not tell why{f': {told}' if told else '.'}"
    return Failure("PodFailed", text, Fault.SYSTEM, retryable=True)


def _began_ns(status: Json) -> int:
    """Return since when the containers could start."""
    times = [status.get("startTime")]
    for name in ("PodScheduled", "Initialized"):
        condition = _condition(status, name)
        if condition.get("status") == "True":
            times.append(condition.get("lastTransitionTime"))
    return max(map(_time, times))


def _ended_ns(ended: Json | None, now_ns: int) -> int:
    return _time((ended or {}).get("finishedAt")) or now_ns


def _condition(status: Json, name: str) -> Json:
    return next((one for one in status.get("conditions") or () if one.get("type") == name), {})


def _time(text: str | None) -> int:
    """Return nanoseconds since 1970 of a time as Kubernetes writes it; 0 for none."""
    if not text:
        return 0
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000
