"""Planning a recovery: which nodes of a new execution may take over what an earlier one gave. Pure.

A node is reused when it succeeded, calls what it called, with the same code and interface, and everything it is
given is the same as before. What runs anew makes everything below it run too, since its results may differ.
A sub-workflow that cannot be reused as a whole is looked into.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from flytelike.compiler.call_changes import CallChange, Callees, SamePlans
from flytelike.compiler.graph import promises
from flytelike.compiler.graph_changes import called
from flytelike.compiler.node_matching import matching
from flytelike.compiler.order import in_order
from flytelike.model.closure import CompiledWorkflow, WorkflowClosure
from flytelike.model.earlier import Earlier, EarlierNode
from flytelike.model.graph import ArrayTarget, BranchTarget, Node, TaskTarget, inner_nodes
from flytelike.model.ids import END_NODE, ROOT, START_NODE, WORKFLOW_INPUTS, Digest, NodeId, NodePath
from flytelike.model.phases import NodePhase
from flytelike.model.recovery import Action, PlannedNode, Reason, RecoveryPlan
from flytelike.model.reuse import ReusedNode, Way

NO_GRAPHS: Mapping[Digest, WorkflowClosure] = MappingProxyType({})


def plan_recovery(
    old: WorkflowClosure,
    new: WorkflowClosure,
    earlier: Earlier,
    changed_inputs: frozenset[str] = frozenset(),
    same_plans: SamePlans = frozenset(),
    graphs: Mapping[Digest, WorkflowClosure] = NO_GRAPHS,
) -> RecoveryPlan:
    """Return what becomes of each node of `new`.

    Args:
        old: what the earlier execution ran.
        new: what is to be executed now.
        earlier: what the earlier execution left.
        changed_inputs: the inputs of the workflow whose values differ from then.
        same_plans: launch plans of both that are of different versions, and do the same all the same.
        graphs: graphs that dynamic nodes gave and that may be kept, since both run the same version.
    """
    planner = _Planner(Callees(old, new, same_plans), earlier, graphs)
    dirty = {name: f"input `{name}` changed" for name in changed_inputs}
    planner.scope(_Level(old.primary, new.primary, ROOT, ROOT, dirty))
    return RecoveryPlan(tuple(planner.nodes), planner.reuse)


@dataclass(frozen=True, slots=True)
class _Level:
    """Two workflows side by side, and where their nodes lie. `dirty` are inputs that changed, with why."""

    old: CompiledWorkflow
    new: CompiledWorkflow
    old_scope: NodePath | None
    new_scope: NodePath
    dirty: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Verdict:
    action: Action
    reason: Reason
    detail: str = ""


@dataclass(slots=True)
class _Planner:
    callees: Callees
    earlier: Earlier
    graphs: Mapping[Digest, WorkflowClosure]
    nodes: list[PlannedNode] = field(default_factory=list)
    reuse: dict[NodePath, ReusedNode] = field(default_factory=dict)

    def scope(self, level: _Level) -> bool:
        """Plan the nodes of a scope; tell whether all of them are reused."""
        before = self.earlier.within(level.old_scope)
        order = in_order(level.new)
        pairs = matching(level.old, level.new, order, called)
        old_nodes = {node.id: node for node in level.old.template.nodes}
        fresh: dict[NodeId, str] = {}
        planned: dict[NodeId, list[PlannedNode]] = {}
        for node in order:
            twin = pairs.get(node.id)
            old = old_nodes.get(twin) if twin is not None else None
            left = before.get(twin) if twin is not None else None
            start = len(self.nodes)
            whole = self._node(level, node, old, left, pairs, fresh)
            planned[node.id] = self.nodes[start:]
            del self.nodes[start:]
            if not whole:
                fresh[node.id] = node.id
        for node in level.new.template.nodes:
            self.nodes.extend(planned[node.id])
        self.nodes.extend(self._gone(level, pairs, before))
        return not fresh

    def _gone(
        self, level: _Level, pairs: Mapping[NodeId, NodeId], before: Mapping[NodeId, EarlierNode]
    ) -> Iterator[PlannedNode]:
        kept = set(pairs.values())
        for node in level.old.template.nodes:
            if node.id not in kept and node.id in before:
                source = before[node.id].source
                yield PlannedNode(NodePath(""), source.path, called(node), Action.GONE, Reason.NOT_THERE)

    def _node(
        self,
        level: _Level,
        node: Node,
        old: Node | None,
        left: EarlierNode | None,
        pairs: Mapping[NodeId, NodeId],
        fresh: Mapping[NodeId, str],
    ) -> bool:
        """Plan one node; tell whether it is reused as a whole."""
        path = NodePath(f"{level.new_scope}.{node.id}" if level.new_scope else node.id)
        if old is None:
            self._tell(path, None, node, _Verdict(Action.NEW, Reason.NOT_THERE))
            return False
        change = self.callees.change(old, node, pairs)
        dirty = list(_dirty(level, node, fresh))
        if left is not None and left.done and change is None and not dirty:
            self.reuse[path] = ReusedNode(Way.TAKE_IF_INPUTS_EQUAL, left.source)
            self._tell(path, left, node, _Verdict(Action.REUSE, Reason.UNCHANGED))
            return True
        verdict = _why_it_runs(left, change, dirty)
        if left is not None and self._look_inside(level, node, old, left, path, fresh):
            return False
        if left is not None and change is None and not dirty and self._look_at_cases(level, (old, node), left, pairs):
            return False
        if left is not None and change is None and not dirty and self._keep_graph(node, left, path):
            return False
        if isinstance(node.target, ArrayTarget):
            unchanged = change is None and not dirty
            if left is not None and self._look_at_elements(level, (old, node), left, path, fresh, whole=unchanged):
                return False
            told = self._elements(node.target, left)
            if left is not None and change is None and not dirty and told:
                self.reuse[path] = ReusedNode(Way.CONTINUE, left.source)
                verdict = _Verdict(Action.PARTLY, Reason.INSIDE, told)
            self._tell(path, left, node, verdict)
            return False
        # A child execution is planned by itself when it starts; a checkpoint is of use to unchanged code only.
        if left is not None and (left.source.child or (not left.done and change is None)):
            self.reuse[path] = ReusedNode(Way.CONTINUE, left.source)
        self._tell(path, left, node, verdict)
        return False

    def _look_inside(
        self,
        level: _Level,
        node: Node,
        old: Node,
        left: EarlierNode,
        path: NodePath,
        fresh: Mapping[NodeId, str],
    ) -> bool:
        """Plan the nodes of a sub-workflow, if something in it can be reused."""
        workflows = self.callees.sub_workflow(old, node)
        inner_scope = self.earlier.scope_in(left.source.path)
        if workflows is None or inner_scope is None or any(it in fresh for it in node.upstream):
            return False
        dirty = dict(_dirty_bindings(level, node, fresh))
        start, before = len(self.nodes), len(self.reuse)
        self.scope(_Level(*workflows, inner_scope, NodePath(f"{path}.0"), dirty))
        if len(self.reuse) == before:
            del self.nodes[start:]
            return False
        inside = self.nodes[start:]
        del self.nodes[start:]
        self._tell(path, left, node, _Verdict(Action.PARTLY, Reason.INSIDE))
        self.nodes.extend(inside)
        return True

    def _look_at_elements(
        self,
        level: _Level,
        array: tuple[Node, Node],
        left: EarlierNode,
        path: NodePath,
        fresh: Mapping[NodeId, str],
        *,
        whole: bool,
    ) -> bool:
        """Plan the elements of an array that are sub-workflows or executions; with `whole` they may be reused as such.

        They are told together: there may be a hundred thousand.
        """
        before, now = array[0].target, array[1].target
        if not isinstance(before, ArrayTarget) or not isinstance(now, ArrayTarget):
            return False
        one, other = before.node, now.node
        if isinstance(other.target, TaskTarget) or any(it in fresh for it in array[1].upstream):
            return False
        workflows = self.callees.sub_workflow(one, other)
        dirty = dict(_dirty_bindings(level, array[1], fresh))
        start, reused, begun = len(self.nodes), 0, 0
        for index, there in self.earlier.within(NodePath(f"{left.source.path}.0")).items():
            element = NodePath(f"{path}.0.{index}")
            scope, known = self.earlier.scope_in(there.source.path), len(self.reuse)
            if whole and there.done:
                self.reuse[element] = ReusedNode(Way.TAKE_IF_INPUTS_EQUAL, there.source)
                reused += 1
            elif there.source.child:
                self.reuse[element] = ReusedNode(Way.CONTINUE, there.source)
                begun += 1
            elif workflows is not None and scope is not None:
                self.scope(_Level(*workflows, scope, NodePath(f"{element}.0"), dirty))
                begun += len(self.reuse) > known
        del self.nodes[start:]
        if not reused and not begun:
            return False
        of = f" of {left.elements[1]:,}" if left.elements is not None else ""
        told = f"{reused:,}{of} elements reused" + (f", {begun:,} go on inside" if begun else "")
        self._tell(path, left, array[1], _Verdict(Action.PARTLY, Reason.INSIDE, told))
        return True

    def _keep_graph(self, node: Node, left: EarlierNode, path: NodePath) -> bool:
        """Plan the nodes of the graph that the last attempt of a dynamic node gave, which is not asked for again."""
        source = left.source
        graph = self.graphs.get(source.graph)
        scope = NodePath(f"{source.path}.{source.attempt}")
        if graph is None or self.earlier.scope_in(source.path) != scope:
            return False
        inside = _Planner(Callees(graph, graph), self.earlier, self.graphs)
        inside.scope(_Level(graph.primary, graph.primary, scope, NodePath(f"{path}.0"), {}))
        self.reuse[path] = ReusedNode(Way.KEEP_GRAPH, source)
        self.reuse.update(inside.reuse)
        self._tell(path, left, node, _Verdict(Action.PARTLY, Reason.INSIDE))
        self.nodes.extend(inside.nodes)
        return True

    def _look_at_cases(
        self, level: _Level, branch: tuple[Node, Node], left: EarlierNode, pairs: Mapping[NodeId, NodeId]
    ) -> bool:
        """Plan the cases of a branch that was partly done. It is decided again, on the same values."""
        old, new = branch
        if not isinstance(new.target, BranchTarget):
            return False
        start, before = len(self.nodes), len(self.reuse)
        left_there = self.earlier.within(level.old_scope)
        for one, other in zip(inner_nodes(old), inner_nodes(new), strict=True):
            there = left_there.get(one.id)
            if there is not None and there.phase is not NodePhase.SKIPPED:
                self._node(level, other, one, there, pairs, {})
        inside = self.nodes[start:]
        del self.nodes[start:]
        if len(self.reuse) == before:
            return False
        path = NodePath(f"{level.new_scope}.{new.id}" if level.new_scope else new.id)
        self._tell(path, left, new, _Verdict(Action.PARTLY, Reason.INSIDE))
        self.nodes.extend(inside)
        return True

    def _elements(self, target: ArrayTarget, left: EarlierNode | None) -> str:
        """Return how many tasks are reused of an array that did not end well; nothing where that is not known.

        Known is what they gave: of elements without outputs nothing is kept.
        """
        inner = target.node.target
        if left is None or left.elements is None or not isinstance(inner, TaskTarget):
            return ""
        succeeded, length = left.elements
        gives = bool(self.callees.new.tasks[inner.task].interface.outputs)
        return f"{succeeded:,} of {length:,} elements reused" if gives and succeeded else ""

    def _tell(self, path: NodePath, left: EarlierNode | None, node: Node, verdict: _Verdict) -> None:
        where = left.source.path if left is not None else NodePath("")
        self.nodes.append(PlannedNode(path, where, called(node), verdict.action, verdict.reason, verdict.detail))


def _dirty(level: _Level, node: Node, fresh: Mapping[NodeId, str]) -> Iterator[tuple[Reason, str]]:
    """Yield why what a node is given, or waits for, may differ from then."""
    for above in level.new.upstream.get(node.id, ()):
        if above not in {START_NODE, END_NODE} and above in fresh:
            yield Reason.UPSTREAM, f"`{above}` runs"
    for _, why in _dirty_bindings(level, node, {}):
        yield Reason.INPUT, why


def _dirty_bindings(level: _Level, node: Node, fresh: Mapping[NodeId, str]) -> Iterator[tuple[str, str]]:
    """Yield the inputs of a node whose values may differ from then, with why."""
    for binding in node.bindings:
        for promise in promises(binding.data):
            if promise.node_id in {WORKFLOW_INPUTS, START_NODE} and promise.var in level.dirty:
                yield binding.var, level.dirty[promise.var]
            elif promise.node_id in fresh:
                yield binding.var, f"`{promise.node_id}` runs"


_NOT_DONE: Mapping[NodePhase, str] = {
    NodePhase.FAILED: "it failed",
    NodePhase.TIMED_OUT: "it timed out",
    NodePhase.ABORTED: "it was stopped",
    NodePhase.SKIPPED: "it was skipped",
}


def _why_it_runs(left: EarlierNode | None, change: CallChange | None, dirty: list[tuple[Reason, str]]) -> _Verdict:
    if change is not None:
        return _Verdict(Action.RUN, change.reason, change.detail)
    if left is None:
        return _Verdict(Action.RUN, Reason.NOT_DONE, "it did not run")
    if not left.done:
        return _Verdict(Action.RUN, Reason.NOT_DONE, _NOT_DONE.get(left.phase, "it did not end"))
    reason, detail = dirty[0]
    return _Verdict(Action.RUN, reason, detail)
