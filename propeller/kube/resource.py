"""The custom resource `FlyteWorkflow` as a value, and as Kubernetes' JSON. Its schema: `helm/flytelike/files/crds`.

The object is a handle: names, digests, places and counters. It is as small for a large workflow as for a small one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from flytelike.model.caching import CacheUse
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.ids import Digest, ExecutionId, Identifier, NodeExecutionId, NodePath, ResourceKind
from flytelike.model.launch import LaunchRequest
from propeller.kube.durations import duration_ns, duration_text
from propeller.kube.fields import Fields, MalformedResource
from propeller.kube.status import WorkflowStatus, status_from_json

GROUP = "flytelike.dev"
VERSION = "v1alpha1"
KIND = "FlyteWorkflow"
PLURAL = "flyteworkflows"

FINALIZER = "flytelike.dev/propeller"
"""Keeps a deleted object until what it started has ended."""

PROJECT_LABEL = "flytelike.dev/project"
DOMAIN_LABEL = "flytelike.dev/domain"

SIGNAL_ANNOTATION = "signal.flytelike.dev/"
"""What the keys of annotations begin with that name signals which were given their values."""

FORGET_ANNOTATION = "flytelike.dev/forget"
"""On an object whose execution has ended: the engine is to drop what it keeps of it, and the object goes with that."""

OBJECT_BYTES_MAX = 20_000
"""What an object takes at most, whatever the workflow's size."""

SPEC_BYTES_MAX = 10_000
"""What of this its spec may take; the rest is for the status, and for what the API server keeps of an object."""


@dataclass(frozen=True, slots=True)
class Abort:
    """The wish that an execution ends."""

    cause: str
    principal: str = ""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the API server keeps of an object. `deleting` tells that it waits for its finalizers."""

    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    deleting: bool = False
    finalizers: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkflowResource:
    """One `FlyteWorkflow`."""

    metadata: Metadata
    request: LaunchRequest
    abort: Abort | None = None
    status: WorkflowStatus = field(default_factory=WorkflowStatus)


def resource_of(request: LaunchRequest, namespace: str) -> WorkflowResource:
    """Return the object for an execution that is to start."""
    labels = {PROJECT_LABEL: request.id.project, DOMAIN_LABEL: request.id.domain}
    metadata = Metadata(namespace, request.id.name, finalizers=(FINALIZER,), labels=labels)
    return WorkflowResource(metadata, request)


def resource_to_json(resource: WorkflowResource) -> dict[str, Any]:
    """Return what is sent to create the object. The status is not part of it: it has an address of its own.

    Raises DiagnosticError (`oversized-resource`) when labels and environment variables take too much.
    """
    metadata = resource.metadata
    spec = _spec(resource.request)
    size = len(json.dumps(spec).encode())
    if size > SPEC_BYTES_MAX:
        raise DiagnosticError([_oversized(resource.request, size)])
    if resource.abort is not None:
        spec["abort"] = {"cause": resource.abort.cause, "principal": resource.abort.principal}
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {
            "namespace": metadata.namespace,
            "name": metadata.name,
            "labels": dict(metadata.labels),
            "finalizers": list(metadata.finalizers),
        },
        "spec": spec,
    }


def stands_for(document: Mapping[str, Any], execution: ExecutionId) -> bool:
    """Tell whether an object is that of an execution."""
    told = {"project": execution.project, "domain": execution.domain, "name": execution.name}
    return bool((document.get("spec") or {}).get("execution") == told)


def has_ended(document: Mapping[str, Any]) -> bool:
    """Tell whether the status of an object says that its execution has ended."""
    return bool((document.get("status") or {}).get("endedAt"))


def owner_reference(document: Mapping[str, Any], execution: ExecutionId) -> dict[str, Any] | None:
    """Return what an object of the same namespace says that belongs to an execution's object.

    None when the document is that of another execution.
    """
    if not stands_for(document, execution):
        return None
    named = {name: document["metadata"][name] for name in ("name", "uid")}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, **named, "controller": True}


def resource_from_json(document: Mapping[str, Any]) -> WorkflowResource:
    """Return the object of a document. Raises `MalformedResource` with the path of the field at fault."""
    top = Fields(document)
    spec = top.below("spec")
    abort = spec.maybe("abort")
    return WorkflowResource(
        metadata_from_json(top.below("metadata")),
        _request(spec),
        None if abort is None else Abort(abort.text("cause", ""), abort.text("principal", "")),
        status_from_json(top.maybe("status") or Fields({}, "status")),
    )


def metadata_from_json(metadata: Fields) -> Metadata:
    """Return what is kept of an object of any kind."""
    return Metadata(
        namespace=metadata.text("namespace"),
        name=metadata.text("name"),
        uid=metadata.text("uid", ""),
        resource_version=metadata.text("resourceVersion", ""),
        generation=metadata.number("generation", 0),
        deleting=metadata.text("deletionTimestamp", "") != "",
        finalizers=metadata.texts("finalizers"),
        labels=metadata.text_map("labels"),
        annotations=metadata.text_map("annotations"),
    )


def signal_note(signal: str) -> dict[str, str]:
    """Return the annotation by which an object tells its operator that a signal was given."""
    return {f"{SIGNAL_ANNOTATION}{sha256(signal.encode()).hexdigest()[:16]}": signal}


def signals_of(metadata: Metadata) -> set[str]:
    """Return the signals that were given."""
    return {signal for key, signal in metadata.annotations.items() if key.startswith(SIGNAL_ANNOTATION)}


def _oversized(request: LaunchRequest, size: int) -> Diagnostic:
    return Diagnostic(
        "oversized-resource",
        f"{request.id}: its FlyteWorkflow would take {size} bytes, of {SPEC_BYTES_MAX} at most",
        help=("give it fewer or shorter environment variables and labels; put large settings into a file",),
    )


def _spec(request: LaunchRequest) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "execution": {"project": request.id.project, "domain": request.id.domain, "name": request.id.name},
        "launchPlan": _entity(request.launch_plan),
        "workflow": _entity(request.workflow),
        "closure": {"uri": request.closure_uri, "digest": request.closure_digest},
        "inputs": {"uri": request.inputs_uri},
    }
    options = _options(request)
    if options:
        spec["options"] = options
    if request.parent is not None:
        spec["parent"] = {"execution": request.parent.execution.name, "node": request.parent.path}
    if request.reuse_uri:
        spec["reuse"] = {"uri": request.reuse_uri, "digest": request.reuse_digest}
    return spec


def _options(request: LaunchRequest) -> dict[str, Any]:
    """Return what differs from the defaults."""
    options: dict[str, Any] = {
        "maxParallelism": request.max_parallelism,
        "rawOutputPrefix": request.raw_output_prefix,
        "timeout": duration_text(request.timeout_ns) if request.timeout_ns else "",
        "depth": request.depth,
        "priority": request.priority,
        "envs": dict(request.envs),
        "labels": dict(request.labels),
    }
    options = {key: value for key, value in options.items() if value}
    if request.interruptible is not None:
        options["interruptible"] = request.interruptible
    if request.cache is not CacheUse.USE:
        options["cache"] = request.cache.name
    return options


def _entity(id_: Identifier) -> dict[str, str]:
    return {"project": id_.project, "domain": id_.domain, "name": id_.name, "version": id_.version}


def _request(spec: Fields) -> LaunchRequest:
    execution, closure, inputs = spec.below("execution"), spec.below("closure"), spec.below("inputs")
    id_ = ExecutionId(execution.text("project"), execution.text("domain"), execution.text("name"))
    options = spec.maybe("options") or Fields({}, "spec.options")
    parent, reuse = spec.maybe("parent"), spec.maybe("reuse")
    above = None
    if parent is not None:
        execution_above = ExecutionId(id_.project, id_.domain, parent.text("execution"))
        above = NodeExecutionId(execution_above, NodePath(parent.text("node")))
    return LaunchRequest(
        id=id_,
        launch_plan=_identifier(ResourceKind.LAUNCH_PLAN, spec.below("launchPlan")),
        workflow=_identifier(ResourceKind.WORKFLOW, spec.below("workflow")),
        closure_uri=closure.text("uri"),
        closure_digest=Digest(closure.text("digest")),
        inputs_uri=inputs.text("uri"),
        max_parallelism=options.number("maxParallelism", 0),
        interruptible=options.truth("interruptible"),
        envs=options.text_map("envs"),
        raw_output_prefix=options.text("rawOutputPrefix", ""),
        timeout_ns=_timeout(options),
        labels=options.text_map("labels"),
        parent=above,
        depth=options.number("depth", 0),
        priority=options.number("priority", 0),
        reuse_uri="" if reuse is None else reuse.text("uri"),
        reuse_digest="" if reuse is None else reuse.text("digest"),
        cache=options.member("cache", CacheUse, CacheUse.USE),
    )


def _timeout(options: Fields) -> int:
    try:
        return duration_ns(options.text("timeout", "0s"))
    except ValueError as error:
        raise MalformedResource(f"{options.path}.timeout", str(error)) from None


def _identifier(kind: ResourceKind, entity: Fields) -> Identifier:
    return Identifier(kind, entity.text("project"), entity.text("domain"), entity.text("name"), entity.text("version"))
