"""What a pod's labels and annotations tell of its attempt: labels to select by, annotations for the exact names."""

from collections.abc import Mapping

from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.labels import QUEUE_LABEL
from propeller.executors.pod.faults import Faults
from propeller.executors.pod.names import is_label_name, label_value
from propeller.executors.pod.settings import Json, PodSettings
from propeller.ports import AttemptKey, AttemptSpec

DOMAIN = "flytelike.dev"
PLATFORM = f"{DOMAIN}/platform"
PROJECT = f"{DOMAIN}/project"
PROJECT_DOMAIN = f"{DOMAIN}/domain"
EXECUTION = f"{DOMAIN}/execution"
NODE = f"{DOMAIN}/node"
ATTEMPT = f"{DOMAIN}/attempt"
TASK = f"{DOMAIN}/task"
WORKFLOW = f"{DOMAIN}/workflow"
INTERRUPTIBLE = f"{DOMAIN}/interruptible"
PRIMARY_ANNOTATION = f"{DOMAIN}/primary-container"
KUEUE_QUEUE = "kueue.x-k8s.io/queue-name"
FINALIZER = f"{DOMAIN}/attempt"
"""Keeps a pod until its end is told and its output is stored, whoever deletes it."""

ANNOTATIONS_BYTES_MAX = 256 * 1024
"""Kubernetes' own bound for all annotations of an object."""


def metadata_of(pod: Json, spec: AttemptSpec, settings: PodSettings, faults: Faults) -> Json:
    """Return the labels and annotations of an attempt's pod; the platform's own cannot be overwritten."""
    given = pod.get("metadata") or {}
    labels = {**(given.get("labels") or {}), **spec.labels}
    labels = {name: label_value(str(value)) for name, value in labels.items()}
    annotations = {name: str(value) for name, value in (given.get("annotations") or {}).items()}
    for name in sorted({*labels, *annotations}):
        if not is_label_name(name):
            faults.add("invalid-label", f"`{name}` is no name of a label or annotation")
    if sum(len(name) + len(value) for name, value in annotations.items()) > ANNOTATIONS_BYTES_MAX // 2:
        faults.add("pod-too-large", f"its annotations are larger than {ANNOTATIONS_BYTES_MAX // 2} bytes")
    return {
        "labels": {**labels, **_labels(spec, settings)},
        "annotations": {**annotations, **_annotations(spec.key)},
    }


def key_of_pod(pod: Json) -> AttemptKey | None:
    """Return whose pod it is; None when no annotations tell."""
    annotations: Mapping[str, str] = (pod.get("metadata") or {}).get("annotations") or {}
    try:
        execution = ExecutionId(annotations[PROJECT], annotations[PROJECT_DOMAIN], annotations[EXECUTION])
        return AttemptKey(execution, NodePath(annotations[NODE]), int(annotations[ATTEMPT]))
    except (KeyError, ValueError):
        return None


def selector(settings: PodSettings) -> str:
    """Return the selector of all pods of the platform."""
    return f"{PLATFORM}={label_value(settings.platform)}"


def _labels(spec: AttemptSpec, settings: PodSettings) -> dict[str, str]:
    execution = spec.key.execution
    told = {
        PLATFORM: settings.platform,
        PROJECT: execution.project,
        PROJECT_DOMAIN: execution.domain,
        EXECUTION: execution.name,
        NODE: spec.key.path,
        ATTEMPT: str(spec.key.attempt),
        TASK: spec.task.id.name,
        WORKFLOW: spec.workflow.name,
        INTERRUPTIBLE: "true" if spec.interruptible else "false",
    }
    queue = spec.labels.get(QUEUE_LABEL) or settings.kueue_queue.replace("{project}", execution.project).replace(
        "{domain}", execution.domain
    )
    if queue:
        told[KUEUE_QUEUE] = queue
    return {name: label_value(value) for name, value in told.items()}


def _annotations(key: AttemptKey) -> dict[str, str]:
    execution = key.execution
    return {
        PROJECT: execution.project,
        PROJECT_DOMAIN: execution.domain,
        EXECUTION: execution.name,
        NODE: key.path,
        ATTEMPT: str(key.attempt),
    }
