"""Statuses of pods as a kubelet of Kubernetes 1.34 writes them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


def now() -> str:
    """Return the time as Kubernetes writes it: whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def waiting(reason: str, message: str = "") -> Json:
    """Return the state of a container that does not run yet."""
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def running(since: str) -> Json:
    """Return the state of a container that runs."""
    return {"running": {"startedAt": since}}


def terminated(code: int, since: str, reason: str = "", message: str = "") -> Json:
    """Return the state of a container that has ended. A signal's exit code is 128 and its number."""
    code = 128 - code if code < 0 else code
    told = {"exitCode": code, "reason": reason or ("Completed" if code == 0 else "Error"), "startedAt": since}
    return {"terminated": {**told, "finishedAt": now(), **({"message": message} if message else {})}}


def status(
    pod: Mapping[str, Any],
    phase: str,
    states: Mapping[str, Json],
    *,
    since: str = "",
    reason: str = "",
    message: str = "",
) -> Json:
    """Return a pod's status: the states of its containers by name, those without one wait."""
    spec = pod["spec"]

    def told(field: str, default: str) -> list[Json]:
        return [
            {
                "name": one["name"],
                "image": one["image"],
                "imageID": "",
                "ready": "running" in states.get(one["name"], {}),
                "started": "running" in states.get(one["name"], {}),
                "restartCount": 0,
                "state": states.get(one["name"], waiting(default)),
                "lastState": {},
            }
            for one in spec.get(field) or ()
        ]

    ready = "True" if phase == "Running" else "False"
    kinds = {"PodScheduled": "True", "Initialized": ready, "ContainersReady": ready, "Ready": ready}
    conditions = [
        {"type": kind, "status": value, "lastTransitionTime": since or now()} for kind, value in kinds.items()
    ]
    init = told("initContainers", "PodInitializing")
    return {
        "phase": phase,
        "conditions": conditions,
        "containerStatuses": told("containers", "PodInitializing" if init else "ContainerCreating"),
        **({"initContainerStatuses": init} if init else {}),
        **({"startTime": since} if since else {}),
        "reason": reason or None,
        "message": message or None,
        "hostIP": "127.0.0.1",
    }
