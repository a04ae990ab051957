"""Workflows with branches, gates and failure nodes; linked by the compiler itself."""

from collections.abc import Sequence

from flytelike.compiler.graph import linked
from flytelike.compiler.nesting import all_nodes, renamed
from flytelike.model.closure import CompiledWorkflow, WorkflowClosure
from flytelike.model.condition import Comparator, Comparison, Condition, InputOperand, PrimitiveOperand
from flytelike.model.gate import Approval, Gate, Signal, Sleep
from flytelike.model.graph import (
    Binding,
    BindingData,
    BoundCollection,
    BoundPromise,
    BoundScalar,
    BranchCase,
    BranchTarget,
    GateTarget,
    LaunchPlanTarget,
    Node,
    Promise,
    SubWorkflowTarget,
    TaskTarget,
    TaskTemplate,
    WorkflowTemplate,
)
from flytelike.model.ids import WORKFLOW_INPUTS, NodeId, ResourceKind
from flytelike.model.interface import TypedInterface, Variable
from flytelike.model.literals import ErrorValue, Primitive
from flytelike.model.policies import FailurePolicy, NodeMetadata, TaskMetadata, WorkflowMetadata
from flytelike.model.types import INTEGER, NONE, LiteralType, SimpleKind, SimpleType, UnionType
from tests.unit.propeller_engine.builders import INTS, named

ERROR = LiteralType(UnionType((LiteralType(SimpleType(SimpleKind.ERROR)), NONE)))
"""What a failure node's error is declared as: it may be left out."""


def of(node: str, var: str = "o") -> BindingData:
    return BoundPromise(Promise(NodeId(node), var))


GIVEN = BoundPromise(Promise(WORKFLOW_INPUTS, "i"))
"""The workflow's own input, an int."""


def task(node_id: str, *values: BindingData, after: Sequence[str] = (), name: str = "", retries: int = 0) -> Node:
    """A task that takes the list `x` and gives `o`: its sum and one more."""
    bound = Binding("x", BoundCollection(values))
    target = TaskTarget(named(ResourceKind.TASK, name or f"t-{node_id}"))
    return Node(
        NodeId(node_id), target, (bound,), tuple(map(NodeId, after)), NodeMetadata(name=node_id, retries=retries)
    )


def sub(node_id: str, workflow: str, value: BindingData) -> Node:
    target = SubWorkflowTarget(named(ResourceKind.WORKFLOW, workflow))
    return Node(NodeId(node_id), target, (Binding("i", value),))


def launched(node_id: str, launch_plan: str, *values: BindingData) -> Node:
    target = LaunchPlanTarget(named(ResourceKind.LAUNCH_PLAN, launch_plan))
    return Node(NodeId(node_id), target, (Binding("x", BoundCollection(values)),))


def when(comparator: Comparator, constant: float, var: str = "v") -> Condition:
    return Comparison(comparator, InputOperand(var), PrimitiveOperand(Primitive(constant)))


MORE = Comparator.GREATER


def branch(
    node_id: str,
    value: BindingData,
    *cases: tuple[Condition, Node],
    otherwise: Node | str | None = None,
    after: Sequence[str] = (),
) -> Node:
    """A branch whose conditions compare `v`; a text is the message it fails with when none holds."""
    default = ErrorValue(node_id, otherwise) if isinstance(otherwise, str) else otherwise
    target = BranchTarget(tuple(BranchCase(condition, then) for condition, then in cases), default)
    return Node(NodeId(node_id), target, (Binding("v", value),), tuple(map(NodeId, after)), NodeMetadata(name=node_id))


def gate(
    node_id: str,
    what: Gate,
    *values: tuple[str, BindingData],
    after: Sequence[str] = (),
    timeout_ns: int = 0,
) -> Node:
    metadata = NodeMetadata(name=node_id, timeout_ns=timeout_ns)
    bound = tuple(Binding(var, data) for var, data in values)
    return Node(NodeId(node_id), GateTarget(what), bound, tuple(map(NodeId, after)), metadata)


def approve(node_id: str, value: BindingData, timeout_ns: int = 0) -> Node:
    return gate(node_id, Approval(f"ok-{node_id}"), ("o", value), timeout_ns=timeout_ns)


def signal(node_id: str, timeout_ns: int = 0, after: Sequence[str] = ()) -> Node:
    return gate(node_id, Signal(f"given-{node_id}", INTEGER, "o"), timeout_ns=timeout_ns, after=after)


def sleep(node_id: str, duration_ns: int, after: Sequence[str] = ()) -> Node:
    return gate(node_id, Sleep(duration_ns), after=after)


def handler(node_id: str = "fn0", value: BindingData | None = None) -> Node:
    """A task that takes `x`, and the error."""
    return Node(NodeId(node_id), TaskTarget(named(ResourceKind.TASK, "cleanup")), (Binding("x", value or constant(1)),))


def workflow(
    *nodes: Node,
    name: str = "main",
    output: BindingData | None = None,
    failure_node: Node | None = None,
    policy: FailurePolicy = FailurePolicy.FAIL_IMMEDIATELY,
) -> CompiledWorkflow:
    """A workflow that takes `i` and gives `o`, if an output is bound."""
    template = renamed(
        WorkflowTemplate(
            named(ResourceKind.WORKFLOW, name),
            TypedInterface({"i": Variable(INTEGER)}, {"o": Variable(INTEGER)} if output else {}),
            nodes,
            (Binding("o", output),) if output else (),
            WorkflowMetadata(policy),
            failure_node,
        )
    )
    edges = linked(template)
    assert not edges.faults
    return CompiledWorkflow(template, edges.upstream, edges.downstream)


def closure(primary: CompiledWorkflow, *inner: CompiledWorkflow) -> WorkflowClosure:
    """Join workflows with the tasks that they name."""
    nodes = [node for one in (primary, *inner) for node in all_nodes(one.template)]
    tasks = {node.target.task: _template(node.target) for node in nodes if isinstance(node.target, TaskTarget)}
    plans = {
        node.target.launch_plan: TypedInterface({"x": Variable(INTS)}, {"o": Variable(INTEGER)})
        for node in nodes
        if isinstance(node.target, LaunchPlanTarget)
    }
    return WorkflowClosure(primary, {one.template.id: one for one in inner}, tasks, plans)


def constant(value: int) -> BindingData:
    return BoundScalar(Primitive(value))


def _template(target: TaskTarget) -> TaskTemplate:
    interface = TypedInterface({"x": Variable(INTS)}, {"o": Variable(INTEGER)})
    if target.task.name == "cleanup":
        interface = TypedInterface({"x": Variable(INTEGER), "err": Variable(ERROR)})
    return TaskTemplate(target.task, "python-task", TaskMetadata(), interface)
