"""Rows as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EntityRow:
    """A version of a task, workflow or launch plan; `extra` columns are those of its own table."""

    project: str
    domain: str
    name: str
    version: str
    digest: str
    body: bytes
    short_description: str
    created_at: int
    updated_at: int
    closure_uri: str = ""
    state: int = 0
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """An execution; see `schema.executions`."""

    id: int
    project: str
    domain: str
    name: str
    phase: int
    state: int
    mode: int
    launched_kind: int
    launched_project: str
    launched_domain: str
    launched_name: str
    launched_version: str
    workflow_project: str
    workflow_domain: str
    workflow_name: str
    workflow_version: str
    closure_uri: str
    closure_digest: str
    spec: bytes
    inputs_uri: str
    outputs_uri: str
    user: str
    parent_name: str
    parent_path: str
    parent_attempt: int
    depth: int
    reference: str
    reuse_uri: str
    reuse_digest: str
    error: bytes | None
    error_code: str
    abort_cause: str
    abort_principal: str
    state_principal: str
    state_at: int
    created_at: int
    started_at: int
    updated_at: int
    sequence: int
    eager: bool
    held_since: int = 0


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node of an execution; see `schema.node_executions`."""

    execution: int
    path: str
    parent: str
    spec_node_id: str
    name: str
    phase: int
    is_parent: bool
    is_child: bool
    inputs_uri: str
    output_uri: str
    child: str
    note: str
    cache_status: int
    cache_why: str
    cache_key: str
    cache_source: str
    error: bytes | None
    created_at: int
    started_at: int
    updated_at: int
    sequence: int
    graph: str
    is_array: bool = False
    elements: int = 0
    elements_open: int = 0
    elements_succeeded: int = 0
    elements_failed: int = 0
    waits: str = ""
    waits_until: int = 0
    elements_cached: int = 0
    elements_recovered: int = 0
    priority: int = 0


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt of a task node; see `schema.task_executions`. `task_type` comes from the task's own row."""

    execution: int
    path: str
    attempt: int
    task_project: str
    task_domain: str
    task_name: str
    task_version: str
    phase: int
    inputs_uri: str
    output_uri: str
    log_uri: str
    error: bytes | None
    created_at: int
    started_at: int
    updated_at: int
    sequence: int
    asked: bytes | None = None
    memory_peak_bytes: int = 0
    processor_ns: int = 0


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A signal; see `schema.signals`."""

    signal: str
    type: bytes
    value: bytes | None
    created_at: int
    set_by: str
    set_at: int


@dataclass(frozen=True, slots=True)
class GateRow:
    """A gate that waits for a signal; see `schema.gates`. `name` is its node's."""

    path: str
    signal: str
    name: str
    approval: bool
    since: int
    until: int
