"""Planning a run of some nodes: what lies at the border comes from an earlier execution. Pure.

Nodes above those that run, as far as something of theirs is needed, are taken as they are; whoever chooses nodes
says that these are the ones to trust. What is below, or not needed, is left out. Types are checked at the border.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flytelike.compiler.casting import castable
from flytelike.compiler.describe import describe_type
from flytelike.compiler.graph import promises
from flytelike.compiler.graph_changes import called
from flytelike.compiler.node_matching import matching
from flytelike.compiler.order import in_order
from flytelike.controlplane.choosing import Choice, chosen_nodes, reached
from flytelike.model.closure import WorkflowClosure
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.earlier import Earlier, EarlierNode
from flytelike.model.graph import Binding, LaunchPlanTarget, Node, SubWorkflowTarget, TaskTarget
from flytelike.model.ids import ROOT, NodeId, NodePath
from flytelike.model.interface import TypedInterface
from flytelike.model.recovery import Action, PlannedNode, Reason, RecoveryPlan
from flytelike.model.reuse import ReusedNode, Way


def plan_partial_run(old: WorkflowClosure, new: WorkflowClosure, earlier: Earlier, choice: Choice) -> RecoveryPlan:
    """Return what becomes of each node at the top of `new`.

    Raises:
        DiagnosticError: a choice that is none, or every node at the border whose earlier outputs are missing or
            of types that do not fit.
    """
    chosen = chosen_nodes(new.primary, choice)
    return _Partial(old, new, earlier, chosen).plan()


@dataclass(frozen=True, slots=True)
class _Partial:
    old: WorkflowClosure
    new: WorkflowClosure
    earlier: Earlier
    chosen: frozenset[NodeId]

    def plan(self) -> RecoveryPlan:
        template = self.new.primary.template
        pairs = matching(self.old.primary, self.new.primary, in_order(self.new.primary), called)
        before = self.earlier.within(ROOT)
        left = {new: before[old] for new, old in pairs.items() if old in before and before[old].done}
        faults = [fault for node in self._border() for fault in self._faults(node, pairs, left)]
        if faults:
            raise DiagnosticError(faults)
        below = reached(self.chosen, self.new.primary.downstream)
        wanted = {node.id for node in self._border()}
        given = {promise.node_id for binding in template.outputs for promise in promises(binding.data)}
        for node in template.nodes:
            if node.id in given - below and not list(self._faults(node, pairs, left)):
                wanted.add(node.id)
        reuse = {
            NodePath(node.id): _reused(left[node.id] if node.id in wanted else None)
            for node in template.nodes
            if node.id not in self.chosen
        }
        told = tuple(self._told(node, left.get(node.id), node.id in wanted) for node in template.nodes)
        gone = tuple(it.var for it in template.outputs if not self._known(it, wanted))
        return RecoveryPlan(told, reuse, gone)

    def _border(self) -> list[Node]:
        """Return the nodes that do not run themselves, and whose outputs those that run are given."""
        needed = {
            promise.node_id
            for node in self.new.primary.template.nodes
            if node.id in self.chosen
            for binding in node.bindings
            for promise in promises(binding.data)
        }
        return [node for node in self.new.primary.template.nodes if node.id in needed - self.chosen]

    def _faults(
        self, node: Node, pairs: Mapping[NodeId, NodeId], left: Mapping[NodeId, EarlierNode]
    ) -> Iterator[Diagnostic]:
        """Yield why the earlier outputs of a node cannot stand in for its own."""
        execution = self.earlier.execution
        if node.id not in left:
            told = f"{execution.name} has no outputs of `{node.id}` ({called(node)}), which the chosen nodes are given"
            yield Diagnostic("no-earlier-result", told, help=("choose that node too, or name another execution",))
            return
        twin = next(it for it in self.old.primary.template.nodes if it.id == pairs[node.id])
        had, has = interface_of(self.old, twin).outputs, interface_of(self.new, node).outputs
        for name, variable in has.items():
            if name not in had:
                told = f"`{node.id}` ({called(node)}) gives `{name}` now, which {execution.name} does not have"
            elif not castable(had[name].type, variable.type):
                was, now = describe_type(had[name].type), describe_type(variable.type)
                told = f"`{node.id}.{name}` is {now} now, and was {was} in {execution.name}"
            else:
                continue
            yield Diagnostic("earlier-result-does-not-fit", told, help=("choose that node too",))

    def _told(self, node: Node, left: EarlierNode | None, wanted: bool) -> PlannedNode:
        where = left.source.path if left is not None else NodePath("")
        action, reason = Action.LEFT_OUT, Reason.NOT_CHOSEN
        if node.id in self.chosen:
            action, reason = Action.RUN, Reason.CHOSEN
        elif wanted:
            action, reason = Action.REUSE, Reason.NEEDED
        return PlannedNode(NodePath(node.id), where, called(node), action, reason)

    def _known(self, output: Binding, wanted: set[NodeId]) -> bool:
        nodes = {node.id for node in self.new.primary.template.nodes}
        sources = {promise.node_id for promise in promises(output.data)} & nodes
        return sources <= self.chosen | wanted


def _reused(left: EarlierNode | None) -> ReusedNode:
    return ReusedNode(Way.LEAVE_OUT) if left is None else ReusedNode(Way.TAKE, left.source)


def interface_of(closure: WorkflowClosure, node: Node) -> TypedInterface:
    """Return what a node takes and gives, as far as its closure says; nothing for nodes of other kinds."""
    match node.target:
        case TaskTarget(callee):
            return closure.tasks[callee].interface
        case SubWorkflowTarget(callee):
            return closure.sub_workflows[callee].template.interface
        case LaunchPlanTarget(callee):
            return closure.launch_plans.get(callee, TypedInterface())
        case _:
            return TypedInterface()
