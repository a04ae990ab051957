"""What the control plane hands to propeller when an execution starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flytelike.model.caching import CacheUse
from flytelike.model.ids import Digest, ExecutionId, Identifier, NodeExecutionId


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """Everything propeller is told about an execution when it starts.

    `closure_uri` points at the serialised `core.CompiledWorkflowClosure` (immutable, named
    by `closure_digest`), `inputs_uri` at the serialised `core.LiteralMap` of its inputs.
    `max_parallelism` limits the nodes running at once; 0 means no limit. `depth` is how many
    launch-plan nodes lie above this execution. `reuse_uri` points at the serialised
    `propeller.ReuseList` of what is taken over from earlier executions, with its digest; both are
    empty for none. `cache` says what it does with cached results. `priority` ranks its attempts among those
    of its project.
    """

    id: ExecutionId
    launch_plan: Identifier
    workflow: Identifier
    closure_uri: str
    closure_digest: Digest
    inputs_uri: str
    max_parallelism: int = 0
    interruptible: bool | None = None
    envs: Mapping[str, str] = field(default_factory=dict)
    raw_output_prefix: str = ""
    timeout_ns: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    parent: NodeExecutionId | None = None
    depth: int = 0
    reuse_uri: str = ""
    reuse_digest: str = ""
    cache: CacheUse = CacheUse.USE
    priority: int = 0
