"""A compiled closure as the engine needs it: the core's plan, and templates by path."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping

from flytelike.codec.cache_key import work_key
from flytelike.model.array import array_interface
from flytelike.model.caching import CacheKey
from flytelike.model.closure import WorkflowClosure
from flytelike.model.gate import Approval, Signal
from flytelike.model.graph import (
    ArrayTarget,
    BranchTarget,
    GateTarget,
    LaunchPlanTarget,
    Node,
    SubWorkflowTarget,
    TaskOverrides,
    TaskTarget,
    TaskTemplate,
    WorkflowTemplate,
    inner_nodes,
)
from flytelike.model.ids import ROOT, Digest, Identifier, NodeId, NodePath
from flytelike.model.interface import TypedInterface
from flytelike.model.policies import CachePolicy, cache_policy
from propeller.core.plan import PLACES_KEPT, Plan, parent_of, path_in, split
from propeller.engine.overrides import overridden
from propeller.ports import Closures

PROGRAMS_KEPT = 64

_UNKNOWN = TypedInterface()


class Program:
    """One closure. Shared by all its executions, never changed but for the grafts of an execution's own `copy`."""

    __slots__ = ("_found", "_grafts", "_keys", "_keys_by_name", "_nodes", "_tasks", "closure", "plan")

    def __init__(self, closure: WorkflowClosure, plan: Plan | None = None) -> None:
        """Make the plan if there is none yet; linear in the size of the closure. Raises `UnsupportedPlan`."""
        self.closure = closure
        self.plan = Plan.of(closure) if plan is None else plan
        # By the templates' own identity: they live as long as the closure, and to hash one takes long.
        self._tasks: dict[int, TaskTemplate] = {}
        self._keys: dict[int, CacheKey] = {}
        self._keys_by_name: dict[tuple[Identifier, str, str], CacheKey] = {}
        self._found: dict[NodePath, Node] = {}
        self._nodes: dict[Identifier | None, Mapping[NodeId, Node]] = {}
        self._grafts: dict[NodePath, Program] = {}

    def copy(self) -> "Program":
        """Return the same program for one execution, whose dynamic nodes can give more to run."""
        copied = Program(self.closure, self.plan.copy())
        copied._nodes, copied._tasks, copied._keys = self._nodes, self._tasks, self._keys
        return copied

    def graft(self, scope: NodePath, graph: "Program") -> None:
        """Let the nodes of a scope be those of a graph; the first graph that a scope is given stays."""
        if scope not in self._grafts:
            self._grafts[scope] = graph
            self.plan.grafts[scope] = graph.plan

    def grafted(self, scope: NodePath) -> bool:
        """Tell whether a scope was given a graph."""
        return scope in self._grafts

    def workflow(self, scope: NodePath) -> WorkflowTemplate:
        """Return the template of the workflow whose nodes lie in a scope."""
        home, key = self._home_of(scope)
        return home.closure.primary.template if key is None else home.closure.sub_workflows[key].template

    def node(self, path: NodePath) -> Node:
        """Return the template's node at a path."""
        found = self._found.get(path)
        if found is None:
            if len(self._found) >= PLACES_KEPT:
                self._found.clear()
            found = self._found[path] = self._node(path)
        return found

    def _node(self, path: NodePath) -> Node:
        scope, node_id = split(path)
        if scope != ROOT and self.plan.workflow_in(scope).of_elements:
            target = self.node(parent_of(scope)).target
            assert isinstance(target, ArrayTarget), "only arrays have elements"
            return target.node
        home, key = self._home_of(scope)
        known = home._nodes.get(key)  # noqa: SLF001 - another of this class
        if known is None:
            known = home._nodes[key] = {node.id: node for node in _nodes(self.workflow(scope))}  # noqa: SLF001
        return known[node_id]

    def gives(self, path: NodePath) -> bool:
        """Tell whether the node at a path has outputs at its own place.

        A branch has them there only if they were taken over; else they are those of its case.
        """
        node = self.node(path)
        match node.target:
            case GateTarget(gate=Approval()):
                return bool(node.bindings)
            case GateTarget(gate=gate):
                return isinstance(gate, Signal)
            case BranchTarget():
                scope, _ = split(path)
                return any(self.gives(path_in(scope, case.id)) for case in inner_nodes(node))
            case _:
                return bool(self.interface(path).outputs)

    def interface(self, path: NodePath) -> TypedInterface:
        """Return what the node at a path takes and gives; the workflow's own for ROOT."""
        if path == ROOT:
            return self.closure.primary.template.interface
        return self._interface_of(self._home_of(split(path)[0])[0].closure, self.node(path))

    def interface_of(self, path: NodePath, node: Node) -> TypedInterface:
        """Return what a node that lies inside of the one at a path takes and gives."""
        return self._interface_of(self._home_of(split(path)[0])[0].closure, node)

    def _interface_of(self, closure: WorkflowClosure, node: Node) -> TypedInterface:
        match node.target:
            case TaskTarget(task=task):
                return closure.tasks[task].interface
            case SubWorkflowTarget(workflow=workflow):
                return closure.sub_workflows[workflow].template.interface
            case LaunchPlanTarget(launch_plan=launch_plan):
                return closure.launch_plans.get(launch_plan, _UNKNOWN)
            case ArrayTarget(node=inner) as target:
                return array_interface(target, self._interface_of(closure, inner))
            case _:
                return _UNKNOWN

    def task(self, path: NodePath) -> TaskTemplate:
        """Return the task of the node at a path, with what the node overrides.

        Raises:
            KeyError: The node runs no task.
        """
        node = self.node(path)
        task = self._tasks.get(id(node))
        if task is None:
            if not isinstance(node.target, TaskTarget):
                raise KeyError(path)
            home, _ = self._home_of(split(path)[0])
            task = overridden(home.closure.tasks[node.target.task], node.target.overrides)
            if home is self:  # What a graft holds lives no longer than the execution.
                self._tasks[id(node)] = task
        return task

    def overrides(self, path: NodePath) -> TaskOverrides:
        """Return what the node at a path overrides of its task; nothing for nodes of other kinds."""
        target = self.node(path).target
        return target.overrides if isinstance(target, TaskTarget) else TaskOverrides()

    def cache_policy(self, path: NodePath) -> CachePolicy:
        """Return how results of the node at a path are kept. Raises KeyError when it runs no task."""
        return cache_policy(self.task(path).metadata.cache, self.node(path).metadata)

    def work_key(self, path: NodePath) -> CacheKey:
        """Return the key of the work at a path but for its inputs. Raises KeyError when it runs no task."""
        node = self.node(path)
        known = self._keys.get(id(node))
        if known is None:
            known = self._work_key(self.task(path), self.cache_policy(path))
            if id(node) in self._tasks:
                self._keys[id(node)] = known
        return known

    def _work_key(self, task: TaskTemplate, policy: CachePolicy) -> CacheKey:
        image = task.container.image if task.container is not None else ""
        name = (task.id, policy.version, image)
        known = self._keys_by_name.get(name)
        if known is None:
            known = self._keys_by_name[name] = work_key(task, policy)
        return known

    def _home_of(self, scope: NodePath) -> "tuple[Program, Identifier | None]":
        """Return the program that a scope's workflow is of, and its id there; None for the program's primary one.

        The primary workflow may occur among the sub-workflows of another closure: so its id would not do.
        """
        if scope == ROOT:
            return self, None
        graft = self._grafts.get(scope)
        if graft is not None:
            return graft, None
        home = self
        if self._grafts:
            outer = split(parent_of(scope))[0]
            home, _ = self._home_of(outer)
        return home, self.plan.workflow_in(scope).id


def _nodes(workflow: WorkflowTemplate) -> Iterator[Node]:
    """Yield the nodes that have paths in a workflow's scope: those inside branches and the failure node too."""
    waiting = [*workflow.nodes, *([workflow.failure_node] if workflow.failure_node is not None else [])]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node.target, BranchTarget):
            waiting.extend(inner_nodes(node))


class Programs:
    """The programs of recent closures."""

    def __init__(self, closures: Closures) -> None:
        """Take closures from `closures`."""
        self._closures = closures
        self._kept: OrderedDict[Digest, Program] = OrderedDict()

    async def get(self, uri: str, digest: Digest) -> Program:
        """Return the program of a closure.

        Raises:
            KeyError: There is no closure at `uri`.
            UnsupportedPlan: It holds something that cannot be executed.
        """
        found = self._kept.get(digest)
        return self._remember(digest, Program(await self._closures.get(uri, digest)) if found is None else found)

    async def graph(self, digest: Digest) -> Program:
        """Return the program of a graph that a dynamic task gave. Raises as `get`."""
        found = self._kept.get(digest)
        return self._remember(digest, Program(await self._closures.graph(digest)) if found is None else found)

    def _remember(self, digest: Digest, program: Program) -> Program:
        self._kept[digest] = program
        self._kept.move_to_end(digest)
        if len(self._kept) > PROGRAMS_KEPT:
            self._kept.popitem(last=False)
        return program
