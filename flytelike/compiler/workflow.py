"""Checks of one workflow: its nodes, their bindings, its outputs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self, assert_never

from flytelike.compiler.array import array_faults
from flytelike.compiler.branch import branch_faults, partly_given
from flytelike.compiler.callee import Callee
from flytelike.compiler.callees import Callees, Resolve
from flytelike.compiler.casting import castable
from flytelike.compiler.constants import is_value_of, word_for
from flytelike.compiler.describe import describe_type
from flytelike.compiler.failure_node import failure_callee, failure_node_faults
from flytelike.compiler.faults import entity_fault, within
from flytelike.compiler.gate import gate_faults, signal_faults
from flytelike.compiler.graph import aside, promises
from flytelike.compiler.nesting import all_nodes
from flytelike.compiler.reach import DeadEnd, part_of, reach
from flytelike.model.array import takes_none
from flytelike.model.diagnostic import Diagnostic, Label
from flytelike.model.gate import Approval
from flytelike.model.graph import (
    ArrayTarget,
    Binding,
    BindingData,
    BoundCollection,
    BoundMap,
    BoundOffloaded,
    BoundPromise,
    BoundScalar,
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
from flytelike.model.ids import END_NODE, START_NODE, WORKFLOW_INPUTS, NodeId
from flytelike.model.interface import Variable
from flytelike.model.literals import Literal
from flytelike.model.priority import PRIORITY_MAX, is_priority
from flytelike.model.span import SourceSpan
from flytelike.model.suggestion import nearest
from flytelike.model.types import CollectionType, LiteralType, MapType, SimpleKind, SimpleType, UnionType

NODE_ID = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
"""Node ids become parts of Kubernetes names."""


@dataclass(slots=True)
class WorkflowCheck:
    """Checks a workflow. A node whose callee is unknown is told once; what follows from it is left out."""

    workflow: WorkflowTemplate
    callees: Callees
    faults: list[Diagnostic] = field(default_factory=list)
    at: Node | None = None
    second: set[int] = field(default_factory=set)
    """Nodes, by identity, whose id another one has: what they call is not known by it."""

    @classmethod
    def of(cls, workflow: WorkflowTemplate, resolve: Resolve) -> Self:
        """Return the check of a workflow in which nodes inside branches have ids of their own."""
        return cls(workflow, Callees(workflow, resolve))

    def run(self) -> list[Diagnostic]:
        """Return everything that is wrong, in source order."""
        self.callees.faults = self.faults
        for node in self.workflow.nodes:
            self.enter(node, self.callees.of)
        for node in aside(self.workflow):
            self.enter(node, self.callees.aside)
        self.callees.derive()
        for node in self.workflow.nodes:
            self.check_node(node)
        self.at = None
        self.check_outputs()
        self.check_failure_node()
        self.faults.extend(signal_faults(self.workflow))
        return self.faults

    def enter(self, node: Node, into: dict[NodeId, Callee | None]) -> None:
        """Find what a node calls, and check its id."""
        self.at = node
        if node.id in self.callees or node.id in {START_NODE, END_NODE, WORKFLOW_INPUTS}:
            first = next((other.span for other in all_nodes(self.workflow) if other.id == node.id), None)
            headline = f"two nodes are named `{node.id}`"
            self.add("duplicate-node-id", headline, node.span, "the second", "rename it", Label(first, "the first"))
            self.second.add(id(node))
            return
        if not NODE_ID.fullmatch(node.id):
            hint = "use letters, digits and dashes, at most 63"
            self.add("invalid-node-id", f"`{node.id}` cannot be a node's id", node.span, "here", hint)
        self.callees.enter(node, into)

    def check_failure_node(self) -> None:
        """Check the node that runs when the workflow fails."""
        node = self.workflow.failure_node
        if node is not None:
            self.check_node(node)
            self.faults.extend(failure_node_faults(self.workflow, node, self.callee_of(node)))

    def callee_of(self, node: Node) -> Callee | None:
        """Return what a node calls; None when that is not known."""
        if id(node) in self.second:
            return None
        callee = self.callees.of.get(node.id) or self.callees.aside.get(node.id)
        return failure_callee(callee) if callee is not None and node is self.workflow.failure_node else callee

    def check_node(self, node: Node) -> None:
        """Check a node's order, its bindings, and what is peculiar to its kind."""
        self.at = node
        callee = self.callee_of(node)
        for other in node.upstream:
            if other not in self.callees.of:
                headline = f"`{node.id}` runs after `{other}`, which does not exist"
                self.add("node-not-found", headline, node.span, "here", "correct the node's id")
        for held in (node, *(inner_nodes(node) if isinstance(node.target, ArrayTarget) else ())):
            self.check_priority(held)
        target = node.target
        match target:
            case TaskTarget() | SubWorkflowTarget() | LaunchPlanTarget():
                self.check_bindings(node, callee)
            case BranchTarget():
                self.check_own_inputs(node)
                inputs = self.callees.inputs(node)
                self.faults.extend(branch_faults(self.workflow, node, target, inputs, self.callees.aside))
                for inner in inner_nodes(node):
                    self.check_node(inner)
            case GateTarget(Approval()):
                self.check_own_inputs(node)
            case GateTarget():
                self.faults.extend(gate_faults(self.workflow, node, target))
                self.check_bindings(node, callee)
            case ArrayTarget():
                self.faults.extend(array_faults(self.workflow, node, target, callee))
                self.check_bindings(node, callee)
            case _:
                assert_never(target)

    def check_priority(self, node: Node) -> None:
        """Check how urgent a node is."""
        priority = node.metadata.priority
        if priority is not None and not is_priority(priority):
            headline = f"`{node.id}` has the priority {priority}, beyond {PRIORITY_MAX}"
            hint = f"choose one between -{PRIORITY_MAX} and {PRIORITY_MAX}"
            self.add("invalid-priority", headline, node.span, "here", hint)

    def check_own_inputs(self, node: Node) -> None:
        """Check the bindings of a node that takes whatever it is bound to."""
        whole = Callee.of_node("node", node, {}, {})
        for binding in self.bound_once(node, whole):
            for promise in promises(binding.data):
                self.reached(promise, Slot(whole, binding, binding.span or node.span))

    def bound_once(self, node: Node, callee: Callee) -> Iterator[Binding]:
        """Yield a node's bindings, and tell those of an input that was bound before."""
        bound: set[str] = set()
        for binding in node.bindings:
            if binding.var in bound:
                headline = f"the input `{binding.var}` of `{callee.name}` is bound twice"
                self.add("input-bound-twice", headline, binding.span or node.span, "here", "bind it once")
            else:
                yield binding
            bound.add(binding.var)

    def check_bindings(self, node: Node, callee: Callee | None) -> None:
        """Check that each input is bound once, to a value of its type."""
        if callee is None:
            return
        bound: set[str] = set()
        for binding in self.bound_once(node, callee):
            bound.add(binding.var)
            variable = callee.inputs.get(binding.var)
            if variable is None:
                known = ", ".join(f"`{name}`" for name in callee.inputs)
                self.add(
                    "unknown-input",
                    f"`{callee.name}` has no input `{binding.var}`{nearest(binding.var, callee.inputs)}",
                    binding.span or node.span,
                    "this value would go nowhere",
                    f"its inputs are {known}" if known else "call it without inputs",
                )
            else:
                self.check_data(binding.data, variable, Slot(callee, binding, binding.span or node.span))
        if not callee.needed <= bound:
            self.add_unbound(node, callee, bound)

    def add_unbound(self, node: Node, callee: Callee, bound: set[str]) -> None:
        """Tell each needed input that is not bound."""
        for name in callee.inputs:
            if name in callee.needed and name not in bound:
                variable = callee.inputs[name]
                self.add(
                    "missing-input",
                    f"`{callee.name}` is called without `{name}`, which has no default",
                    node.span,
                    f"`{name}=...` is missing",
                    f"give it a value of type `{describe_type(variable.type)}`",
                    Label(variable.span, "declared here"),
                )

    def check_outputs(self) -> None:
        """Check that each output of the workflow is bound once, to a value of its type."""
        outputs = self.workflow.interface.outputs
        bound: set[str] = set()
        name = self.workflow.id.name.rpartition(".")[2]
        whole = Callee("workflow", name, outputs, frozenset(), {})
        for binding in self.workflow.outputs:
            span = binding.span or self.workflow.span
            if binding.var in bound or binding.var not in outputs:
                code = "output-bound-twice" if binding.var in bound else "unknown-output"
                text = "is bound twice" if binding.var in bound else "is not declared"
                headline = f"the output `{binding.var}` of `{name}` {text}"
                self.add(code, headline, span, "here", "bind each declared output once")
            else:
                self.check_data(binding.data, outputs[binding.var], Slot(whole, binding, span, output=True))
            bound.add(binding.var)
        for var in outputs:
            if var not in bound:
                headline = f"the output `{var}` of `{name}` is never given"
                self.add("missing-output", headline, self.workflow.span, "declared here", "return a value for it")

    def check_data(self, data: BindingData, variable: Variable, slot: "Slot") -> None:
        """Check that what is bound is of the expected type."""
        expected = variable.type
        match data:
            case BoundScalar(value):
                if not is_value_of(Literal(value), expected):
                    self.add_mismatch(slot, variable, word_for(Literal(value)))
            case BoundOffloaded(value):
                if value.type is not None and not castable(value.type, expected):
                    self.add_mismatch(slot, variable, f"`{describe_type(value.type)}`")
            case BoundPromise(promise):
                self.check_promise(promise, variable, slot)
            case BoundCollection(items):
                inner = part_of(expected, CollectionType)
                if inner is None:
                    self.add_mismatch(slot, variable, "a list")
                for index, item in enumerate(items if inner is not None else ()):
                    self.check_data(item, Variable(inner or expected, span=variable.span), slot.at(f"[{index}]"))
            case BoundMap(entries):
                inner = part_of(expected, MapType)
                if inner is None and expected.kind != SimpleType(SimpleKind.STRUCT):
                    self.add_mismatch(slot, variable, "a dict")
                for key, item in entries.items() if inner is not None else ():
                    self.check_data(item, Variable(inner or expected, span=variable.span), slot.at(f"[{key!r}]"))

    def check_promise(self, promise: Promise, variable: Variable, slot: "Slot") -> None:
        """Check that a promise names an output that exists and is of the expected type."""
        found = self.reached(promise, slot)
        if found is not None and not castable(found.type, variable.type):
            gives = f"`{describe_type(found.type)}` of {found.owner}"
            self.add_mismatch(slot, variable, gives, found.declared, help_=advice(found.type, variable.type))

    def reached(self, promise: Promise, slot: "Slot") -> "Source | None":
        """Return where a promised value comes from; None when that was told as a fault."""
        source = self.source_of(promise, slot)
        if source is None:
            return None
        owner, found = source
        reached = reach(found.type, promise.path) if promise.path else found.type
        if not isinstance(reached, DeadEnd):
            return Source(owner, reached, found)
        known = ", ".join(f"`{name}`" for name in reached.names)
        self.add(
            "no-such-field",
            f"`{describe_type(reached.kind)}` has no `{reached.step}`{nearest(reached.step, reached.names)}",
            slot.span,
            "reached into here",
            f"its fields are {known}" if known else "correct the attribute, key or index",
            Source(owner, reached.kind, found).declared,
        )
        return None

    def source_of(self, promise: Promise, slot: "Slot") -> tuple[str, Variable] | None:
        """Return who gives a promised value, and its declaration; None when that was told as a fault."""
        if promise.node_id in {WORKFLOW_INPUTS, START_NODE}:
            owner = "the workflow"
        elif promise.node_id not in self.callees.of:
            headline = f"a value is taken from the node `{promise.node_id}`, which does not exist"
            self.add("node-not-found", headline, slot.span, "here", "correct the node's id")
            return None
        else:
            callee = self.callees.of[promise.node_id]
            if callee is None:
                return None
            owner = f"`{callee.name}`"
        found = self.callees.variable(promise)
        if found is None:
            self.add_absent(promise, owner, slot)
            return None
        return owner, found

    def add_absent(self, promise: Promise, owner: str, slot: "Slot") -> None:
        """Tell an output, or an input of the workflow, that does not exist, or not in each case of a branch."""
        branch = self.callees.derived.get(promise.node_id)
        partly = None if branch is None else partly_given(branch, promise.var, self.callees.aside)
        if partly is not None:
            words, labels = partly
            headline = f"not every case of {owner} gives `{promise.var}`: {words}"
            remedy = "let each case give it, or take an output that all cases give"
            self.add("output-of-some-cases", headline, slot.span, "taken here", remedy, *labels)
            return
        code, noun = ("unknown-input", "input") if owner == "the workflow" else ("unknown-output", "output")
        self.add(code, f"{owner} has no {noun} `{promise.var}`", slot.span, "taken here", "correct the name")

    def add_mismatch(
        self, slot: "Slot", variable: Variable, got: str, *related: Label, help_: str | None = None
    ) -> None:
        """Tell that a value has another type than expected, with both ends."""
        expected = describe_type(variable.type)
        if slot.output:
            headline = f"{slot.described} is declared `{expected}`, got {got}"
            remedy = f"return a value of type `{expected}`, or change the annotation"
        else:
            headline = f"`{slot.callee.name}` expects `{expected}` for {slot.described}, got {got}"
            remedy = f"give a value of type `{expected}`, or change the annotation of `{slot.binding.var}`"
        self.add(
            "mismatching-types",
            headline,
            slot.span,
            f"expected `{expected}`",
            help_ or remedy,
            Label(variable.span, "declared here"),
            *related,
        )

    def add(self, code: str, headline: str, span: SourceSpan | None, text: str, help_: str, *related: Label) -> None:
        """Keep a fault."""
        where = within(self.workflow, self.at)
        self.faults.append(entity_fault(code, headline, span, text, help_, *related, where=where))


class Source(NamedTuple):
    """Where a promised value comes from: who gives it, the type of what is taken, and the whole value."""

    owner: str
    type: LiteralType
    whole: Variable

    @property
    def declared(self) -> Label:
        """Where the value is declared."""
        return Label(self.whole.span, f"the value comes from here ({self.owner})")


@dataclass(frozen=True, slots=True)
class Slot:
    """What is being bound: an input of a callee, or an output of the workflow; `path` leads into it."""

    callee: Callee
    binding: Binding
    span: SourceSpan | None
    output: bool = False
    path: str = ""

    @property
    def described(self) -> str:
        """What people call it: Flyte's `o0` is no word of theirs."""
        if not self.output:
            return f"`{self.binding.var}{self.path}`"
        place = f" at `{self.path}`" if self.path else ""
        if list(self.callee.inputs) == ["o0"]:
            return f"the result of `{self.callee.name}`{place}"
        if re.fullmatch(r"o\d+", self.binding.var):
            return f"output {int(self.binding.var[1:]) + 1} of `{self.callee.name}`{place}"
        return f"the output `{self.binding.var}` of `{self.callee.name}`{place}"

    def at(self, step: str) -> "Slot":
        """Return a part of it."""
        return replace(self, path=self.path + step)


def advice(got: LiteralType, expected: LiteralType) -> str | None:
    """Return what to do about two types that authors often take to fit; None for all others."""
    if got.kind == SimpleType(SimpleKind.INTEGER) and expected.kind == SimpleType(SimpleKind.FLOAT):
        return "an int is not taken for a float here: declare `float` on both sides, or convert it in a task"
    if isinstance(got.kind, UnionType) and takes_none(got):
        some = [variant for variant in got.kind.variants if variant.kind != SimpleType(SimpleKind.NONE)]
        if all(castable(replace(variant, structure=None), expected) for variant in some):
            whole = f"{describe_type(expected)} | None"
            return f"the value may be None: take `{whole}`, or decide in a task what None stands for"
    return None
