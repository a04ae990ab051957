"""Templates: tasks, workflows and launch plans as their authors wrote them, before compiling."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias, assert_never

from flytelike.model.condition import Condition
from flytelike.model.gate import Gate
from flytelike.model.ids import Identifier, NodeId
from flytelike.model.interface import Parameter, TypedInterface
from flytelike.model.literals import ErrorValue, LiteralMap, Offloaded, Scalar
from flytelike.model.policies import NodeMetadata, Resources, TaskMetadata, WorkflowMetadata
from flytelike.model.schedule import Schedule
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
class BranchCase:
    """A condition, and the node that runs when it is the first that holds.

    A client may leave out either, so that the compiler can tell it beside all other faults.
    """

    condition: Condition | None
    then: "Node | None"


@dataclass(frozen=True, slots=True)
class BranchTarget:
    """Run the node of the first case whose condition holds, or what is said for none of them.

    `otherwise` is a node or a failure; None when the client says neither.
    """

    cases: tuple[BranchCase, ...]
    otherwise: "Node | ErrorValue | None" = None


@dataclass(frozen=True, slots=True)
class GateTarget:
    """Wait. `gate` is None when the client does not say what for."""

    gate: Gate | None


@dataclass(frozen=True, slots=True)
class MinSuccesses:
    """An array succeeds with at least so many elements."""

    count: int


@dataclass(frozen=True, slots=True)
class MinSuccessRatio:
    """An array succeeds with at least this part of its elements: 0 to 1, in a float of 32 bits on the wire."""

    ratio: float

    def needed(self, elements: int) -> int:
        """Return how many of so many elements must succeed.

        What the wire's 32 bits may have added is taken off: 0.9 of 10 elements are 9, not 9.0000004 rounded up.
        """
        return math.ceil(elements * self.ratio * (1 - 2**-24))


class ArrayExecutionMode(IntEnum):
    """How elements are kept track of; the numbers are those of Flyte's `ArrayNode.ExecutionMode`."""

    MINIMAL_STATE = 0
    FULL_STATE = 1


class ArrayDataMode(IntEnum):
    """How elements get their inputs; the numbers are those of Flyte's `ArrayNode.DataMode`."""

    SINGLE_INPUT_FILE = 0
    INDIVIDUAL_INPUT_FILES = 1


@dataclass(frozen=True, slots=True)
class ArrayTarget:
    """Run a node once for each element of its inputs, but those in `bound_inputs`, which all elements share.

    `parallelism` None leaves it to the execution, 0 is no limit; `success` None means that all elements must
    succeed. `original_interface` says whether the inner node's interface is that of one element; when it is not,
    the client has made lists of it (Flyte's SDK does so for tasks). None counts as no.
    """

    node: "Node"
    parallelism: int | None = None
    success: MinSuccesses | MinSuccessRatio | None = None
    bound_inputs: tuple[str, ...] = ()
    original_interface: bool | None = None
    execution_mode: ArrayExecutionMode = ArrayExecutionMode.MINIMAL_STATE
    data_mode: ArrayDataMode = ArrayDataMode.SINGLE_INPUT_FILE
    run_all_elements: bool = False


NodeTarget: TypeAlias = TaskTarget | SubWorkflowTarget | LaunchPlanTarget | BranchTarget | GateTarget | ArrayTarget


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


def inner_nodes(node: Node) -> tuple[Node, ...]:
    """Return the nodes that a node holds: those of a branch's cases in order, or what an array repeats."""
    target = node.target
    match target:
        case BranchTarget(cases, otherwise):
            found = (*(case.then for case in cases), otherwise)
            return tuple(inner for inner in found if isinstance(inner, Node))
        case ArrayTarget(inner):
            return (inner,)
        case TaskTarget() | SubWorkflowTarget() | LaunchPlanTarget() | GateTarget():
            return ()
        case _:
            assert_never(target)


def nested_nodes(node: Node) -> Iterator[Node]:
    """Yield a node and all that it holds, at any depth."""
    yield node
    for inner in inner_nodes(node):
        yield from nested_nodes(inner)


# --- entities ---------------------------------------------------------------------------


class MetadataFormat(IntEnum):
    """How the document of all inputs of a plain container is written; as `DataLoadingConfig.LiteralMapFormat`."""

    JSON = 0
    YAML = 1
    PROTO = 2


class DownloadMode(IntEnum):
    """When inputs are copied in; as `IOStrategy.DownloadMode`."""

    EAGER = 0
    STREAM = 1
    NONE = 2


class UploadMode(IntEnum):
    """When outputs are copied out; as `IOStrategy.UploadMode`."""

    ON_EXIT = 0
    EAGER = 1
    NONE = 2


@dataclass(frozen=True, slots=True)
class DataFiles:
    """How a container that knows nothing of the platform gets inputs and gives outputs: as files below two folders.

    `download` and `upload` are None where the client says nothing of them: then it is `EAGER` and `ON_EXIT`.
    """

    input_path: str = ""
    output_path: str = ""
    format: MetadataFormat = MetadataFormat.JSON
    download: DownloadMode | None = None
    upload: UploadMode | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """How a task is started. `args` may hold Flyte's templates, such as `{{.input}}`.

    `data` is set for a program that reads and writes plain files in place of the task contract's documents.
    """

    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    resources: Resources = field(default_factory=Resources)
    env: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    data: DataFiles | None = None


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
    here computes on (a pod, a SQL statement), by field name, so that they are not lost. `code` are
    the digests of the functions and constants it is made of, by qualified name; empty if unknown.
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
    code: Mapping[str, str] = field(default_factory=dict)


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
    (labels, annotations, notifications, ...); empty when there is none.
    """

    id: Identifier
    workflow: Identifier
    inputs: Mapping[str, Parameter] = field(default_factory=dict)
    fixed: LiteralMap = field(default_factory=dict)
    span: SourceSpan | None = None
    options: bytes = b""
    schedule: Schedule | None = None


Entity: TypeAlias = TaskTemplate | WorkflowTemplate | LaunchPlanTemplate
