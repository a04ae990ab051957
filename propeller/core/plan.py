"""What is executed, as the core looks at it: graphs with policies, nothing about values.

A plan is made once per closure and shared by all executions of it. It is never changed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias, assert_never

from typing_extensions import override

from flytelike.model.closure import CompiledWorkflow, WorkflowClosure
from flytelike.model.gate import Approval, Signal, Sleep
from flytelike.model.graph import (
    ArrayTarget,
    BranchTarget,
    GateTarget,
    LaunchPlanTarget,
    MinSuccesses,
    MinSuccessRatio,
    Node,
    SubWorkflowTarget,
    TaskTarget,
    TaskTemplate,
    WorkflowTemplate,
    inner_nodes,
)
from flytelike.model.ids import END_NODE, ROOT, START_NODE, Identifier, NodeId, NodePath
from flytelike.model.policies import Backoff, FailurePolicy, NodeMetadata, cache_policy
from flytelike.model.priority import bounded

DEFAULT_SYSTEM_RETRIES = 3
"""How often an attempt that the platform lost is repeated (Flyte's `max-node-retries-system-failures`)."""


PLACES_KEPT = 20_000
"""How many places by path are remembered: those that one batch of events is about, and more."""

TASKS_OPEN_MAX = 4096
"""How many elements of one array are handed to the executor at once, whatever concurrency is asked for: enough to
keep every worker busy with batches, few enough to be in memory."""

NODES_OPEN_MAX = 256
"""The same for elements that are sub-workflows, executions or arrays: each has states of its own while it is open."""


class UnsupportedPlan(ValueError):
    """The closure holds something that cannot be executed; the message names it."""


@dataclass(frozen=True, slots=True)
class TaskWork:
    """The node runs a task, attempt by attempt.

    `cached` when equal work need not be done again, `serialize` when it is not done twice at the same time.
    """

    task: Identifier
    cached: bool
    serialize: bool


@dataclass(frozen=True, slots=True)
class SubWorkflowWork:
    """The node holds the nodes of another workflow, in a scope of its own."""

    workflow: Identifier


@dataclass(frozen=True, slots=True)
class LaunchPlanWork:
    """The node is an execution of its own."""

    launch_plan: Identifier


@dataclass(frozen=True, slots=True)
class ArrayWork:
    """The node repeats another one for each element of its inputs.

    `elements` is the scope of an attempt: a graph that has the same node under each index. At most `window` elements
    are open at once. `success` tells how many must succeed, None that all must. With `run_all` the array goes on
    though it cannot succeed any more. `priority` is what the node that is repeated asks for; all elements go with it.
    """

    elements: "WorkflowPlan"
    window: int
    success: MinSuccesses | MinSuccessRatio | None
    run_all: bool
    has_outputs: bool
    priority: int

    @property
    def element(self) -> "NodePlan":
        """The node that is repeated."""
        return self.elements.nodes[NodeId("0")]

    def needed(self, length: int) -> int:
        """Return how many elements of an array of that length must succeed."""
        match self.success:
            case None:
                return length
            case MinSuccesses(count=count):
                return count
            case MinSuccessRatio() as success:
                return success.needed(length)
            case unreachable:
                assert_never(unreachable)


@dataclass(frozen=True, slots=True)
class BranchWork:
    """The node runs one of `cases`, nodes in its own scope: those of the conditions in order, then the default."""

    cases: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class SignalWork:
    """The node waits for a signal: an approval, or a value."""

    signal: str
    approval: bool


@dataclass(frozen=True, slots=True)
class SleepWork:
    """The node waits for a time."""

    duration_ns: int


Work: TypeAlias = TaskWork | SubWorkflowWork | LaunchPlanWork | BranchWork | SignalWork | SleepWork | ArrayWork


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A node with its neighbours and policies.

    `upstream` and `downstream` leave out the start and end nodes. `branch` is the branch that the
    node is a case of. `aside` tells that it is the failure node or a case inside of it: it is no
    part of what the workflow waits for. `retries` is how often a
    failure of the user's making is retried, `system_retries` one of the platform's (tasks
    only). `timeout_ns` limits one attempt; 0 is none. `interruptible` is None where the
    execution decides. `backoff` says how long retries of the user's failures wait, and
    `queued_timeout_ns` limits how long an attempt waits until it runs (tasks only). `priority` is what
    the node adds to the priority of what lies around it.
    """

    id: NodeId
    work: Work
    upstream: tuple[NodeId, ...]
    downstream: tuple[NodeId, ...]
    retries: int
    system_retries: int
    timeout_ns: int
    interruptible: bool | None
    name: str
    branch: NodeId | None
    aside: bool
    backoff: Backoff | None
    queued_timeout_ns: int
    priority: int


@dataclass(frozen=True, slots=True)
class WorkflowPlan:
    """A graph. `roots` are the nodes that wait for no other, in the author's order.

    `of_elements` tells that it is the scope of an array.
    `nodes` holds those inside branches and the failure node too; `size` counts what must end for
    the workflow to end, which the failure node (`cleanup`) is no part of.
    """

    id: Identifier
    nodes: Mapping[NodeId, NodePlan]
    roots: tuple[NodeId, ...]
    size: int
    cleanup: NodeId | None = None
    on_failure: FailurePolicy = FailurePolicy.FAIL_IMMEDIATELY
    has_outputs: bool = False
    interruptible: bool = False
    of_elements: bool = False


class EveryIndex(Mapping[NodeId, NodePlan]):
    """The nodes of an array's scope: one and the same for each index."""

    def __init__(self, element: NodePlan) -> None:
        """Repeat a node."""
        self._element = element

    @override
    def __getitem__(self, index: NodeId) -> NodePlan:
        """Return the node. Raises `KeyError` for what is no index."""
        if not index.isdecimal():
            raise KeyError(index)
        return self._element

    @override
    def __iter__(self) -> Iterator[NodeId]:
        """Yield nothing: how many there are is not known here."""
        return iter(())

    @override
    def __len__(self) -> int:
        """Return 0: how many there are is not known here."""
        return 0


class Place(NamedTuple):
    """Where a path lies: the scope around it, the scope's workflow, and the node."""

    path: NodePath
    scope: NodePath
    workflow: WorkflowPlan
    node: NodePlan

    @property
    def parent(self) -> NodePath:
        """The path of the node that this one lies in: a sub-workflow node or a branch; `ROOT` for none."""
        return parent_of(self.scope) if self.node.branch is None else path_in(self.scope, self.node.branch)

    def beside(self, node: NodeId) -> "Place":
        """Return the place of another node of the same scope."""
        return place_in(self.scope, self.workflow, node)


class Grafts(dict[NodePath, "Plan"]):
    """Graphs by scope. `ranked` tells that some node of one has a priority."""

    ranked = False

    @override
    def __setitem__(self, scope: NodePath, graph: "Plan") -> None:
        super().__setitem__(scope, graph)
        self.ranked = self.ranked or graph.ranked


@dataclass(frozen=True, slots=True)
class Plan:
    """A workflow and the sub-workflows that run inside its executions.

    `grafts` are the graphs that dynamic nodes of one execution gave, by the scope that each opens:
    the shell puts one there before it gives the event that opens the scope. A plan that executions
    share has none; each takes a `copy` to graft on. `prioritised` tells that some node has a priority.
    """

    primary: WorkflowPlan
    workflows: Mapping[Identifier, WorkflowPlan]
    grafts: Grafts = field(default_factory=Grafts, compare=False)
    prioritised: bool = field(kw_only=True)
    _places: dict[NodePath, Place] = field(default_factory=dict, init=False, repr=False, compare=False)

    @staticmethod
    def of(closure: WorkflowClosure, system_retries: int = DEFAULT_SYSTEM_RETRIES) -> "Plan":
        """Return the plan of a compiled closure; linear in its size.

        Raises:
            UnsupportedPlan: A node is of a kind the core does not know, or what it names is missing.
        """
        primary = _workflow_plan(closure.primary, closure, system_retries)
        workflows = {
            identifier: _workflow_plan(workflow, closure, system_retries)
            for identifier, workflow in closure.sub_workflows.items()
        }
        prioritised = any(node.priority for it in (primary, *workflows.values()) for node in it.nodes.values())
        return Plan(primary, workflows, prioritised=prioritised)

    def copy(self) -> "Plan":
        """Return the same plan for one execution, without grafts."""
        return Plan(self.primary, self.workflows, prioritised=self.prioritised)

    @property
    def ranked(self) -> bool:
        """Whether some node has a priority, so that not all are alike."""
        return self.prioritised or self.grafts.ranked

    def priority(self, path: NodePath) -> int:
        """Return a node's priority within its execution: its own, and what the nodes around it add."""
        if not self.ranked:
            return 0
        place = self.place(path)
        total = place.node.priority
        while place.parent != ROOT:
            place = self.place(place.parent)
            total += place.node.priority
        return bounded(total)

    def workflow_in(self, scope: NodePath) -> WorkflowPlan:
        """Return the workflow whose nodes lie in `scope`.

        Raises:
            KeyError: There is no such scope.
        """
        return self._home_of(scope)[1]

    def place(self, path: NodePath) -> Place:
        """Return where `path` lies.

        Raises:
            KeyError: There is no such node.
        """
        place = self._places.get(path)
        if place is None:
            scope, node_id = split(path)
            workflow = self.workflow_in(scope)
            place = Place(path, scope, workflow, workflow.nodes[node_id])
            if len(self._places) >= PLACES_KEPT:
                self._places.clear()
            self._places[path] = place
        return place

    def _home_of(self, scope: NodePath) -> tuple["Plan", WorkflowPlan]:
        """Return the workflow whose nodes lie in `scope`, and the plan that names its sub-workflows."""
        if scope == ROOT:
            return self, self.primary
        graft = self.grafts.get(scope)
        if graft is not None:
            return graft, graft.primary
        outer, node_id = split(parent_of(scope))
        home, workflow = self._home_of(outer)
        work = workflow.nodes[node_id].work
        if isinstance(work, ArrayWork):
            return home, work.elements
        if not isinstance(work, SubWorkflowWork):
            raise KeyError(scope)
        return home, home.workflows[work.workflow]


def place_in(scope: NodePath, workflow: WorkflowPlan, node: NodeId) -> Place:
    """Return the place of a node of the workflow whose nodes lie in `scope`."""
    return Place(path_in(scope, node), scope, workflow, workflow.nodes[node])


def scope_of(path: NodePath, attempt: int) -> NodePath:
    """Return the scope that an attempt of the sub-workflow node at `path` opens."""
    return NodePath(f"{path}.{attempt}")


def path_in(scope: NodePath, node: NodeId) -> NodePath:
    """Return the path of a node in a scope."""
    return NodePath(f"{scope}.{node}") if scope else NodePath(node)


def split(path: NodePath) -> tuple[NodePath, NodeId]:
    """Return the scope a path lies in and the node's own id."""
    if "." not in path:
        return ROOT, NodeId(path)
    scope, _, node = path.rpartition(".")
    return NodePath(scope), NodeId(node)


def parent_of(scope: NodePath) -> NodePath:
    """Return the path of the node that opened the scope; `ROOT` for the execution's own."""
    return NodePath(scope.rpartition(".")[0])


def attempt_of(scope: NodePath) -> int:
    """Return the attempt of the node that opened the scope.

    Raises:
        ValueError: `scope` is not the path of a scope, or the execution's own.
    """
    return int(scope.rpartition(".")[2])


def _workflow_plan(compiled: CompiledWorkflow, closure: WorkflowClosure, system_retries: int) -> WorkflowPlan:
    template = compiled.template
    below = _below(compiled)
    nodes: dict[NodeId, NodePlan] = {}
    for seat in _seats(template):
        nodes[seat.node.id] = _node_plan(seat, compiled, below, closure, system_retries)
    return WorkflowPlan(
        id=template.id,
        nodes=nodes,
        roots=tuple(it.id for it in nodes.values() if not (it.upstream or it.branch is not None or it.aside)),
        size=sum(not it.aside for it in nodes.values()),
        cleanup=None if template.failure_node is None else template.failure_node.id,
        on_failure=template.metadata.on_failure,
        has_outputs=bool(template.outputs),
        interruptible=template.metadata.interruptible,
    )


class _Seat(NamedTuple):
    """A node of a template, the branch that it is a case of, and whether it is part of the failure node."""

    node: Node
    branch: NodeId | None
    aside: bool


def _seats(template: WorkflowTemplate) -> Iterator[_Seat]:
    """Yield all nodes of a template: a branch before its cases, the failure node last."""
    for node in template.nodes:
        yield from _seats_within(_Seat(node, None, aside=False))
    if template.failure_node is not None:
        yield from _seats_within(_Seat(template.failure_node, None, aside=True))


def _seats_within(seat: _Seat) -> Iterator[_Seat]:
    yield seat
    if isinstance(seat.node.target, BranchTarget):
        for inner in inner_nodes(seat.node):
            yield from _seats_within(_Seat(inner, seat.node.id, seat.aside))


def _below(compiled: CompiledWorkflow) -> Mapping[NodeId, Sequence[NodeId]]:
    """Return what waits for each node: to what was compiled, the cases of branches are added."""
    below = {node: [other for other in others if other != END_NODE] for node, others in compiled.downstream.items()}
    for seat in _seats(compiled.template):
        if seat.branch is not None and not seat.aside:
            for above in compiled.upstream.get(seat.node.id, ()):
                below.setdefault(above, []).append(seat.node.id)
    return below


def _node_plan(
    seat: _Seat,
    compiled: CompiledWorkflow,
    below: Mapping[NodeId, Sequence[NodeId]],
    closure: WorkflowClosure,
    system_retries: int,
) -> NodePlan:
    """Join what the node says with what its task says.

    A node's 0 for retries or timeout means "not set" (Flyte's clients always send one).
    """
    node = seat.node
    metadata = node.metadata
    retries = metadata.retries or 0
    timeout_ns = metadata.timeout_ns or 0
    interruptible = metadata.interruptible
    backoff: Backoff | None = None
    queued_timeout_ns, priority = 0, 0
    if isinstance(node.target, ArrayTarget):
        work: Work
        work = _array_work(node.target, compiled, closure, retries, system_retries)
        retries, priority = 0, work.priority
    else:
        work = _work(node, compiled, closure)
    if isinstance(work, TaskWork):
        of_task = closure.tasks[work.task].metadata
        retries = retries or of_task.retries
        backoff = of_task.backoff
        queued_timeout_ns, priority = of_task.queued_timeout_ns, of_task.priority
        timeout_ns = timeout_ns or of_task.timeout_ns
        interruptible = of_task.interruptible if interruptible is None else interruptible
    above = () if seat.aside else compiled.upstream.get(node.id, ())
    return NodePlan(
        id=node.id,
        work=work,
        upstream=tuple(other for other in above if other != START_NODE),
        downstream=() if seat.aside else tuple(below.get(node.id, ())),
        retries=retries,
        system_retries=system_retries,
        timeout_ns=timeout_ns,
        interruptible=interruptible,
        name=metadata.name,
        branch=seat.branch,
        aside=seat.aside,
        backoff=backoff,
        queued_timeout_ns=queued_timeout_ns,
        priority=priority if metadata.priority is None else metadata.priority,
    )


def _array_work(
    target: ArrayTarget, compiled: CompiledWorkflow, closure: WorkflowClosure, retries: int, system_retries: int
) -> ArrayWork:
    """Return what an array does. Retries that its own node sets are those of each element."""
    element = _node_plan(_Seat(target.node, None, aside=False), compiled, {}, closure, system_retries)
    priority = element.priority
    element = replace(element, upstream=(), downstream=(), retries=retries or element.retries, priority=0)
    most = TASKS_OPEN_MAX if isinstance(element.work, TaskWork) else NODES_OPEN_MAX
    return ArrayWork(
        elements=WorkflowPlan(compiled.template.id, EveryIndex(element), (), size=0, of_elements=True),
        window=min(target.parallelism or most, most),
        success=target.success,
        run_all=target.run_all_elements,
        has_outputs=_gives(target.node, closure),
        priority=priority,
    )


def _gives(node: Node, closure: WorkflowClosure) -> bool:
    """Tell whether a node has outputs; where that is not known, that it may have."""
    match node.target:
        case TaskTarget(task=task):
            return bool(closure.tasks[task].interface.outputs)
        case SubWorkflowTarget(workflow=workflow):
            return bool(closure.sub_workflows[workflow].template.outputs)
        case LaunchPlanTarget(launch_plan=launch_plan):
            known = closure.launch_plans.get(launch_plan)
            return known is None or bool(known.outputs)
        case ArrayTarget(node=inner):
            return _gives(inner, closure)
        case BranchTarget() | GateTarget():
            return True
        case unreachable:
            assert_never(unreachable)


def _work(node: Node, compiled: CompiledWorkflow, closure: WorkflowClosure) -> Work:
    match node.target:
        case TaskTarget(task=identifier):
            if identifier not in closure.tasks:
                raise UnsupportedPlan(f"{compiled.template.id}: node {node.id!r} names a missing task {identifier}")
            return _task_work(closure.tasks[identifier], node.metadata)
        case SubWorkflowTarget(workflow=identifier):
            if identifier not in closure.sub_workflows:
                raise UnsupportedPlan(f"{compiled.template.id}: node {node.id!r} names a missing workflow {identifier}")
            return SubWorkflowWork(identifier)
        case LaunchPlanTarget(launch_plan=identifier):
            return LaunchPlanWork(identifier)
        case BranchTarget():
            return BranchWork(tuple(inner.id for inner in inner_nodes(node)))
        case GateTarget(gate=Approval(signal_id=signal) | Signal(signal_id=signal) as gate):
            return SignalWork(signal, isinstance(gate, Approval))
        case GateTarget(gate=Sleep(duration_ns=duration_ns)):
            return SleepWork(duration_ns)
        case GateTarget():
            raise UnsupportedPlan(f"{compiled.template.id}: the gate {node.id!r} waits for nothing")
        case ArrayTarget():
            raise unsupported(compiled, node, "array")
        case unreachable:
            assert_never(unreachable)


def _task_work(task: TaskTemplate, metadata: NodeMetadata) -> TaskWork:
    """Return a task's work. Results of tasks without outputs are never kept (Flyte's rule)."""
    cache = cache_policy(task.metadata.cache, metadata)
    cached = cache.enabled and bool(task.interface.outputs)
    return TaskWork(task.id, cached, cached and cache.serializable)


def unsupported(compiled: CompiledWorkflow, node: Node, kind: str) -> UnsupportedPlan:
    """Return the fault of a node of a kind that cannot be executed."""
    return UnsupportedPlan(f"{compiled.template.id}: node {node.id!r} is of kind {kind!r}")
