"""Templates: tasks, workflows and launch plans as their authors wrote them, before compiling."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from flytelike.model.ids import Identifier, NodeId
from flytelike.model.interface import Parameter, TypedInterface
from flytelike.model.literals import LiteralMap, Offloaded, Scalar
from flytelike.model.policies import NodeMetadata, Resources, TaskMetadata, WorkflowMetadata
from flytelike.model.span import SourceSpan
from flytelike.model.types import NO_JSON, JsonText, LiteralType

# --- bindings ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Promise:
    """An output of a node, with the path into it (`.field`, `[0]`, `["key"]`)."""

    node_id: NodeId
    var: str
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class BoundScalar:
    """A constant."""

    value: Scalar
    union_target: LiteralType | None = None


@dataclass(frozen=True, slots=True)
class BoundPromise:
    """A value that a node will give."""

    promise: Promise
    union_target: LiteralType | None = None


@dataclass(frozen=True, slots=True)
class BoundCollection:
    """A list whose items are bound one by one."""

    items: tuple["BindingData", ...]
    union_target: LiteralType | None = None


@dataclass(frozen=True, slots=True)
class BoundMap:
    """A map whose values are bound one by one."""

    items: Mapping[str, "BindingData"]
    union_target: LiteralType | None = None


@dataclass(frozen=True, slots=True)
class BoundOffloaded:
    """A constant that lies in the object store."""

    value: Offloaded
    union_target: LiteralType | None = None


BindingData: TypeAlias = BoundScalar | BoundPromise | BoundCollection | BoundMap | BoundOffloaded


@dataclass(frozen=True, slots=True)
class Binding:
    """What an input (or a workflow output) named `var` is bound to."""

    var: str
    data: BindingData
    span: SourceSpan | None = None


# --- nodes ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskOverrides:
    """What a node changes of the task it runs.

    `extra` keeps serialised parts of the wire message that nothing here computes on.
    """

    resources: Resources | None = None
    container_image: str = ""
    extra: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class TaskTarget:
    """Run a task."""

    task: Identifier
    overrides: TaskOverrides = field(default_factory=TaskOverrides)


@dataclass(frozen=True, slots=True)
class SubWorkflowTarget:
    """Run a workflow's nodes inside this execution."""

    workflow: Identifier


@dataclass(frozen=True, slots=True)
class LaunchPlanTarget:
    """Start an execution of its own from a launch plan and wait for it."""

    launch_plan: Identifier


@dataclass(frozen=True, slots=True)
class UnsupportedTarget:
    """A node kind that the compiler knows by name only, such as a branch or a gate."""

    kind: str


NodeTarget: TypeAlias = TaskTarget | SubWorkflowTarget | LaunchPlanTarget | UnsupportedTarget


@dataclass(frozen=True, slots=True)
class Alias:
    """Another name for one of a node's outputs."""

    var: str
    alias: str


@dataclass(frozen=True, slots=True)
class Node:
    """A step of a workflow. `upstream` lists the explicit predecessors (`>>`) only."""

    id: NodeId
    target: NodeTarget
    bindings: tuple[Binding, ...] = ()
    upstream: tuple[NodeId, ...] = ()
    metadata: NodeMetadata = field(default_factory=NodeMetadata)
    aliases: tuple[Alias, ...] = ()
    span: SourceSpan | None = None


# --- entities ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Container:
    """How a task is started. `args` may hold Flyte's templates, such as `{{.input}}`."""

    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    resources: Resources = field(default_factory=Resources)
    env: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SecretRequest:
    """A secret the task may read. Only its name is ever kept."""

    group: str
    key: str
    group_version: str = ""
    mount_as_file: bool = False
    env_var: str = ""


@dataclass(frozen=True, slots=True)
class TaskTemplate:
    """A task as registered.

    `type` names the executor (`python-task`, `container`, ...); `custom` and `config` are
    the executor's own. `extra` holds serialised parts of the wire message that nothing
    here computes on (a pod, a SQL statement), by field name, so that they are not lost.
    """

    id: Identifier
    type: str
    metadata: TaskMetadata
    interface: TypedInterface
    container: Container | None = None
    custom: JsonText = NO_JSON
    type_version: int = 0
    config: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[SecretRequest, ...] = ()
    span: SourceSpan | None = None
    extra: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkflowTemplate:
    """A workflow as traced."""

    id: Identifier
    interface: TypedInterface
    nodes: tuple[Node, ...]
    outputs: tuple[Binding, ...]
    metadata: WorkflowMetadata = field(default_factory=WorkflowMetadata)
    failure_node: Node | None = None
    span: SourceSpan | None = None


@dataclass(frozen=True, slots=True)
class LaunchPlanTemplate:
    """A workflow with some inputs fixed or defaulted.

    `inputs` are the parameters a caller may give; `fixed` those it may not.
    `options` is the serialised `admin.LaunchPlanSpec` for everything that only passes through
    (labels, annotations, schedule, notifications, ...); empty when there is none.
    """

    id: Identifier
    workflow: Identifier
    inputs: Mapping[str, Parameter] = field(default_factory=dict)
    fixed: LiteralMap = field(default_factory=dict)
    span: SourceSpan | None = None
    options: bytes = b""


Entity: TypeAlias = TaskTemplate | WorkflowTemplate | LaunchPlanTemplate
