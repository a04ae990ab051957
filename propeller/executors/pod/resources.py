"""What a container asks of its machine, as Flyte casts it.

Who gives only a request or only a limit has both the same; who gives neither gets the platform's defaults. Nothing is
above what the platform allows at most, and no request above its limit.
"""

from collections.abc import Mapping
from decimal import Decimal

from flytelike.model.policies import ResourceName, Resources
from flytelike.model.quantity import amount_of
from flytelike.model.usage import AskedResources, asked_of
from propeller.executors.pod.faults import Faults
from propeller.executors.pod.labels import PRIMARY_ANNOTATION
from propeller.executors.pod.settings import Json, PodSettings
from propeller.executors.pod.task_pod import RESOURCE_NAMES


def named(resources: Resources, settings: PodSettings) -> Json:
    """Return resources by Kubernetes' names, those that are asked for only."""
    return {"requests": _named(resources.requests, settings), "limits": _named(resources.limits, settings)}


def container_resources(asked: Json, settings: PodSettings, faults: Faults, container: str, *, main: bool) -> Json:
    """Return what a container gets.

    Args:
        asked: Requests and limits by Kubernetes' names, of the task or of the container itself.
        settings: The platform's defaults and bounds.
        faults: Told of amounts that are none.
        container: Whose resources they are.
        main: Whether it does the task's work; others get no defaults, as in Flyte.
    """
    requests = _amounts(asked.get("requests"), faults, container)
    limits = _amounts(asked.get("limits"), faults, container)
    default_requests = _named(settings.requests, settings) if main else {}
    default_limits = _named(settings.limits, settings) if main else {}
    most = _named(settings.most, settings)
    for name in sorted({*requests, *limits, *default_requests, *default_limits}):
        asks = name in requests or name in limits
        limit = limits.get(name) or requests.get(name) or default_limits.get(name) or default_requests[name]
        request = requests.get(name) or (limit if asks else default_requests.get(name, limit))
        limits[name] = _smaller(limit, most.get(name))
        requests[name] = _smaller(request, limits[name])
        if _is_device(name):  # no part of a device can be shared: both are the same
            requests[name] = limits[name]
    found = {"requests": requests, "limits": limits, "claims": asked.get("claims")}
    return {name: value for name, value in found.items() if value}


def asked_of_pod(pod: Json | None, gpu_resource: str) -> AskedResources | None:
    """Return what the container of a pod asks for that does a task's work, as the cluster has it.

    None if it asks for nothing, and without a pod.
    """
    if pod is None:
        return None
    primary = ((pod.get("metadata") or {}).get("annotations") or {}).get(PRIMARY_ANNOTATION)
    containers = (*(pod["spec"].get("containers") or ()), *(pod["spec"].get("initContainers") or ()))
    found: Json = next((one.get("resources") or {} for one in containers if one["name"] == primary), {})
    names = {text: name for name, text in RESOURCE_NAMES.items()} | {gpu_resource: ResourceName.GPU}

    def stated(part: str) -> dict[ResourceName, str]:
        return {names[text]: str(amount) for text, amount in (found.get(part) or {}).items() if text in names}

    return asked_of(Resources(stated("requests"), stated("limits")))


def _named(amounts: Mapping[ResourceName, str], settings: PodSettings) -> dict[str, str]:
    names = {**RESOURCE_NAMES, ResourceName.GPU: settings.gpu_resource}
    return {names[name]: text for name, text in amounts.items() if name in names and text}


def _amounts(asked: object, faults: Faults, container: str) -> dict[str, str]:
    if not isinstance(asked, dict):
        return {}
    found: dict[str, str] = {}
    for name, text in asked.items():
        try:
            if amount_of(str(text)) > 0:
                found[name] = str(text)
        except ValueError as error:
            faults.add("invalid-quantity", f"`{name}` of container `{container}`: {error}")
    return found


def _smaller(text: str, bound: str | None) -> str:
    return text if bound is None or amount_of(text) <= amount_of(bound) else bound


def _is_device(name: str) -> bool:
    return "/" in name


def asks_for(container: Json) -> frozenset[str]:
    """Return the names of the resources that a container asks for."""
    resources = container.get("resources") or {}
    amounts = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}
    return frozenset(name for name, text in amounts.items() if amount_of(str(text)) > Decimal(0))
