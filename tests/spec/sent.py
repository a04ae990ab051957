"""Entities as any client may send them, for specifications: short words for templates."""

from collections.abc import Iterable, Mapping, Sequence

from flytelike.model.graph import (
    Binding,
    BoundPromise,
    BoundScalar,
    Container,
    LaunchPlanTarget,
    LaunchPlanTemplate,
    Node,
    NodeTarget,
    Promise,
    SubWorkflowTarget,
    TaskTarget,
    TaskTemplate,
    UnsupportedTarget,
    WorkflowTemplate,
)
from flytelike.model.ids import Identifier, NodeId, ResourceKind
from flytelike.model.interface import Parameter, TypedInterface, Variable
from flytelike.model.literals import Literal, Primitive
from flytelike.model.policies import ResourceName, Resources, TaskMetadata
from flytelike.model.types import FLOAT, INTEGER, STRING

TYPES = {"int": INTEGER, "float": FLOAT, "str": STRING}
TARGETS: Mapping[str, type[TaskTarget | SubWorkflowTarget | LaunchPlanTarget]] = {
    "task": TaskTarget,
    "workflow": SubWorkflowTarget,
    "launch_plan": LaunchPlanTarget,
}


def identifier(kind: str, name: str) -> Identifier:
    return Identifier(ResourceKind[kind.upper()], "flights", "development", name, "v1")


def variables(text: str) -> dict[str, Variable]:
    """Read `path: str, rows: int`."""
    pairs = [part.split(": ") for part in text.split(", ") if part]
    return {name: Variable(TYPES[kind]) for name, kind in pairs}


def task(
    name: str,
    inputs: str,
    outputs: str = "",
    *,
    image: str = "python",
    args: Sequence[str] = ("run",),
    requests: str = "",
) -> TaskTemplate:
    resources = Resources({ResourceName.CPU: requests} if requests else {})
    return TaskTemplate(
        identifier("task", name),
        "python-task",
        TaskMetadata(),
        TypedInterface(variables(inputs), variables(outputs)),
        Container(image=image, args=tuple(args), resources=resources),
    )


def call(node: str, target: str, *given: tuple[str, object], after: Iterable[str] = (), **named: object) -> Node:
    kind, name = target.split()
    found: NodeTarget = TARGETS[kind](identifier(kind, name))
    return Node(
        NodeId(node),
        found,
        tuple(Binding(var, BoundScalar(Primitive(value))) for var, value in [*given, *named.items()]),
        tuple(NodeId(other) for other in after),
    )


def branch(node: str) -> Node:
    return Node(NodeId(node), UnsupportedTarget("branch"))


def bound(var: str, source: str) -> Binding:
    """Bind to `node.output`, or to `.input` of the workflow."""
    node, _, name = source.partition(".")
    return Binding(var, BoundPromise(Promise(NodeId(node), name)))


def workflow(
    name: str, *nodes: Node, inputs: str = "", outputs: str = "", given: Iterable[Binding] = ()
) -> WorkflowTemplate:
    interface = TypedInterface(variables(inputs), variables(outputs))
    return WorkflowTemplate(identifier("workflow", name), interface, nodes, tuple(given))


def launch_plan(
    name: str, of: str, *, default: Mapping[str, object] | None = None, fixed: Mapping[str, object] | None = None
) -> LaunchPlanTemplate:
    inputs = {
        key: Parameter(Variable(STRING), Literal(Primitive(value)), required=False)
        for key, value in (default or {}).items()
    }
    literals = {key: Literal(Primitive(value)) for key, value in (fixed or {}).items()}
    return LaunchPlanTemplate(identifier("launch_plan", name), identifier("workflow", of), inputs, literals)
