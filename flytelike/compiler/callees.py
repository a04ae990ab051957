"""What the nodes of one workflow call, each as its neighbours see it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import assert_never

from flytelike.compiler.array import array_callee
from flytelike.compiler.branch import branch_callee
from flytelike.compiler.callee import Callee
from flytelike.compiler.condition import Input
from flytelike.compiler.faults import within
from flytelike.compiler.gate import gate_callee
from flytelike.compiler.graph import sources
from flytelike.compiler.reach import DeadEnd, reach, type_of
from flytelike.model.diagnostic import Diagnostic, Label
from flytelike.model.gate import Approval
from flytelike.model.graph import (
    ArrayTarget,
    BindingData,
    BoundPromise,
    BranchTarget,
    GateTarget,
    LaunchPlanTarget,
    Node,
    Promise,
    SubWorkflowTarget,
    TaskTarget,
    WorkflowTemplate,
    inner_nodes,
)
from flytelike.model.ids import START_NODE, WORKFLOW_INPUTS, NodeId
from flytelike.model.interface import Variable
from flytelike.model.span import SourceSpan
from flytelike.model.types import LiteralType

Resolve = Callable[[Node], Callee | Diagnostic | None]


@dataclass(slots=True)
class Callees:
    """What nodes call; None where that is not known, which was told as a fault.

    `of` holds the nodes of the graph, `aside` those inside branches and the failure node, from which nothing
    takes a value. Branches and approvals give what others give, so they come last (`derive`).
    """

    workflow: WorkflowTemplate
    resolve: Resolve
    of: dict[NodeId, Callee | None] = field(default_factory=dict)
    aside: dict[NodeId, Callee | None] = field(default_factory=dict)
    faults: list[Diagnostic] = field(default_factory=list)
    derived: dict[NodeId, Node] = field(default_factory=dict)

    def __contains__(self, node: NodeId) -> bool:
        """Tell whether a node was entered."""
        return node in self.of or node in self.aside

    def enter(self, node: Node, into: dict[NodeId, Callee | None]) -> None:
        """Take in a node whose id is not taken; `into` is one of this object's own."""
        into[node.id] = self._called(node, node)

    def _called(self, node: Node, told_at: Node) -> Callee | None:
        target = node.target
        match target:
            case TaskTarget() | SubWorkflowTarget() | LaunchPlanTarget():
                # What an array repeats is told at the array: its own id is no place that people know.
                inner = node is not told_at
                found = self.resolve(replace(node, id=told_at.id, span=node.span or told_at.span) if inner else node)
                if isinstance(found, Diagnostic):
                    place = found.primary or Label(None, within(self.workflow, told_at))
                    self.faults.append(replace(found, primary=place))
                return found if isinstance(found, Callee) else None
            case ArrayTarget(inner):
                element = self._called(inner, told_at)
                return None if element is None else array_callee(target, element)
            case GateTarget(Approval()) | BranchTarget():
                if node is told_at:
                    self.derived[node.id] = node
                return None
            case GateTarget(gate):
                return gate_callee(node, gate, None)
            case _:
                assert_never(target)

    def derive(self) -> None:
        """Find what branches and approvals give, each after those it depends on; a circle of them stays unknown."""
        sorter: TopologicalSorter[NodeId] = TopologicalSorter()
        for node in self.derived.values():
            before = sources(node) | {inner.id for inner in inner_nodes(node)}
            sorter.add(node.id, *(before & self.derived.keys()))
        # What comes before a circle is still given; the circle itself is told with the edges.
        with suppress(CycleError):
            sorter.prepare()
        while sorter.is_active():
            ready = sorter.get_ready()
            for name in ready:
                self._derive(self.derived[name])
            sorter.done(*ready)

    def _derive(self, node: Node) -> None:
        table = self.of if node.id in self.of else self.aside
        inputs = self.inputs(node)
        known = {
            name: Variable(found.type, span=found.declared) for name, found in inputs.items() if found.type is not None
        }
        match node.target:
            case GateTarget(gate):
                table[node.id] = gate_callee(node, gate, known if len(known) == len(inputs) else None)
            case _:
                table[node.id] = branch_callee(node, known, self.aside)

    def inputs(self, node: Node) -> dict[str, Input]:
        """Return what a node is bound to, by name."""
        return {
            binding.var: Input(
                type_of(binding.data, self.promised),
                binding.span or node.span,
                self._declared(binding.data),
            )
            for binding in node.bindings
        }

    def _declared(self, data: BindingData) -> SourceSpan | None:
        found = self.variable(data.promise) if isinstance(data, BoundPromise) else None
        return None if found is None else found.span

    def variable(self, promise: Promise) -> Variable | None:
        """Return the output, or the workflow's input, that a promise names; None when there is none."""
        if promise.node_id in {WORKFLOW_INPUTS, START_NODE}:
            return self.workflow.interface.inputs.get(promise.var)
        callee = self.of.get(promise.node_id)
        return None if callee is None else callee.outputs.get(promise.var)

    def promised(self, promise: Promise) -> LiteralType | None:
        """Return the type of a promised value; None when it is not known."""
        found = self.variable(promise)
        reached = None if found is None else reach(found.type, promise.path)
        return None if isinstance(reached, DeadEnd) else reached
