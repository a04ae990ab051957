"""From an attempt to its pod's manifest. Pure.

The platform's template lies at the bottom, then what it wants of pods that may be interrupted or ask for certain
resources, then the named `PodTemplate`, and the task's own pod on top.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from google.protobuf.message import DecodeError

from flytelike.codec.termination_message import USED_FILE
from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.literals import Literal
from propeller.executors.command import OURS, rendered
from propeller.executors.contract import contract_variables
from propeller.executors.pod.calling import with_calling
from propeller.executors.pod.devices import with_accelerator, with_shared_memory
from propeller.executors.pod.faults import Faults
from propeller.executors.pod.labels import FINALIZER, PRIMARY_ANNOTATION, metadata_of
from propeller.executors.pod.merging import combined, from_template, laid_over
from propeller.executors.pod.names import namespace_in, pod_name
from propeller.executors.pod.resources import asks_for, container_resources, named
from propeller.executors.pod.secret_mounts import with_secrets
from propeller.executors.pod.security import check_security, with_security
from propeller.executors.pod.settings import Json, PodSettings
from propeller.executors.pod.task_pod import TaskPod, env_entries, extended_resources, service_account, task_pod
from propeller.executors.templates import TemplateError
from propeller.ports import AttemptKey, AttemptSpec

_MESSAGE_PATH = "/dev/termination-log"
"""Where the kubelet reads a container's last message, unless the container says otherwise."""


@dataclass(frozen=True, slots=True)
class PodOrder:
    """What a pod is made from.

    Attributes:
        spec: The attempt.
        inputs: Those that its command shows.
        template: The named template.
        owner: What the pod goes with.
        authority: Whom eager tasks trust when they call the control plane (PEM); those the image knows without it.
    """

    spec: AttemptSpec
    inputs: Mapping[str, Literal] = field(default_factory=dict)
    template: Json = field(default_factory=dict)
    owner: Json | None = None
    authority: str = ""


def pod_words(spec: AttemptSpec) -> tuple[str, ...]:
    """Return all commands and arguments of an attempt's pod, as its task has them; none if it cannot be read."""
    own = task_pod(spec, Faults())
    return tuple(word for one in _containers(own.pod) for word in _words(one)) if own is not None else ()


def manifest(order: PodOrder, settings: PodSettings) -> Json:
    """Return the pod of an attempt. Raises `DiagnosticError` with all that is wrong with it."""
    faults = Faults()
    own = task_pod(order.spec, faults, settings.own_image)
    if own is None:
        raise DiagnosticError(faults.found)
    try:
        pod = _pod(order, own, settings, faults)
    except DecodeError as error:
        faults.add("invalid-pod-template", f"the task's resources cannot be read: {error}")
        raise DiagnosticError(faults.found) from error
    check_security(pod, settings, faults)
    size = len(json.dumps(pod))
    if size > settings.manifest_bytes_max:
        faults.add(
            "pod-too-large",
            f"the pod's manifest has {size} bytes; {settings.manifest_bytes_max} are allowed",
            "give large values as inputs rather than as arguments or variables",
        )
    if faults.found:
        raise DiagnosticError(faults.found)
    return pod


def namespace_of(key: AttemptKey, settings: PodSettings) -> str:
    """Return the namespace of an execution's pods."""
    return namespace_in(settings.namespace, key.execution)


def _pod(order: PodOrder, own: TaskPod, settings: PodSettings, faults: Faults) -> Json:
    spec = order.spec
    filled = _filled(order, own, settings, faults)
    laid = settings.interruptible if spec.interruptible else settings.uninterruptible
    asked = sorted({name for one in _containers(filled) for name in asks_for(one)}) if not faults.found else []
    of_resources = [settings.by_resource[name] for name in asked if name in settings.by_resource]
    template = combined([settings.template, laid, *of_resources, order.template])
    pod = from_template(template, filled, own.primary)
    extended = extended_resources(spec)
    if not faults.found:
        pod = with_accelerator(pod, extended.gpu_accelerator, settings)
    if extended.HasField("shared_memory"):
        pod = with_shared_memory(pod, own.primary, extended.shared_memory, faults)
    pod = with_secrets(pod, spec.task.secrets, settings.secret_name, faults)
    if spec.task.metadata.is_eager and settings.calling is not None:
        pod = with_calling(pod, own.primary, settings.calling, order.authority)
    pod = with_security(pod, settings)
    metadata = metadata_of(pod, spec, settings, faults)
    metadata["annotations"][PRIMARY_ANNOTATION] = own.primary
    metadata |= {"name": pod_name(spec.key), "namespace": namespace_of(spec.key, settings), "finalizers": [FINALIZER]}
    if order.owner is not None:
        metadata["ownerReferences"] = [order.owner]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": laid_over(pod["spec"], _life(pod["spec"], spec, settings)),
    }


def _filled(order: PodOrder, own: TaskPod, settings: PodSettings, faults: Faults) -> Json:
    """Return the task's pod with its commands, variables and resources filled in."""
    result = dict(own.pod["spec"])
    for name in ("containers", "initContainers"):
        if result.get(name):
            result[name] = [_container(one, order, own, settings, faults) for one in result[name]]
    return {**own.pod, "spec": result}


def _container(container: Json, order: PodOrder, own: TaskPod, settings: PodSettings, faults: Faults) -> Json:
    spec, name = order.spec, container["name"]
    result = dict(container)
    for words in ("command", "args"):
        try:
            filled = rendered(tuple(map(str, container.get(words) or ())), spec, order.inputs, _literally)
        except TemplateError as error:
            faults.add("unknown-template-variable", f"in `{words}` of container `{name}`: {error}")
            continue
        if any("\0" in word for word in filled):
            faults.add("invalid-pod-template", f"an argument of container `{name}` holds a NUL character")
        if filled:
            result[words] = list(filled)
    main = name == own.primary
    asked = laid_over(container.get("resources") or {}, named(own.resources, settings) if main else {})
    resources = container_resources(asked, settings, faults, name, main=main)
    if resources:
        result["resources"] = resources
    told = {USED_FILE: container.get("terminationMessagePath") or _MESSAGE_PATH} if _is_ours(result) else {}
    beneath = {"env": env_entries({**settings.env, **told, **contract_variables(spec)})}
    return laid_over(laid_over(beneath, result), {"env": env_entries(spec.env)})


def _is_ours(container: Json) -> bool:
    """Tell whether a container runs the platform's own program."""
    words = _words(container)
    return bool(words) and PurePosixPath(words[0]).name == OURS


def _literally(value: str) -> str:
    """Return an input's text as Kubernetes gives it to the program unchanged: it would fill in `$(VARIABLE)` there."""
    return value.replace("$", "$$")


def _life(given: Json, spec: AttemptSpec, settings: PodSettings) -> Json:
    """Return how long a pod lives, and in whose name: never restarted, for the next attempt is another pod."""
    life: Json = {"restartPolicy": "Never"}
    account = service_account(spec.task) or settings.service_account
    if account and not given.get("serviceAccountName"):
        life["serviceAccountName"] = account
    rank = _priority_class(spec.priority, settings)
    if rank and not given.get("priorityClassName"):
        life["priorityClassName"] = rank
    if "terminationGracePeriodSeconds" not in given:
        life["terminationGracePeriodSeconds"] = settings.grace_s
    if spec.deadline_ns:
        # The executor counts from the start of the work; this one is for the time that no executor runs.
        seconds = -(-spec.deadline_ns // 1_000_000_000) + settings.start_allowance_s
        life["activeDeadlineSeconds"] = min(seconds, given.get("activeDeadlineSeconds") or seconds)
    return life


def _priority_class(priority: int, settings: PodSettings) -> str:
    """Return the class that is for the highest priorities of those that an attempt reaches."""
    reached = [(least, name) for name, least in settings.priority_classes.items() if priority >= least]
    return max(reached)[1] if reached else ""


def _containers(pod: Json) -> Iterable[Json]:
    return [*(pod["spec"].get("containers") or ()), *(pod["spec"].get("initContainers") or ())]


def _words(container: Json) -> list[str]:
    return [str(word) for name in ("command", "args") for word in container.get(name) or ()]
