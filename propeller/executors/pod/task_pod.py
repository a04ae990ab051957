"""The pod that a task describes: one container, or a whole pod (`k8s_pod`)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.message import DecodeError

from flytelike.codec.faults import MalformedError
from flytelike.codec.json_struct import struct_from_proto
from flytelike.model.graph import Container, TaskOverrides, TaskTemplate
from flytelike.model.image import PLATFORM_IMAGE
from flytelike.model.policies import ResourceName, Resources
from flytelike_idl.core import security_pb2, tasks_pb2
from propeller.executors.pod.faults import Faults
from propeller.executors.pod.merging import laid_over
from propeller.executors.pod.names import is_dns_label
from propeller.executors.pod.plain import with_files
from propeller.executors.pod.settings import Json
from propeller.ports import AttemptSpec

PRIMARY_KEY = "primary_container_name"
"""The key of a task's config that names the container which does its work (Flyte's)."""

DEFAULT_PRIMARY = "primary"

_EXTENDED = "extended_resources"


@dataclass(frozen=True, slots=True)
class TaskPod:
    """What a task says of its pod: `metadata` and `spec`, and which container does its work."""

    pod: Json
    primary: str
    resources: Resources


def task_pod(spec: AttemptSpec, faults: Faults, image: str = PLATFORM_IMAGE) -> TaskPod | None:
    """Return the pod that an attempt's task describes; None, with the faults told, when nothing can be made of it.

    `image` is the platform's own, for tasks that name none, and for what it does in the pods of plain containers.
    """
    task = spec.task
    try:
        found = _described(task, faults)
        checked = None if found is None else _checked(_overridden(spec.overrides, found), faults)
        if checked is None:
            return None
        checked = _on_platform_image(checked, image)
        if task.container is None or task.container.data is None:
            return checked
        pod = {
            **checked.pod,
            "spec": with_files(checked.pod["spec"], checked.primary, task.container.data, image, faults),
        }
        return replace(checked, pod=pod)
    except (DecodeError, MalformedError, ValueError) as error:
        faults.add("invalid-pod-template", f"the pod of task {task.id} cannot be read: {error}")
        return None


def extended_resources(spec: AttemptSpec) -> tasks_pb2.ExtendedResources:
    """Return what an attempt asks for besides amounts: its node's word counts, field by field. Raises `DecodeError`."""
    of_task = tasks_pb2.ExtendedResources.FromString(spec.task.extra.get(_EXTENDED, b""))
    of_node = tasks_pb2.ExtendedResources.FromString(dict(spec.overrides.extra).get(_EXTENDED, b""))
    for field, _ in of_node.ListFields():
        of_task.ClearField(field.name)  # type: ignore[arg-type]  # the stub wants literal names
    of_task.MergeFrom(of_node)
    return of_task


def service_account(task: TaskTemplate) -> str:
    """Return the service account that a task names, or nothing. Raises `DecodeError`."""
    context = security_pb2.SecurityContext.FromString(task.extra.get("security_context", b""))
    return context.run_as.k8s_service_account


def _described(task: TaskTemplate, faults: Faults) -> TaskPod | None:
    metadata = tasks_pb2.TaskMetadata.FromString(task.extra.get("metadata", b"")).metadata
    own = _metadata(metadata)
    if task.container is not None:
        pod = {"metadata": own, "spec": {"containers": [_container(task.container)]}}
        return TaskPod(pod, DEFAULT_PRIMARY, task.container.resources)
    if "k8s_pod" not in task.extra:
        faults.add("missing-command", f"a task of type `{task.type}` has no container or pod to run")
        return None
    message = tasks_pb2.K8sPod.FromString(task.extra["k8s_pod"])
    pod = _pod(message)
    primary = message.primary_container_name or task.config.get(PRIMARY_KEY, "")
    if not primary:
        primary = _only_container(pod)
    return TaskPod({**pod, "metadata": laid_over(pod["metadata"], own)}, primary, Resources())


def _overridden(overrides: TaskOverrides, found: TaskPod) -> TaskPod:
    """Lay what the node says of the pod over what the task says."""
    pod = found.pod
    extra = dict(overrides.extra)
    if "pod_template" in extra:
        message = tasks_pb2.K8sPod.FromString(extra["pod_template"])
        over = _pod(message)
        for container in over["spec"].get("containers") or ():
            if container.get("name") == message.primary_container_name:
                container["name"] = found.primary
        pod = laid_over(pod, over)
    if overrides.container_image:
        pod = laid_over(pod, {"spec": {"containers": [{"name": found.primary, "image": overrides.container_image}]}})
    return TaskPod(pod, found.primary, _resources(overrides, found))


def _on_platform_image(found: TaskPod, image: str) -> TaskPod:
    """Put the platform's image where containers name what stands for it."""
    spec = found.pod["spec"]
    told = {
        field: [{**one, "image": image} if one.get("image") == PLATFORM_IMAGE else one for one in spec[field]]
        for field in ("containers", "initContainers")
        if spec.get(field)
    }
    return replace(found, pod={**found.pod, "spec": {**spec, **told}})


def _resources(overrides: TaskOverrides, found: TaskPod) -> Resources:
    """Return what the primary container asks for; the engine has put a node's word into a container's own already."""
    return found.resources if found.resources != Resources() else overrides.resources or Resources()


def _checked(found: TaskPod, faults: Faults) -> TaskPod | None:
    """Look at what the platform itself computes with; the rest is the API server's to judge."""
    before = len(faults.found)
    spec = found.pod["spec"]
    names: list[str] = []
    for field in ("containers", "initContainers"):
        containers = spec.get(field) or []
        if not isinstance(containers, list) or not all(isinstance(one, dict) for one in containers):
            faults.add("invalid-pod-template", f"`{field}` of the task's pod is no list of containers")
            continue
        names += [str(container.get("name", "")) for container in containers]
    for name in names:
        if not is_dns_label(name):
            faults.add(
                "invalid-pod-template",
                f"`{name}` is no name of a container",
                "use at most 63 small letters, digits and dashes",
            )
        elif names.count(name) > 1:
            faults.add("invalid-pod-template", f"two containers are named `{name}`", "give each its own name")
    if len(faults.found) == before and found.primary not in [one["name"] for one in spec.get("containers") or ()]:
        faults.add(
            "missing-primary-container",
            f"the task's pod has no container `{found.primary}`, which would do the task's work",
            "name one of its containers as `primary_container_name`",
        )
    return found if len(faults.found) == before else None


def _container(container: Container) -> Json:
    result: Json = {"name": DEFAULT_PRIMARY, "image": container.image}
    if container.command:
        result["command"] = list(container.command)
    if container.args:
        result["args"] = list(container.args)
    if container.env:
        result["env"] = env_entries(container.env)
    return result


def primary_container(found: TaskPod) -> Json:
    """Return the container that does a task's work: that of a plain program runs as an init container."""
    spec = found.pod["spec"]
    containers: list[Json] = [*spec["containers"], *(spec.get("initContainers") or ())]
    return next(one for one in containers if one["name"] == found.primary)


def env_entries(variables: Mapping[str, str]) -> list[Json]:
    """Return variables as a container lists them."""
    return [{"name": name, "value": value} for name, value in sorted(variables.items())]


def _pod(message: tasks_pb2.K8sPod) -> Json:
    spec = _whole(json.loads(struct_from_proto(message.pod_spec)))
    return {"metadata": _metadata(message.metadata), "spec": spec}


def _metadata(message: tasks_pb2.K8sObjectMetadata) -> Json:
    return {"labels": dict(message.labels), "annotations": dict(message.annotations)}


def _only_container(pod: Json) -> str:
    containers = pod["spec"].get("containers")
    if isinstance(containers, list) and len(containers) == 1 and isinstance(containers[0], dict):
        return str(containers[0].get("name", ""))
    return ""


def _whole(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return numbers without fraction as whole ones: the wire's structures know no others than floats."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _whole(item) for key, item in value.items()}
        case list():
            return [_whole(item) for item in value]
        case _:
            return value


RESOURCE_NAMES: Mapping[ResourceName, str] = {
    ResourceName.CPU: "cpu",
    ResourceName.MEMORY: "memory",
    ResourceName.EPHEMERAL_STORAGE: "ephemeral-storage",
}
"""Kubernetes' names of resources; GPUs are called as the cluster's operator says."""
