"""GPUs of a certain kind, and shared memory: Flyte's extended resources."""

from flytelike_idl.core import tasks_pb2
from propeller.executors.pod.faults import Faults
from propeller.executors.pod.merging import laid_over
from propeller.executors.pod.resources import asks_for
from propeller.executors.pod.settings import Json, PodSettings

SHARED_MEMORY_PATH = "/dev/shm"  # noqa: S108 - where Linux has it
SHARED_MEMORY_NAME = "flyte-shared-memory"


def with_accelerator(pod: Json, wanted: tasks_pb2.GPUAccelerator, settings: PodSettings) -> Json:
    """Return a pod that only runs on nodes with a certain GPU, if it asks for GPUs at all.

    Such nodes are known by labels, and tainted with the same so that others keep away (Flyte's rule).
    """
    containers = [*pod["spec"]["containers"], *pod["spec"].get("initContainers", ())]
    if not wanted.device or not any(settings.gpu_resource in asks_for(one) for one in containers):
        return pod
    labels = {settings.accelerator_label: wanted.device}
    expressions = [_is(settings.accelerator_label, wanted.device)]
    match wanted.WhichOneof("partition_size_value"):
        case "partition_size":
            labels[settings.partition_label] = wanted.partition_size
            expressions.append(_is(settings.partition_label, wanted.partition_size))
        case "unpartitioned" if wanted.unpartitioned:
            expressions.append({"key": settings.partition_label, "operator": "DoesNotExist"})
        case _:
            pass
    tolerations = [
        {"key": key, "operator": "Equal", "value": value, "effect": "NoSchedule"} for key, value in labels.items()
    ]
    return laid_over(pod, {"spec": {"tolerations": tolerations, "affinity": _required(expressions)}})


def with_shared_memory(pod: Json, primary: str, wanted: tasks_pb2.SharedMemory, faults: Faults) -> Json:
    """Return a pod whose primary container has a file system in memory."""
    name = wanted.mount_name or SHARED_MEMORY_NAME
    path = wanted.mount_path or SHARED_MEMORY_PATH
    spec = pod["spec"]
    if any(volume.get("name") == name for volume in spec.get("volumes", ())):
        faults.add("conflicting-shared-memory", f"the pod has a volume `{name}` already", "name the shared memory")
        return pod
    volume: Json = {"name": name, "emptyDir": {"medium": "Memory"}}
    if wanted.size_limit:
        volume["emptyDir"]["sizeLimit"] = wanted.size_limit
    field = "containers" if any(one["name"] == primary for one in spec["containers"]) else "initContainers"
    containers = []
    for container in spec[field]:
        mounts = container.get("volumeMounts", [])
        if container["name"] == primary:
            if any(mount.get("mountPath") == path for mount in mounts):
                faults.add("conflicting-shared-memory", f"something else is mounted at `{path}` already")
            container = {**container, "volumeMounts": [*mounts, {"name": name, "mountPath": path}]}  # noqa: PLW2901
        containers.append(container)
    return {**pod, "spec": {**spec, field: containers, "volumes": [*spec.get("volumes", ()), volume]}}


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def _required(expressions: list[Json]) -> Json:
    return {"nodeAffinity": {_REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": expressions}]}}}


def _is(key: str, value: str) -> Json:
    return {"key": key, "operator": "In", "values": [value]}
