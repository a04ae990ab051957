"""What it means that the API server does not take a pod. Pure."""

import re
from dataclasses import dataclass
from typing import TypeAlias

from flytelike.model.failure import Failure
from flytelike.model.quantity import amount_of
from propeller.executors.command import bad_task
from propeller.executors.pod.endings import system_failure, user_failure
from propeller.kube.errors import KubernetesError, ObjectNotFound


@dataclass(frozen=True, slots=True)
class TryLater:
    """It may be taken later. `for_resources` tells that a quota is used up."""

    reason: str
    for_resources: bool = False


Refusal: TypeAlias = TryLater | Failure

_QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<asked>.*?), used: (?P<used>.*?), limited: (?P<most>.*)"
)
_AMOUNT = re.compile(r"(?P<name>[a-z0-9./-]+)=(?P<amount>[0-9A-Za-z.+-]+)")


def refusal_of(error: KubernetesError) -> Refusal:
    """Return what an answer to the creation of a pod means: wait, or the attempt's failure."""
    message = error.message
    if isinstance(error, ObjectNotFound):
        return system_failure("NamespaceNotFound", f"The pod has no namespace to live in: {message}")
    if error.status == 403:
        return _forbidden(message)
    if error.status in {400, 413, 422}:
        return bad_task(f"Kubernetes does not take the task's pod: {message}")
    if error.status in {401, 405, 406, 415}:
        return system_failure("PodRefused", f"The cluster does not let the platform make pods: {message}")
    return TryLater(str(error))


def _forbidden(message: str) -> Refusal:
    quota = _QUOTA.search(message)
    if quota is not None:
        return _over_quota(quota, message)
    if "status unknown for quota" in message:
        return TryLater(message, for_resources=True)  # a new quota, which nobody has counted up yet
    if "violates PodSecurity" in message:
        return user_failure(
            "PodSecurityViolated", f"The namespace's security profile forbids the pod: {message}", retryable=False
        )
    if "being terminated" in message:
        return system_failure("NamespaceTerminating", f"The pod's namespace is being deleted: {message}")
    if re.search(r"service ?account .*not found", message, re.IGNORECASE):
        return user_failure(
            "ServiceAccountNotFound", f"The task's service account does not exist: {message}", retryable=False
        )
    if re.search(r"(minimum|maximum) .* usage per|must be less than or equal|limit to request ratio", message):
        text = f"The task asks for amounts that its namespace does not allow: {message}"
        return user_failure("ResourceRequestsExceedLimits", text, retryable=False)
    if "failed quota" in message:
        text = f"The namespace wants amounts that the task does not give: {message}"
        return user_failure("ResourceRequestsMissing", text, retryable=False)
    if re.search(r"cannot create resource", message):
        return system_failure("PodRefused", f"The platform has no right to make pods: {message}")
    return user_failure("PodRefused", f"The cluster refuses the pod: {message}", retryable=False)


def _over_quota(quota: "re.Match[str]", message: str) -> Refusal:
    """Wait for room, but not for room that there will never be."""
    asked, most = _amounts(quota["asked"]), _amounts(quota["most"])
    too_much = [name for name, amount in asked.items() if name in most and amount_of(amount) > amount_of(most[name])]
    if too_much:
        wanted = ", ".join(f"{asked[name]} of {name} (at most {most[name]})" for name in too_much)
        text = f"The task asks for more than its quota `{quota['name']}` ever has: {wanted}."
        return user_failure("ResourceRequestsExceedLimits", text, retryable=False)
    return TryLater(message, for_resources=True)


def _amounts(text: str) -> dict[str, str]:
    return {found["name"]: found["amount"] for found in _AMOUNT.finditer(text)}
