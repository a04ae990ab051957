"""Small graphs in few words, and a run that tells what follows from events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flytelike.model.closure import CompiledWorkflow, WorkflowClosure
from flytelike.model.failure import Failure, Fault
from flytelike.model.gate import Approval, Sleep
from flytelike.model.graph import (
    ArrayTarget,
    Binding,
    BoundPromise,
    BranchCase,
    BranchTarget,
    GateTarget,
    LaunchPlanTarget,
    MinSuccesses,
    MinSuccessRatio,
    Node,
    NodeTarget,
    Promise,
    SubWorkflowTarget,
    TaskTarget,
    TaskTemplate,
    WorkflowTemplate,
)
from flytelike.model.ids import (
    END_NODE,
    ROOT,
    START_NODE,
    WORKFLOW_INPUTS,
    Digest,
    Identifier,
    NodeId,
    NodePath,
    ResourceKind,
)
from flytelike.model.interface import TypedInterface, Variable
from flytelike.model.phases import WorkflowPhase
from flytelike.model.policies import Backoff, CachePolicy, FailurePolicy, NodeMetadata, TaskMetadata, WorkflowMetadata
from flytelike.model.types import INTEGER
from propeller.core import events
from propeller.core.commands import Command
from propeller.core.decision import Decision
from propeller.core.elements import spans_of
from propeller.core.evaluate import evaluate
from propeller.core.header import Limits
from propeller.core.invariants import check
from propeller.core.plan import Plan
from propeller.core.resume import outstanding
from propeller.core.reuse import Reuse
from propeller.core.state import ExecutionState
from tests.unit.propeller_core.story import tell_record

S = 1_000_000_000
"""A second, in nanoseconds."""

GOES_ON = FailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE


def named(kind: ResourceKind, name: str) -> Identifier:
    return Identifier(kind, "flights", "development", name, "v1")


# --- graphs -----------------------------------------------------------------------------


@dataclass(frozen=True)
class NodeSketch:
    """A node: its predecessors, and either a task's policies or the name of what it runs.

    `cases` are the nodes that a branch chooses from, `branch` tells which branch a node is a case of. A gate
    waits for `signal`, or for `sleep_ns`. `gives` is the graph that a dynamic task gives at run time.
    """

    id: str
    after: tuple[str, ...] = ()
    workflow: str = ""
    launch_plan: str = ""
    gives: str = ""
    task: TaskMetadata = field(default_factory=TaskMetadata)
    metadata: NodeMetadata = field(default_factory=NodeMetadata)
    array: "ArraySketch | None" = None
    cases: tuple[str, ...] = ()
    branch: str = ""
    signal: str = ""
    sleep_ns: int | None = None

    @property
    def is_task(self) -> bool:
        return not (self.workflow or self.launch_plan or self.cases or self.is_gate)

    @property
    def is_gate(self) -> bool:
        return bool(self.signal) or self.sleep_ns is not None


def task(
    node_id: str,
    *after: str,
    retries: int = 0,
    backoff: Backoff | None = None,
    timeout_ns: int = 0,
    queued_timeout_ns: int = 0,
    interruptible: bool | None = None,
    **own: int,
) -> NodeSketch:
    """A task node; `own_retries=` and `own_timeout_ns=` are set on the node, the rest on its task.

    `cached=1` and `serialize=1` say that its results are kept, and equal work is done once.
    """
    metadata = NodeMetadata(retries=own.get("own_retries"), timeout_ns=own.get("own_timeout_ns"))
    serialize = bool(own.get("serialize"))
    cache = CachePolicy(enabled=serialize or bool(own.get("cached")), version="1", serializable=serialize)
    of_task = TaskMetadata(
        retries=retries,
        backoff=backoff,
        timeout_ns=timeout_ns,
        interruptible=interruptible,
        queued_timeout_ns=queued_timeout_ns,
        cache=cache,
    )
    return NodeSketch(node_id, after, task=of_task, metadata=metadata)


def dynamic(node_id: str, gives: str, *after: str, retries: int = 0, timeout_ns: int = 0) -> NodeSketch:
    """A node whose task gives a graph."""
    return NodeSketch(node_id, after, gives=gives, task=TaskMetadata(retries=retries, timeout_ns=timeout_ns))


def sub(node_id: str, workflow: str, *after: str, retries: int = 0, timeout_ns: int = 0) -> NodeSketch:
    """A node that holds a workflow."""
    metadata = NodeMetadata(retries=retries, timeout_ns=timeout_ns)
    return NodeSketch(node_id, after, workflow=workflow, metadata=metadata)


def child(node_id: str, launch_plan: str, *after: str, retries: int = 0, timeout_ns: int = 0) -> NodeSketch:
    """A node that is an execution of its own."""
    metadata = NodeMetadata(retries=retries, timeout_ns=timeout_ns)
    return NodeSketch(node_id, after, launch_plan=launch_plan, metadata=metadata)


def branch(node_id: str, *cases: NodeSketch, after: Sequence[str] = ()) -> tuple[NodeSketch, ...]:
    """A branch and the nodes it chooses from."""
    mine = [case for case in cases if not case.branch]
    inside = [replace(case, branch=node_id) if not case.branch else case for case in cases]
    return (NodeSketch(node_id, tuple(after), cases=tuple(case.id for case in mine)), *inside)


def gate(node_id: str, *after: str, timeout_ns: int = 0, sleep_ns: int | None = None) -> NodeSketch:
    """A gate that waits for a signal, or sleeps."""
    signal = "" if sleep_ns is not None else f"signal-{node_id}"
    return NodeSketch(node_id, after, metadata=NodeMetadata(timeout_ns=timeout_ns), signal=signal, sleep_ns=sleep_ns)


@dataclass(frozen=True)
class ArraySketch:
    """How a node is repeated: `length` is what its inputs will turn out to be."""

    length: int = 3
    window: int | None = None
    success: MinSuccesses | MinSuccessRatio | None = None
    run_all: bool = False
    timeout_ns: int = 0


def each(
    node: NodeSketch,
    length: int = 3,
    window: int | None = None,
    success: MinSuccesses | MinSuccessRatio | None = None,
    *,
    run_all: bool = False,
    timeout_ns: int = 0,
) -> NodeSketch:
    """A node repeated for each element of a list."""
    return replace(node, array=ArraySketch(length, window, success, run_all, timeout_ns))


@dataclass(frozen=True)
class GraphSketch:
    """A workflow by name; `nodes` are those inside branches too, `cleanup` is its failure node."""

    name: str
    nodes: tuple[NodeSketch, ...]
    policy: FailurePolicy = FailurePolicy.FAIL_IMMEDIATELY
    outputs: bool = True
    interruptible: bool = False
    cleanup: NodeSketch | None = None

    @property
    def tops(self) -> list[NodeSketch]:
        """The nodes that are not inside of branches."""
        return [node for node in self.nodes if not node.branch]

    @property
    def every(self) -> tuple[NodeSketch, ...]:
        """All nodes, and the failure node."""
        return self.nodes if self.cleanup is None else (*self.nodes, self.cleanup)


def graph(
    *nodes: NodeSketch,
    name: str = "main",
    policy: FailurePolicy = FailurePolicy.FAIL_IMMEDIATELY,
    outputs: bool = True,
    interruptible: bool = False,
    cleanup: NodeSketch | None = None,
) -> GraphSketch:
    return GraphSketch(name, nodes, policy, outputs, interruptible, cleanup)


def closure_of(primary: GraphSketch, *inner: GraphSketch) -> WorkflowClosure:
    """Build what the compiler would give for the sketches."""
    workflows = {named(ResourceKind.WORKFLOW, sketch.name): _compiled(sketch) for sketch in inner}
    tasks = [
        TaskTemplate(_task_id(sketch, node), "python-task", node.task, TypedInterface({}, {"o": Variable(INTEGER)}))
        for sketch in (primary, *inner)
        for node in sketch.every
        if node.is_task
    ]
    return WorkflowClosure(_compiled(primary), workflows, {template.id: template for template in tasks})


def plan_of(primary: GraphSketch, *inner: GraphSketch) -> Plan:
    return Plan.of(closure_of(primary, *inner))


def _task_id(sketch: GraphSketch, node: NodeSketch) -> Identifier:
    return named(ResourceKind.TASK, f"{sketch.name}.{node.id}")


def _compiled(sketch: GraphSketch) -> CompiledWorkflow:
    output = Binding("o", BoundPromise(Promise(WORKFLOW_INPUTS, "i")))
    template = WorkflowTemplate(
        named(ResourceKind.WORKFLOW, sketch.name),
        TypedInterface(),
        tuple(_node(sketch, n) for n in sketch.tops),
        (output,) if sketch.outputs else (),
        WorkflowMetadata(sketch.policy, sketch.interruptible),
        None if sketch.cleanup is None else _node(sketch, sketch.cleanup),
    )
    above: dict[NodeId, tuple[NodeId, ...]] = {START_NODE: (), END_NODE: ()}
    below: dict[NodeId, list[NodeId]] = {START_NODE: [], END_NODE: []}
    for n in sketch.tops:
        above[NodeId(n.id)] = tuple(sorted(NodeId(other) for other in n.after)) or (START_NODE,)
        below.setdefault(NodeId(n.id), [])
        for other in above[NodeId(n.id)]:
            below.setdefault(other, []).append(NodeId(n.id))
    ends = sorted(node for node, others in below.items() if not others and node != END_NODE)
    for node in ends:
        below[node].append(END_NODE)
    above[END_NODE] = tuple(ends)
    for n in sketch.every:
        if n.branch or n is sketch.cleanup:
            above[NodeId(n.id)] = tuple(sorted(NodeId(other) for other in n.after)) or (START_NODE,)
    return CompiledWorkflow(template, above, {node: tuple(sorted(others)) for node, others in below.items()})


def _node(sketch: GraphSketch, node: NodeSketch) -> Node:
    inner = Node(NodeId(node.id), _target(sketch, node), metadata=node.metadata)
    array = node.array
    if array is None:
        return inner
    target = ArrayTarget(inner, array.window, array.success, run_all_elements=array.run_all)
    return Node(NodeId(node.id), target, metadata=NodeMetadata(timeout_ns=array.timeout_ns))


def _target(sketch: GraphSketch, node: NodeSketch) -> NodeTarget:
    if node.cases:
        inside = [next(n for n in sketch.nodes if n.id == case) for case in node.cases]
        return BranchTarget(tuple(BranchCase(None, _node(sketch, case)) for case in inside))
    if node.sleep_ns is not None:
        return GateTarget(Sleep(node.sleep_ns))
    if node.signal:
        return GateTarget(Approval(node.signal))
    if node.workflow:
        return SubWorkflowTarget(named(ResourceKind.WORKFLOW, node.workflow))
    if node.launch_plan:
        return LaunchPlanTarget(named(ResourceKind.LAUNCH_PLAN, node.launch_plan))
    return TaskTarget(_task_id(sketch, node))


# --- events -----------------------------------------------------------------------------

BUG = Failure("USER:ValueError", "bad value", Fault.USER, retryable=False)
FLAKE = Failure("USER:Flaky", "try again", Fault.USER, retryable=True)
LOST = Failure("Interrupted", "the machine went away", Fault.SYSTEM, retryable=True)


def begin(at: int = 0) -> events.ExecutionStarted:
    return events.ExecutionStarted(at)


def runs(path: str, attempt: int = 0, at: int = 0) -> events.AttemptRunning:
    return events.AttemptRunning(NodePath(path), attempt, at)


def waits(path: str, what: str = "room", attempt: int = 0, at: int = 0) -> events.AttemptWaits:
    """Return the news that an attempt waits for something; with nothing, that it does not any more."""
    return events.AttemptWaits(NodePath(path), attempt, at, what)


def ok(path: str, attempt: int = 0, at: int = 0) -> events.AttemptSucceeded:
    return events.AttemptSucceeded(NodePath(path), attempt, at)


def gave(path: str, graph: str, attempt: int = 0, at: int = 0) -> events.AttemptExpanded:
    return events.AttemptExpanded(NodePath(path), attempt, at, Digest(graph))


def err(path: str, failure: Failure = BUG, attempt: int = 0, at: int = 0) -> events.AttemptFailed:
    return events.AttemptFailed(NodePath(path), attempt, at, failure)


def child_ended(
    path: str,
    phase: WorkflowPhase = WorkflowPhase.SUCCEEDED,
    failure: Failure | None = None,
    attempt: int = 0,
    at: int = 0,
) -> events.ChildEnded:
    return events.ChildEnded(NodePath(path), attempt, at, phase, failure)


def collected(path: str = ROOT, attempt: int = 0, at: int = 0) -> events.OutputsCollected:
    return events.OutputsCollected(NodePath(path), attempt, at)


def uncollectable(path: str = ROOT, failure: Failure = BUG, attempt: int = 0) -> events.OutputsFailed:
    return events.OutputsFailed(NodePath(path), attempt, 0, failure)


def taken(path: str, note: str = "") -> events.TakenOver:
    return events.TakenOver(NodePath(path), 0, note)


def kept(path: str, graph: str, at: int = 0) -> events.GraphTaken:
    return events.GraphTaken(NodePath(path), at, Digest(graph), "its graph is that of e1")


def untaken(path: str, why: str = "gone") -> events.NothingTaken:
    return events.NothingTaken(NodePath(path), 0, why)


def chosen(path: str, case: str, attempt: int = 0, at: int = 0) -> events.BranchDecided:
    return events.BranchDecided(NodePath(path), attempt, at, NodeId(case))


def undecided(path: str, failure: Failure = BUG, attempt: int = 0, at: int = 0) -> events.BranchUndecided:
    return events.BranchUndecided(NodePath(path), attempt, at, failure)


def passed(path: str, attempt: int = 0, at: int = 0) -> events.GatePassed:
    return events.GatePassed(NodePath(path), attempt, at)


def refused(path: str, failure: Failure = BUG, attempt: int = 0, at: int = 0) -> events.GateRefused:
    return events.GateRefused(NodePath(path), attempt, at, failure)


def timer(path: str, stamp: str, at: int = 0) -> events.TimerFired:
    return events.TimerFired(NodePath(path), stamp, at)


def abort(cause: str = "no longer needed", at: int = 0) -> events.AbortRequested:
    return events.AbortRequested(at, cause, "ada")


def opened(path: str, length: int, attempt: int = 0, at: int = 0) -> events.ArrayOpened:
    return events.ArrayOpened(NodePath(path), attempt, at, length)


def unopened(path: str, failure: Failure = BUG, attempt: int = 0) -> events.ArrayRefused:
    return events.ArrayRefused(NodePath(path), attempt, 0, failure)


def done(path: str, *elements: int | tuple[int, int], at: int = 0) -> events.ElementsEnded:
    """Elements succeeded: by index, or index and attempt."""
    pairs = sorted((one, 0) if isinstance(one, int) else one for one in elements)
    return events.ElementsEnded(NodePath(path), 0, at, spans_of(pairs))


def broke(path: str, element: int, failure: Failure = BUG, attempt: int = 0, at: int = 0) -> events.ElementsEnded:
    """An attempt of an element failed."""
    return events.ElementsEnded(NodePath(path), 0, at, (), (events.ElementFailed(element, attempt, failure),))


# --- runs -------------------------------------------------------------------------------


class Run:
    """An execution of a plan, step by step; each step is checked in every way known."""

    def __init__(self, plan: Plan, limits: Limits | None = None, reuse: Mapping[str, Reuse] | None = None) -> None:
        self.plan = plan
        self.reuse = {NodePath(path): what for path, what in (reuse or {}).items()}
        self.state = ExecutionState.new(plan, limits, self.reuse)
        self.decision = Decision(self.state.header)

    def on(self, *batch: events.Event) -> list[str]:
        """Take events in and return the ids of the commands that follow."""
        before = (self.state.header, dict(self.state.nodes), dict(self.state.chunks))
        state = self.state
        reloaded = ExecutionState(self.plan, state.header, state.nodes, self.reuse, state.graphs, state.chunks)
        decision = evaluate(self.plan, self.state, batch)
        now = (self.state.header, dict(self.state.nodes), dict(self.state.chunks))
        assert now == before, "evaluate changed the state"
        assert evaluate(self.plan, reloaded, batch) == decision, "a reloaded state gives another decision"
        self.state.apply(decision)
        check(self.plan, self.state)
        assert evaluate(self.plan, self.state, batch).changes_nothing, "the same events again change something"
        self.decision = decision
        return [command.id for command in decision.commands]

    @property
    def commands(self) -> Sequence[Command]:
        """The commands of the last step, in full."""
        return self.decision.commands

    @property
    def told(self) -> list[str]:
        """The records of the last step, in words."""
        return [tell_record(record) for record in self.decision.records]

    @property
    def phase(self) -> str:
        return self.state.header.phase.name

    def waits_for(self) -> list[str]:
        """The commands that a restart would give again."""
        return [command.id for command in outstanding(self.plan, self.state)]

    def states(self) -> dict[str, str]:
        """The name of each node's state."""
        return {path: type(node).__name__ for path, node in self.state.nodes.items()}


def run_of(primary: GraphSketch, *inner: GraphSketch, limits: Limits | None = None) -> Run:
    """A run that has begun at time 0."""
    run = Run(plan_of(primary, *inner), limits)
    run.on(begin())
    return run
