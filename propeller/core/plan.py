"""What is executed, as the core looks at it: graphs with policies, nothing about values.

A plan is made once per closure and shared by all executions of it. It is never changed.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias, assert_never

from flytelike.model.closure import CompiledWorkflow, WorkflowClosure
from flytelike.model.graph import (
    ArrayTarget,
    BranchTarget,
    GateTarget,
    LaunchPlanTarget,
    Node,
    SubWorkflowTarget,
    TaskTarget,
)
from flytelike.model.ids import END_NODE, ROOT, START_NODE, Identifier, NodeId, NodePath
from flytelike.model.policies import FailurePolicy

DEFAULT_SYSTEM_RETRIES = 3
"""How often an attempt that the platform lost is repeated (Flyte's `max-node-retries-system-failures`)."""


class UnsupportedPlan(ValueError):
    """The closure holds something that cannot be executed; the message names it."""


@dataclass(frozen=True, slots=True)
class TaskWork:
    """The node runs a task, attempt by attempt."""

    task: Identifier


@dataclass(frozen=True, slots=True)
class SubWorkflowWork:
    """The node holds the nodes of another workflow, in a scope of its own."""

    workflow: Identifier


@dataclass(frozen=True, slots=True)
class LaunchPlanWork:
    """The node is an execution of its own."""

    launch_plan: Identifier


Work: TypeAlias = TaskWork | SubWorkflowWork | LaunchPlanWork


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A node with its neighbours and policies.

    `upstream` and `downstream` leave out the start and end nodes. `retries` is how often a
    failure of the user's making is retried, `system_retries` one of the platform's (tasks
    only). `timeout_ns` limits one attempt; 0 is none. `interruptible` is None where the
    execution decides.
    """

    id: NodeId
    work: Work
    upstream: tuple[NodeId, ...]
    downstream: tuple[NodeId, ...]
    retries: int = 0
    system_retries: int = DEFAULT_SYSTEM_RETRIES
    timeout_ns: int = 0
    interruptible: bool | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class WorkflowPlan:
    """A graph. `roots` are the nodes that wait for no other, in the author's order."""

    id: Identifier
    nodes: Mapping[NodeId, NodePlan]
    roots: tuple[NodeId, ...]
    on_failure: FailurePolicy = FailurePolicy.FAIL_IMMEDIATELY
    has_outputs: bool = False
    interruptible: bool = False


class Place(NamedTuple):
    """Where a path lies: the scope around it, the scope's workflow, and the node."""

    path: NodePath
    scope: NodePath
    workflow: WorkflowPlan
    node: NodePlan


@dataclass(frozen=True, slots=True)
class Plan:
    """A workflow and the sub-workflows that run inside its executions.

    `grafts` are the graphs that dynamic nodes of one execution gave, by the scope that each opens:
    the shell puts one there before it gives the event that opens the scope. A plan that executions
    share has none; each takes a `copy` to graft on.
    """

    primary: WorkflowPlan
    workflows: Mapping[Identifier, WorkflowPlan]
    grafts: MutableMapping[NodePath, "Plan"] = field(default_factory=dict, compare=False)

    @staticmethod
    def of(closure: WorkflowClosure, system_retries: int = DEFAULT_SYSTEM_RETRIES) -> "Plan":
        """Return the plan of a compiled closure; linear in its size.

        Raises:
            UnsupportedPlan: A node is of a kind the core does not know, or what it names is missing.
        """
        return Plan(
            primary=_workflow_plan(closure.primary, closure, system_retries),
            workflows={
                identifier: _workflow_plan(workflow, closure, system_retries)
                for identifier, workflow in closure.sub_workflows.items()
            },
        )

    def copy(self) -> "Plan":
        """Return the same plan for one execution, without grafts."""
        return Plan(self.primary, self.workflows)

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
        scope, node_id = split(path)
        workflow = self.workflow_in(scope)
        return Place(path, scope, workflow, workflow.nodes[node_id])

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
        if not isinstance(work, SubWorkflowWork):
            raise KeyError(scope)
        return home, home.workflows[work.workflow]


def scope_of(path: NodePath, attempt: int) -> NodePath:
    """Return the scope that an attempt of the sub-workflow node at `path` opens."""
    return NodePath(f"{path}.{attempt}")


def path_in(scope: NodePath, node: NodeId) -> NodePath:
    """Return the path of a node in a scope."""
    return NodePath(f"{scope}.{node}") if scope else NodePath(node)


def split(path: NodePath) -> tuple[NodePath, NodeId]:
    """Return the scope a path lies in and the node's own id."""
    scope, _, node = path.rpartition(".")
    return NodePath(scope), NodeId(node)


def parent_of(scope: NodePath) -> NodePath:
    """Return the path of the node that opened the scope; `ROOT` for the execution's own."""
    return NodePath(scope.rpartition(".")[0])


def attempt_of(scope: NodePath) -> int:
    """Return the attempt of the node that opened the scope; 0 for the execution's own.

    Raises:
        ValueError: `scope` is not the path of a scope.
    """
    return int(scope.rpartition(".")[2]) if scope else 0


def _workflow_plan(compiled: CompiledWorkflow, closure: WorkflowClosure, system_retries: int) -> WorkflowPlan:
    template = compiled.template
    if template.failure_node is not None:
        raise UnsupportedPlan(f"{template.id}: failure node {template.failure_node.id!r}")
    nodes = {node.id: _node_plan(node, compiled, closure, system_retries) for node in template.nodes}
    return WorkflowPlan(
        id=template.id,
        nodes=nodes,
        roots=tuple(node.id for node in nodes.values() if not node.upstream),
        on_failure=template.metadata.on_failure,
        has_outputs=bool(template.outputs),
        interruptible=template.metadata.interruptible,
    )


def _node_plan(node: Node, compiled: CompiledWorkflow, closure: WorkflowClosure, system_retries: int) -> NodePlan:
    """Join what the node says with what its task says.

    A node's 0 for retries or timeout means "not set" (Flyte's clients always send one).
    """
    metadata = node.metadata
    retries = metadata.retries or 0
    timeout_ns = metadata.timeout_ns or 0
    interruptible = metadata.interruptible
    work: Work
    match node.target:
        case TaskTarget(task=identifier):
            if identifier not in closure.tasks:
                raise UnsupportedPlan(f"{compiled.template.id}: node {node.id!r} names a missing task {identifier}")
            of_task = closure.tasks[identifier].metadata
            retries = retries or of_task.retries
            timeout_ns = timeout_ns or of_task.timeout_ns
            interruptible = of_task.interruptible if interruptible is None else interruptible
            work = TaskWork(identifier)
        case SubWorkflowTarget(workflow=identifier):
            if identifier not in closure.sub_workflows:
                raise UnsupportedPlan(f"{compiled.template.id}: node {node.id!r} names a missing workflow {identifier}")
            work = SubWorkflowWork(identifier)
        case LaunchPlanTarget(launch_plan=identifier):
            work = LaunchPlanWork(identifier)
        case BranchTarget():
            raise unsupported(compiled, node, "branch")
        case GateTarget():
            raise unsupported(compiled, node, "gate")
        case ArrayTarget():
            raise unsupported(compiled, node, "array")
        case unreachable:
            assert_never(unreachable)
    return NodePlan(
        id=node.id,
        work=work,
        upstream=tuple(other for other in compiled.upstream.get(node.id, ()) if other != START_NODE),
        downstream=tuple(other for other in compiled.downstream.get(node.id, ()) if other != END_NODE),
        retries=retries,
        system_retries=system_retries,
        timeout_ns=timeout_ns,
        interruptible=interruptible,
        name=metadata.name,
    )


def unsupported(compiled: CompiledWorkflow, node: Node, kind: str) -> UnsupportedPlan:
    """Return the fault of a node of a kind that cannot be executed."""
    return UnsupportedPlan(f"{compiled.template.id}: node {node.id!r} is of kind {kind!r}")
