"""Closures in few words, with values that flow: every task takes `x` and gives `o`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flytelike.model.closure import CompiledWorkflow, WorkflowClosure
from flytelike.model.graph import (
    ArrayTarget,
    Binding,
    BoundCollection,
    BoundPromise,
    BoundScalar,
    LaunchPlanTarget,
    Node,
    NodeTarget,
    Promise,
    SubWorkflowTarget,
    TaskTarget,
    TaskTemplate,
    WorkflowTemplate,
)
from flytelike.model.ids import END_NODE, START_NODE, Digest, ExecutionId, Identifier, NodeId, ResourceKind
from flytelike.model.interface import TypedInterface, Variable
from flytelike.model.launch import LaunchRequest
from flytelike.model.literals import Primitive
from flytelike.model.policies import FailurePolicy, NodeMetadata, TaskMetadata, WorkflowMetadata
from flytelike.model.types import INTEGER, CollectionType, LiteralType

INTS = LiteralType(CollectionType(INTEGER))


def named(kind: ResourceKind, name: str) -> Identifier:
    return Identifier(kind, "p", "d", name, "v1")


@dataclass(frozen=True)
class Step:
    """A node after others: its input `x` is the list of their outputs, or the number 1."""

    id: str
    after: tuple[str, ...] = ()
    workflow: str = ""
    launch_plan: str = ""
    retries: int = 0
    timeout_ns: int = 0
    each: ArrayTarget | None = None
    """How it is repeated for each item of `x`; its node is put in."""


def step(node_id: str, *after: str, **more: object) -> Step:
    return Step(node_id, after, **more)  # type: ignore[arg-type]


def repeated(**options: object) -> ArrayTarget:
    """Return how a step is repeated whose task takes one item of `x`."""
    nobody = Node(NodeId("nobody"), SubWorkflowTarget(named(ResourceKind.WORKFLOW, "nobody")))
    return ArrayTarget(nobody, **{"original_interface": True, **options})  # type: ignore[arg-type]


def chain(length: int) -> list[Step]:
    return [step(f"n{i}", *([f"n{i - 1}"] if i else [])) for i in range(length)]


def fan(width: int) -> list[Step]:
    return [step(f"n{i}") for i in range(width)]


def compiled(
    name: str, steps: Sequence[Step], policy: FailurePolicy = FailurePolicy.FAIL_IMMEDIATELY
) -> CompiledWorkflow:
    """Return a workflow whose output `o` is its last node's."""
    nodes = tuple(_node(item) for item in steps)
    outputs = (Binding("o", BoundPromise(Promise(NodeId(steps[-1].id), "o"))),) if steps else ()
    interface = TypedInterface({"i": Variable(INTEGER)}, {"o": Variable(INTEGER)} if steps else {})
    upstream = {NodeId(item.id): tuple(map(NodeId, item.after)) or (START_NODE,) for item in steps}
    downstream: dict[NodeId, tuple[NodeId, ...]] = {START_NODE: (), END_NODE: ()}
    for item in steps:
        below = tuple(NodeId(other.id) for other in steps if item.id in other.after)
        downstream[NodeId(item.id)] = below or (END_NODE,)
    template = WorkflowTemplate(named(ResourceKind.WORKFLOW, name), interface, nodes, outputs, WorkflowMetadata(policy))
    return CompiledWorkflow(template, upstream, downstream)


def closure(
    steps: Sequence[Step],
    inner: Mapping[str, Sequence[Step]] | None = None,
    policy: FailurePolicy = FailurePolicy.FAIL_IMMEDIATELY,
) -> WorkflowClosure:
    subs = {named(ResourceKind.WORKFLOW, name): compiled(name, of) for name, of in (inner or {}).items()}
    every = [*steps, *(item for of in (inner or {}).values() for item in of)]
    tasks = {_task_id(item): _task(item) for item in every if not item.workflow and not item.launch_plan}
    plans = {
        named(ResourceKind.LAUNCH_PLAN, item.launch_plan): TypedInterface(
            {"x": Variable(INTS)}, {"o": Variable(INTEGER)}
        )
        for item in every
        if item.launch_plan
    }
    return WorkflowClosure(compiled("main", steps, policy), subs, tasks, plans)


def request(name: str = "e1", **more: object) -> LaunchRequest:
    lp, wf = named(ResourceKind.LAUNCH_PLAN, "main"), named(ResourceKind.WORKFLOW, "main")
    return LaunchRequest(
        ExecutionId("p", "d", name),
        lp,
        wf,
        "mem://closure",
        Digest("sha256:0"),
        "",
        **more,  # type: ignore[arg-type]
    )


def _node(item: Step) -> Node:
    target: NodeTarget = TaskTarget(_task_id(item))
    if item.workflow:
        target = SubWorkflowTarget(named(ResourceKind.WORKFLOW, item.workflow))
    elif item.launch_plan:
        target = LaunchPlanTarget(named(ResourceKind.LAUNCH_PLAN, item.launch_plan))
    taken = "i" if item.workflow else "x"
    if item.workflow and item.each is None:
        data = Binding("i", BoundScalar(Primitive(1)))
    elif item.after:
        data = Binding(taken, BoundCollection(tuple(BoundPromise(Promise(NodeId(a), "o")) for a in item.after)))
    else:
        data = Binding(taken, BoundCollection((BoundScalar(Primitive(1)),)))
    metadata = NodeMetadata(retries=item.retries, timeout_ns=item.timeout_ns)
    if item.each is not None:
        inner = Node(NodeId(f"{item.id}-n0"), target, (data,), metadata=metadata)
        return Node(NodeId(item.id), replace(item.each, node=inner), (data,))
    return Node(NodeId(item.id), target, (data,), metadata=metadata)


def _task_id(item: Step) -> Identifier:
    return named(ResourceKind.TASK, f"t-{item.id}")


def _task(item: Step) -> TaskTemplate:
    taken = INTEGER if item.each and item.each.original_interface else INTS
    interface = TypedInterface({"x": Variable(taken)}, {"o": Variable(INTEGER)})
    return TaskTemplate(_task_id(item), "python-task", TaskMetadata(), interface)
