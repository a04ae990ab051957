"""What authors ask of the engine: retries, timeouts, caching, resources."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum


class FailurePolicy(IntEnum):
    """What a failed node does to its workflow; values are Flyte's `OnFailurePolicy`."""

    FAIL_IMMEDIATELY = 0
    FAIL_AFTER_EXECUTABLE_NODES_COMPLETE = 1


class ResourceName(IntEnum):
    """Values are those of `flyteidl.core.Resources.ResourceName`."""

    UNKNOWN = 0
    CPU = 1
    GPU = 2
    MEMORY = 3
    STORAGE = 4
    EPHEMERAL_STORAGE = 5


@dataclass(frozen=True, slots=True)
class Resources:
    """Kubernetes quantities by name, such as `{CPU: "500m", MEMORY: "1Gi"}`."""

    requests: Mapping[ResourceName, str] = field(default_factory=dict)
    limits: Mapping[ResourceName, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """Whether results are kept for equal inputs.

    Where the author gives no version it is derived from the task's code (`flytelike.model.caching.derived_version`).
    `ttl_ns` is how long a result is kept; 0 for ever.
    """

    enabled: bool = False
    version: str = ""
    serializable: bool = False
    ignored_inputs: tuple[str, ...] = ()
    ttl_ns: int = 0


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long retries wait: `first_ns` at first, `factor` times as long each next time, at most `longest_ns`.

    A `longest_ns` of 0 leaves it to the engine.
    """

    first_ns: int
    factor: float = 2.0
    longest_ns: int = 0


@dataclass(frozen=True, slots=True)
class ReusePolicy:
    """How pods are kept for a task's next attempts: at most `replicas`, each for `idle_ttl_ns` without work."""

    replicas: int
    idle_ttl_ns: int


@dataclass(frozen=True, slots=True)
class TaskMetadata:
    """The policies of a task.

    `timeout_ns` limits how long an attempt runs, `queued_timeout_ns` how long it waits until it runs; 0 is none.
    `interruptible` is None for the workflow's default. Without a `backoff`, a retry of a failure of the user's making
    starts at once. `priority` is added to that of the execution. Without `reuse`, each attempt has a pod of its
    own.
    """

    retries: int = 0
    timeout_ns: int = 0
    interruptible: bool | None = None
    cache: CachePolicy = field(default_factory=CachePolicy)
    deprecated: str = ""
    runtime_version: str = ""
    runtime_flavor: str = "python"
    pod_template_name: str = ""
    generates_deck: bool = False
    is_eager: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    backoff: Backoff | None = None
    queued_timeout_ns: int = 0
    priority: int = 0
    reuse: ReusePolicy | None = None


@dataclass(frozen=True, slots=True)
class NodeMetadata:
    """A node's name and what it overrides of its task's policies; None keeps the task's own."""

    name: str = ""
    timeout_ns: int | None = None
    retries: int | None = None
    interruptible: bool | None = None
    cacheable: bool | None = None
    cache_version: str | None = None
    cache_serializable: bool | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    priority: int | None = None


def cache_policy(task: CachePolicy, node: NodeMetadata) -> CachePolicy:
    """Return a task's policy with what its node overrides."""
    if node.cacheable is None and not node.cache_version and node.cache_serializable is None:
        return task
    return replace(
        task,
        enabled=task.enabled if node.cacheable is None else node.cacheable,
        version=node.cache_version or task.version,
        serializable=task.serializable if node.cache_serializable is None else node.cache_serializable,
    )


@dataclass(frozen=True, slots=True)
class WorkflowMetadata:
    """The policies of a workflow.

    `priority` is that of its executions where neither they nor their launch plan say their own; None says none.
    """

    on_failure: FailurePolicy = FailurePolicy.FAIL_IMMEDIATELY
    interruptible: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    priority: int | None = None
