"""Entities as any client may send them, for specifications: short words for templates."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flytelike.model.condition import (
    Comparator,
    Comparison,
    Condition,
    InputOperand,
    Operand,
    PrimitiveOperand,
    ScalarOperand,
)
from flytelike.model.gate import Gate
from flytelike.model.graph import (
    ArrayTarget,
    Binding,
    BoundPromise,
    BoundScalar,
    BranchCase,
    BranchTarget,
    Container,
    GateTarget,
    LaunchPlanTarget,
    LaunchPlanTemplate,
    Node,
    NodeTarget,
    Promise,
    SubWorkflowTarget,
    TaskTarget,
    TaskTemplate,
    WorkflowTemplate,
)
from flytelike.model.ids import Identifier, NodeId, ResourceKind
from flytelike.model.interface import Parameter, TypedInterface, Variable
from flytelike.model.literals import ErrorValue, Literal, Primitive, Void
from flytelike.model.policies import ResourceName, Resources, TaskMetadata
from flytelike.model.types import BOOLEAN, ERROR, FLOAT, INTEGER, STRING, CollectionType, LiteralType

TYPES = {
    "int": INTEGER,
    "float": FLOAT,
    "str": STRING,
    "bool": BOOLEAN,
    "error": ERROR,
    "list[int]": LiteralType(CollectionType(INTEGER)),
}
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
    """A call; constants are given as they are, promises as `bound` makes them."""
    kind, name = target.split()
    found: NodeTarget = TARGETS[kind](identifier(kind, name))
    pairs = [*given, *named.items()]
    given_data = ((var, value.data if isinstance(value, Binding) else constant(value)) for var, value in pairs)
    return Node(
        NodeId(node),
        found,
        tuple(Binding(var, data) for var, data in given_data),
        tuple(NodeId(other) for other in after),
    )


def constant(value: Any) -> BoundScalar:
    return BoundScalar(Primitive(value))


def case(condition: Condition | None, then: Node | None) -> BranchCase:
    return BranchCase(condition, then)


def branch(node: str, *cases: BranchCase, given: Iterable[Binding] = (), otherwise: Node | str | None = None) -> Node:
    """A branch; `otherwise` is a node, or the message of a failure."""
    last = ErrorValue(node, otherwise) if isinstance(otherwise, str) else otherwise
    return Node(NodeId(node), BranchTarget(cases, last), tuple(given))


def operand(text: Any) -> Operand:
    """Read `n0.o0` or `.input` as a bound input, all else as a constant."""
    if isinstance(text, str) and "." in text:
        return InputOperand(text)
    return ScalarOperand(Void()) if text is None else PrimitiveOperand(Primitive(text))


def compared(left: Any, comparator: str, right: Any) -> Condition:
    """Read `compared("n0.o0", "less", 10)`."""
    return Comparison(Comparator[comparator.upper()], operand(left), operand(right))


def gate(node: str, waits_for: Gate | None, given: Iterable[Binding] = ()) -> Node:
    return Node(NodeId(node), GateTarget(waits_for), tuple(given))


def array(node: str, element: Node, given: Iterable[Binding] = (), **settings: Any) -> Node:
    """An array over a call whose interface is that of one element."""
    return Node(NodeId(node), ArrayTarget(element, original_interface=True, **settings), tuple(given))


def bound(var: str, source: str) -> Binding:
    """Bind to `node.output`, or to `.input` of the workflow."""
    node, _, name = source.partition(".")
    return Binding(var, BoundPromise(Promise(NodeId(node), name)))


def workflow(
    name: str,
    *nodes: Node,
    inputs: str = "",
    outputs: str = "",
    given: Iterable[Binding] = (),
    failing: Node | None = None,
) -> WorkflowTemplate:
    """A workflow; `failing` is the node that runs when it fails."""
    interface = TypedInterface(variables(inputs), variables(outputs))
    return WorkflowTemplate(identifier("workflow", name), interface, nodes, tuple(given), failure_node=failing)


def launch_plan(
    name: str, of: str, *, default: Mapping[str, object] | None = None, fixed: Mapping[str, object] | None = None
) -> LaunchPlanTemplate:
    inputs = {
        key: Parameter(Variable(STRING), Literal(Primitive(value)), required=False)
        for key, value in (default or {}).items()
    }
    literals = {key: Literal(Primitive(value)) for key, value in (fixed or {}).items()}
    return LaunchPlanTemplate(identifier("launch_plan", name), identifier("workflow", of), inputs, literals)
