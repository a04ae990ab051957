"""Why a pod or a container ended, in Kubernetes' words, and what that is for the attempt."""

import re
import signal
from collections.abc import Mapping

from flytelike.model.failure import Failure, Fault
from propeller.executors.codes import (
    INTERRUPTED,
    KILLED_BY_SIGNAL,
    NON_ZERO_EXIT,
    OOM_KILLED,
    PROGRAM_NOT_FOUND,
    TIMEOUT_EXPIRED,
)
from propeller.executors.pod.settings import Json

_SIGNALLED = 128
_INTERRUPTING = frozenset({signal.SIGKILL})

_OWN_LIMIT = re.compile(r"exceed\w* (?:its local ephemeral storage limit|the total limit|the limit)", re.IGNORECASE)
"""How the kubelet words that a pod used more disk than its author allowed it; else its machine ran short."""

_NOT_FOUND = re.compile(r"executable file not found|no such file or directory|permission denied|exec format error")

_DISRUPTIONS: Mapping[str, str] = {
    "PreemptionByScheduler": "It was preempted by a pod of higher priority",
    "DeletionByTaintManager": "Its machine became unusable",
    "EvictionByEvictionAPI": "It was evicted from its machine",
    "DeletionByPodGC": "Its machine is gone",
    "TerminationByKubelet": "It was ended by its machine",
}

_REASONS: Mapping[str, str] = {
    "NodeLost": "Its machine does not answer",
    "NodeShutdown": "Its machine was shut down",
    "Shutdown": "Its machine was shut down",
    "Terminated": "Its machine was shut down",
    "Preempting": "It was preempted by a critical pod of its machine",
    "Preempted": "It was preempted by a pod of higher priority",
}

_REFUSED = frozenset(
    [
        "UnexpectedAdmissionError",
        "NodeAffinity",
        "NodePorts",
        "NodeName",
        "TopologyAffinityError",
        "InvalidNodeInfo",
        "PodOSNotSupported",
        "PodOSSelectorNodeLabelDoesNotMatch",
        "AppArmor",
        "NodeUnschedulable",
    ]
)
"""Why a kubelet does not take a pod that the scheduler gave it; also `OutOf` and a resource."""


def user_failure(code: str, message: str, *, retryable: bool = True) -> Failure:
    """Return a failure that the task's author can mend."""
    return Failure(code, message, Fault.USER, retryable)


def system_failure(code: str, message: str) -> Failure:
    """Return a failure that the author has no part in."""
    return Failure(code, message, Fault.SYSTEM, retryable=True)


def failure_of_reason(status: Json) -> Failure | None:
    """Return the failure that a pod's own reason tells of; None without one, or where its containers tell more."""
    reason, message = status.get("reason") or "", (status.get("message") or "").strip()
    told = f": {message}" if message else "."
    if reason == "DeadlineExceeded":
        text = "The pod ran longer than its deadline and was stopped. Raise the task's timeout, or make it faster."
        return user_failure(TIMEOUT_EXPIRED, text)
    if reason == "Evicted":
        if _OWN_LIMIT.search(message):
            text = f"The task used more disk than it may{told} Raise it with limits=Resources(ephemeral_storage=...)."
            return user_failure("EphemeralStorageExceeded", text)
        return system_failure("Evicted", f"The pod was evicted from its machine{told}")
    if reason in _REASONS:
        return system_failure(INTERRUPTED, f"{_REASONS[reason]}{told}")
    if reason == "SysctlForbidden":
        return user_failure(reason, f"The machine does not let the pod set parameters of the kernel{told}")
    if reason in _REFUSED or reason.startswith("OutOf"):
        return system_failure("NodeRefused", f"The machine did not take the pod ({reason}){told}")
    return None


def failure_of_disruption(status: Json) -> Failure | None:
    """Return the failure of a pod that was ended for the cluster's sake, as its condition tells; None for others."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            why = _DISRUPTIONS.get(condition.get("reason") or "", "It was ended for the cluster's sake")
            message = condition.get("message") or ""
            return system_failure(INTERRUPTED, f"{why}{f': {message}' if message else '.'}")
    return None


def failure_of_exit(ended: Json) -> Failure | None:
    """Return the failure of a container that ended, by its `terminated` state; None when it ended well."""
    reason, message = ended.get("reason") or "", (ended.get("message") or "").strip()
    code, number = ended.get("exitCode", 0), ended.get("signal") or 0
    if reason == "OOMKilled" or "OOM-killed" in message:
        text = (
            "The task used more memory than its limit. Raise it with limits=Resources(mem=...), or hold less at once."
        )
        return user_failure(OOM_KILLED, text)
    if reason == "ContainerStatusUnknown":
        return system_failure(INTERRUPTED, f"Its machine does not know what became of it: {message}")
    if reason in {"StartError", "ContainerCannotRun"}:
        if _NOT_FOUND.search(message):
            text = f"The program cannot be run: {message}. Correct the command, or install the program in the image."
            return user_failure(PROGRAM_NOT_FOUND, text, retryable=False)
        return system_failure("ContainerNotStarted", f"The container could not be started: {message}")
    if code == 0 and not number:
        return None
    number = number or (code - _SIGNALLED if _SIGNALLED < code < _SIGNALLED + signal.NSIG else 0)
    last = f"\n\nThe last it said:\n{message}" if message else ""
    if number in _INTERRUPTING:
        text = f"The program was killed by {_signal(number)}, not by the platform and not for its own memory limit."
        return system_failure(INTERRUPTED, text + last)
    if number:
        return user_failure(KILLED_BY_SIGNAL, f"The program was ended by {_signal(number)}.{last}")
    return user_failure(NON_ZERO_EXIT, f"The program ended with exit code {code}.{last}")


def _signal(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
