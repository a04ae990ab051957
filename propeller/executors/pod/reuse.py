"""From an attempt to the kind of worker that may run it: a pod that is kept. Pure.

Whoever shares a worker could have shared a pod: workers are known by a digest of their manifest without what names an
attempt, together with project, domain and the code's digest. What differs from one attempt to the next is in its order.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from flytelike.codec.pod_orders import ORDER_BYTES_MAX, BatchOrder, Order, order_to_json
from flytelike.model.ids import ExecutionId, NodePath
from propeller.executors.command import OURS, command_words, rendered
from propeller.executors.contract import contract_variables
from propeller.executors.pod.labels import (
    ATTEMPT,
    EXECUTION,
    INTERRUPTIBLE,
    NODE,
    PRIMARY_ANNOTATION,
    TASK,
    WORKFLOW,
)
from propeller.executors.pod.manifest import PodOrder, manifest, namespace_of
from propeller.executors.pod.merging import laid_over
from propeller.executors.pod.settings import Json, PodSettings
from propeller.ports import AttemptKey, AttemptSpec

WORKER = "flytelike.dev/worker"
"""The label of pods that are kept: their kind."""

ORDER = "flytelike.dev/order"
"""The annotation that is a worker's mailbox."""

IDLE = "flytelike.dev/idle-seconds"
"""The annotation that tells for how long a worker is kept without work."""

_PROGRAM = "flytelike-worker"
_FOLDER, _FILE = "/var/run/flytelike", "order"
_VOLUME = "flytelike-mailbox"
_LEFT_ALONE_S = 900
"""How much longer than it should a worker without work waits for its end: the platform may be away for a while."""

_NEXT = "next-order.json"
"""Below an attempt's documents: a copy of the order that its worker got after it."""

_OF_ATTEMPTS = frozenset({EXECUTION, NODE, ATTEMPT, TASK, WORKFLOW, INTERRUPTIBLE})


@dataclass(frozen=True, slots=True)
class WorkerKind:
    """Workers that are equal. `pod` is their manifest but for name and order; at most `replicas` are kept at once."""

    digest: str
    namespace: str
    replicas: int
    idle_s: float
    pod: Json = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Shared:
    """An attempt for a worker, with what its order holds. With a `batch` it stands for elements of an array."""

    kind: WorkerKind
    args: tuple[str, ...]
    env: Mapping[str, str]
    next_uri: str
    batch: BatchOrder | None = None

    def order(self, mark: str) -> Order:
        """Return the order under a mark."""
        if self.batch is not None:
            return Order(mark, env=self.env, next_uri=self.next_uri, batch=self.batch)
        return Order(mark, self.args, self.env, next_uri=self.next_uri)


def can_share(spec: AttemptSpec) -> bool:
    """Tell whether an attempt asks for a worker and is such that one can run it: by the platform's own program.

    Eager tasks get pods of their own: by its pod the control plane knows which attempt calls.
    """
    words = command_words(spec)
    ours = bool(words) and PurePosixPath(words[0]).name == OURS
    own_pod = "k8s_pod" in spec.task.extra
    plain = spec.task.container is not None and spec.task.container.data is None
    asked = spec.task.metadata.reuse is not None and not spec.task.metadata.is_eager
    return asked and plain and ours and not own_pod


def shared(order: PodOrder, settings: PodSettings) -> Shared | None:
    """Return what an attempt needs that can share a worker; None if its order would be too large.

    Raises `DiagnosticError` with all that is wrong with its pod.
    """
    spec = order.spec
    found = Shared(
        _kind(order, settings),
        rendered(command_words(spec), spec, order.inputs),
        {**contract_variables(spec), **spec.env},
        f"{spec.output_prefix}/{_NEXT}",
    )
    return found if fits(found) else None


def fits(wanted: Shared) -> bool:
    """Tell whether an order is not too large for a mailbox."""
    return len(order_to_json(wanted.order("0" * 32)).encode()) <= ORDER_BYTES_MAX


def worker_pod(kind: WorkerKind, name: str, annotations: Mapping[str, str]) -> Json:
    """Return the pod of a new worker, which finds its first order when it starts."""
    metadata = kind.pod["metadata"]
    told = {**metadata["annotations"], **annotations}
    return {**kind.pod, "metadata": {**metadata, "name": name, "annotations": told}}


def given_annotations(key: AttemptKey, order: Order) -> dict[str, str]:
    """Return what a worker's annotations tell of its order, for it and for people."""
    return {
        ORDER: order_to_json(order),
        EXECUTION: key.execution.name,
        NODE: key.path,
        ATTEMPT: str(key.attempt),
    }


def stop_annotation(order: Order) -> dict[str, str]:
    """Return what tells a worker to stop; whose order it was stays."""
    return {ORDER: order_to_json(order)}


def _kind(order: PodOrder, settings: PodSettings) -> WorkerKind:
    spec = order.spec
    policy, container = spec.task.metadata.reuse, spec.task.container
    assert policy is not None, "asked before"
    assert container is not None, "asked before"
    idle_s = policy.idle_ttl_ns / 1e9
    words = (_PROGRAM, f"{_FOLDER}/{_FILE}", f"{idle_s + _LEFT_ALONE_S:g}")
    # The command says whether the image's own entry point is run; a worker keeps to that.
    program = replace(container, command=words, args=()) if container.command else replace(container, args=words)
    execution = spec.key.execution
    nobody = replace(
        spec,
        key=AttemptKey(ExecutionId(execution.project, execution.domain, "worker"), NodePath("n"), 0),
        task=replace(spec.task, container=program),
        labels={},
        env={},
        deadline_ns=0,
        execution_started_ns=0,
    )
    pod = manifest(PodOrder(nobody, {}, order.template, None), settings)
    pod = _with_mailbox(_without_names(pod, contract_variables(nobody)))
    pod["metadata"]["annotations"][IDLE] = f"{idle_s:g}"
    known = {
        "pod": pod,
        "of": [execution.project, execution.domain, _code(command_words(spec))],
        "kept": [policy.replicas, idle_s],
    }
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]
    pod["metadata"]["labels"][WORKER] = digest
    return WorkerKind(digest, namespace_of(spec.key, settings), policy.replicas, idle_s, pod)


def _without_names(pod: Json, named: Mapping[str, str]) -> Json:
    """Return a pod without what names its attempt."""
    metadata, spec = pod["metadata"], pod["spec"]
    labels = {name: value for name, value in metadata["labels"].items() if name not in _OF_ATTEMPTS}
    annotations = {name: value for name, value in metadata["annotations"].items() if name not in _OF_ATTEMPTS}
    kept = {name: value for name, value in metadata.items() if name not in {"name", "ownerReferences"}}

    def bare(container: Json) -> Json:
        env = [one for one in container.get("env") or () if named.get(one["name"]) != one.get("value", "")]
        return {**container, "env": env}

    bared = {name: [bare(one) for one in spec[name]] for name in ("containers", "initContainers") if spec.get(name)}
    return {**pod, "metadata": {**kept, "labels": labels, "annotations": annotations}, "spec": {**spec, **bared}}


def _with_mailbox(pod: Json) -> Json:
    """Return a pod whose primary container sees the annotation as a file."""
    field_ref = {"fieldPath": f"metadata.annotations['{ORDER}']"}
    volume = {"name": _VOLUME, "downwardAPI": {"items": [{"path": _FILE, "fieldRef": field_ref}]}}
    mount = {"name": _VOLUME, "mountPath": _FOLDER, "readOnly": True}
    primary = pod["metadata"]["annotations"][PRIMARY_ANNOTATION]
    over = {"containers": [{"name": primary, "volumeMounts": [mount]}], "volumes": [volume]}
    return {**pod, "spec": laid_over(pod["spec"], over)}


def _code(words: tuple[str, ...]) -> str:
    """Return the digest of the code that a command names."""
    for word, following in zip(words, (*words[1:], ""), strict=True):
        if word == "--code":
            return following
        if word.startswith("--code="):
            return word.partition("=")[2]
    return ""
