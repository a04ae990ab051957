"""Builders for the tests of pods: attempts of containers and of whole pods."""

import json
from collections.abc import Mapping
from typing import Any

from flytelike.codec.json_struct import fill_struct
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.graph import Container, SecretRequest, TaskOverrides, TaskTemplate
from flytelike.model.ids import ExecutionId, Identifier, NodePath, ResourceKind
from flytelike.model.interface import TypedInterface
from flytelike.model.policies import ResourceName, Resources, TaskMetadata
from flytelike.model.types import JsonText
from flytelike_idl.core import tasks_pb2
from propeller.executors.pod.manifest import PodOrder, manifest
from propeller.executors.pod.settings import PodSettings
from propeller.ports import AttemptKey, AttemptSpec

CPU, MEMORY, GPU = ResourceName.CPU, ResourceName.MEMORY, ResourceName.GPU

KEY = AttemptKey(ExecutionId("flights", "development", "e1"), NodePath("n0"), 0)


def task_of(**options: Any) -> TaskTemplate:
    """Return a task; without `extra`, of one container."""
    container = Container("registry.example/image:1", args=("flytelike-execute", "--inputs", "{{.input}}"))
    given = {"container": None if "k8s_pod" in options.get("extra", {}) else container, **options}
    return TaskTemplate(
        Identifier(ResourceKind.TASK, "flights", "development", "flows.train", "v1"),
        "python-task",
        TaskMetadata(),
        TypedInterface(),
        **given,
    )


def attempt(task: TaskTemplate | None = None, key: AttemptKey = KEY, **options: Any) -> AttemptSpec:
    """Return an attempt of a task."""
    return AttemptSpec(
        key=key,
        task=task or task_of(),
        workflow=Identifier(ResourceKind.WORKFLOW, "flights", "development", "flows.main", "v1"),
        launch_plan=Identifier(ResourceKind.LAUNCH_PLAN, "flights", "development", "nightly", "v1"),
        inputs_uri="s3://data/e1/n0/data/inputs.pb",
        output_prefix="s3://data/e1/n0/data/0",
        raw_output_prefix="s3://data/raw/e1",
        **options,
    )


def asking(requests: Mapping[ResourceName, str], limits: Mapping[ResourceName, str] | None = None) -> TaskTemplate:
    """Return a task of one container with resources."""
    return task_of(container=Container("image", args=("run",), resources=Resources(requests, limits or {})))


def pod_message(spec: Mapping[str, Any], primary: str = "primary", **labels: str) -> bytes:
    """Return a serialised `K8sPod`."""
    message = tasks_pb2.K8sPod(primary_container_name=primary)
    fill_struct(JsonText(json.dumps(spec)), message.pod_spec)
    message.metadata.labels.update(labels)
    return message.SerializeToString()


def pod_task(spec: Mapping[str, Any], primary: str = "primary", **labels: str) -> TaskTemplate:
    """Return a task of a whole pod."""
    return task_of(extra={"k8s_pod": pod_message(spec, primary, **labels)})


def built(spec: AttemptSpec | TaskTemplate, settings: PodSettings | None = None, **order: Any) -> dict[str, Any]:
    """Return the manifest of an attempt."""
    spec = attempt(spec) if isinstance(spec, TaskTemplate) else spec
    return manifest(PodOrder(spec, **order), settings or PodSettings())


def codes(spec: AttemptSpec | TaskTemplate, settings: PodSettings | None = None) -> list[str]:
    """Return the codes of what is wrong with an attempt's pod."""
    try:
        built(spec, settings)
    except DiagnosticError as error:
        return [fault.code for fault in error.diagnostics]
    return []


def primary_of(pod: dict[str, Any]) -> dict[str, Any]:
    """Return the container that does the work."""
    name = pod["metadata"]["annotations"]["flytelike.dev/primary-container"]
    containers = [*pod["spec"]["containers"], *pod["spec"].get("initContainers", ())]
    return next(one for one in containers if one["name"] == name)


def variables(container: dict[str, Any]) -> dict[str, Any]:
    """Return a container's variables."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}


__all__ = ["SecretRequest", "TaskOverrides"]
