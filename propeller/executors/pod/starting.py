"""Why a container does not start, in the kubelet's words, and how long that is waited for."""

import re
from dataclasses import dataclass

from flytelike.model.failure import Failure, Fault
from propeller.executors.codes import PROGRAM_NOT_FOUND
from propeller.executors.pod.endings import failure_of_exit, system_failure, user_failure
from propeller.executors.pod.settings import Json, Patience


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps a container from starting; it becomes a failure when it lasts."""

    reason: str
    failure: Failure
    patience_ns: int


_PULLING = frozenset(
    ["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed"]
)
_AUTHORS = re.compile(
    r"not found|manifest unknown|does not exist|access denied|unauthorized|authentication required|forbidden"
    r"|no match for platform|invalid reference",
    re.IGNORECASE,
)
"""How registries word that the image's name or the credentials are wrong; else they or the network are in trouble."""

_NEVER = re.compile(r"runAsNonRoot|non-numeric user")


def trouble_of_start(told: Json, patience: Patience) -> Trouble | None:
    """Return what is wrong with a container that waits; None when it is just being made.

    Args:
        told: Its `waiting` state, with its `name` and, as `last`, its `lastState`.
        patience: How long each kind of trouble is waited for.
    """
    reason, message, name = told.get("reason") or "", (told.get("message") or "").strip(), told.get("name", "")
    if reason == "InvalidImageName":
        text = f"The image of container `{name}` has no valid name: {message}"
        return Trouble(reason, user_failure(reason, text, retryable=False), 0)
    if reason == "ErrImageNeverPull":
        text = f"The image of container `{name}` is not on the machine and may not be pulled there: {message}"
        return Trouble(reason, user_failure(reason, text), patience.image_ns)
    if reason in _PULLING:
        fault = Fault.USER if _AUTHORS.search(message) else Fault.SYSTEM
        text = f"The image of container `{name}` cannot be pulled: {message}"
        return Trouble(reason, Failure("ImagePullBackOff", text, fault, retryable=True), patience.image_ns)
    if reason == "CreateContainerConfigError":
        return _unconfigurable(reason, message, name, patience)
    if reason in {"CreateContainerError", "RunContainerError", "PostStartHookError", "PreCreateHookError"}:
        return _uncreatable(reason, message, name, patience)
    if reason == "CrashLoopBackOff":
        last = (told.get("last") or {}).get("terminated")
        why = failure_of_exit(last) if last else None
        text = f"The container `{name}` beside the task ends again and again. {why.message if why else message}"
        return Trouble(reason, user_failure("SidecarFailed", text.strip()), patience.container_ns)
    return None


def _unconfigurable(reason: str, message: str, name: str, patience: Patience) -> Trouble:
    if _NEVER.search(message):
        text = (
            f"The image of container `{name}` runs as root, which the platform does not allow: {message}. "
            "Give the image a user by its number (`USER 1000`)."
        )
        return Trouble(reason, user_failure(reason, text, retryable=False), 0)
    text = f"The container `{name}` cannot be configured: {message}"
    return Trouble(reason, user_failure(reason, text), patience.config_ns)


def _uncreatable(reason: str, message: str, name: str, patience: Patience) -> Trouble:
    if "executable file not found" in message or "no command specified" in message:
        text = f"The program of container `{name}` cannot be run: {message}"
        return Trouble(reason, user_failure(PROGRAM_NOT_FOUND, text, retryable=False), 0)
    text = f"The container `{name}` cannot be made: {message}"
    return Trouble(reason, system_failure(reason, text), patience.container_ns)
