"""Whether a node still calls what it called, with what it was given. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from flytelike.compiler.graph_changes import SETTINGS, binding_changes, called, own_nodes, settings
from flytelike.compiler.node_matching import matching
from flytelike.compiler.order import in_order
from flytelike.compiler.task_changes import interface_changes, task_changes
from flytelike.model.closure import CompiledWorkflow, WorkflowClosure
from flytelike.model.graph import BranchTarget, LaunchPlanTarget, Node, SubWorkflowTarget, TaskTarget
from flytelike.model.ids import Identifier, NodeId
from flytelike.model.interface import TypedInterface
from flytelike.model.recovery import Reason

SamePlans: TypeAlias = frozenset[tuple[Identifier, Identifier]]
"""Launch plans, an earlier and a new one each, that give the same for the same inputs."""


@dataclass(frozen=True, slots=True)
class CallChange:
    """Why a call may give something else than before."""

    reason: Reason
    detail: str


@dataclass(slots=True)
class Callees:
    """What the nodes of two closures call."""

    old: WorkflowClosure
    new: WorkflowClosure
    same_plans: SamePlans = frozenset()
    _same: dict[tuple[Identifier, Identifier], bool] = field(default_factory=dict)

    def change(self, old: Node, new: Node, pairs: Mapping[NodeId, NodeId]) -> CallChange | None:
        """Return the first change that may matter; None if there is none. `pairs` gives old ids for new ones."""
        return next(self._changes(old, new, {one: other for other, one in pairs.items()}), None)

    def sub_workflow(self, old: Node, new: Node) -> tuple[CompiledWorkflow, CompiledWorkflow] | None:
        """Return the workflows of two sub-workflow nodes; None for other nodes."""
        match old.target, new.target:
            case SubWorkflowTarget(one), SubWorkflowTarget(other):
                return self.old.sub_workflows[one], self.new.sub_workflows[other]
            case _:
                return None

    def _changes(self, old: Node, new: Node, renamed: Mapping[NodeId, NodeId]) -> Iterator[CallChange]:
        yield from self._callee(old, new)
        if not isinstance(new.target, BranchTarget):
            for text in binding_changes("input", old.bindings, new.bindings, renamed):
                yield CallChange(Reason.BINDING, text)
        if {renamed.get(it, it) for it in old.upstream} != set(new.upstream):
            yield CallChange(Reason.BINDING, "it waits for other nodes")
        if settings(old, renamed) != settings(new, {}):
            yield CallChange(Reason.BINDING, SETTINGS[type(new.target)])
        yield from self._inner(old, new, renamed)

    def _callee(self, old: Node, new: Node) -> Iterator[CallChange]:
        match old.target, new.target:
            case TaskTarget(one, before), TaskTarget(other, after):
                for reason, text in task_changes(self.old.tasks[one], self.new.tasks[other]):
                    yield CallChange(reason, text)
                if before.container_image != after.container_image:
                    yield CallChange(Reason.CODE, "its image changed")
            case SubWorkflowTarget(one), SubWorkflowTarget(other):
                yield from self._workflow(one, other)
            case LaunchPlanTarget(one), LaunchPlanTarget(other):
                yield from self._launch_plan(one, other)
            case _:
                if type(old.target) is not type(new.target):
                    yield CallChange(Reason.CODE, f"it is {called(new)}, was {called(old)}")

    def _workflow(self, old: Identifier, new: Identifier) -> Iterator[CallChange]:
        one, other = self.old.sub_workflows[old], self.new.sub_workflows[new]
        for reason, text in interface_changes(one.template.interface, other.template.interface):
            yield CallChange(reason, text)
        if not self._same_workflow(old, new):
            yield CallChange(Reason.CODE, "something in it changed")

    def _same_workflow(self, old: Identifier, new: Identifier) -> bool:
        known = self._same.get((old, new))
        if known is None:
            one, other = self.old.sub_workflows[old], self.new.sub_workflows[new]
            known = self._same[old, new] = self.same(one, other)
        return known

    def same(self, old: CompiledWorkflow, new: CompiledWorkflow) -> bool:
        """Tell whether two workflows give the same for the same inputs."""
        pairs = matching(old, new, in_order(new), called)
        if len(pairs) != len(old.template.nodes) or len(pairs) != len(new.template.nodes):
            return False
        renamed = {one: other for other, one in pairs.items()}
        if any(binding_changes("output", old.template.outputs, new.template.outputs, renamed)):
            return False
        before = {node.id: node for node in old.template.nodes}
        return all(self.change(before[pairs[node.id]], node, pairs) is None for node in new.template.nodes)

    def _launch_plan(self, old: Identifier, new: Identifier) -> Iterator[CallChange]:
        nothing = TypedInterface()
        one, other = self.old.launch_plans.get(old, nothing), self.new.launch_plans.get(new, nothing)
        for reason, text in interface_changes(one, other):
            yield CallChange(reason, text)
        if old != new and (old, new) not in self.same_plans:
            yield CallChange(Reason.CODE, "what it runs changed")

    def _inner(self, old: Node, new: Node, renamed: Mapping[NodeId, NodeId]) -> Iterator[CallChange]:
        """Yield what changed in the nodes that a branch or an array holds."""
        before, after = own_nodes(old), own_nodes(new)
        if [called(node) for node in before] != [called(node) for node in after]:
            yield CallChange(Reason.CODE, "other calls are in it")
            return
        for one, other in zip(before, after, strict=True):
            for change in self._changes(one, other, renamed):
                yield CallChange(change.reason, f"{called(other)} in it: {change.detail}")
