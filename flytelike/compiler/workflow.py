"""Checks of one workflow: its nodes, their bindings, its outputs."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from flytelike.compiler.callee import Callee, takes_none
from flytelike.compiler.casting import castable
from flytelike.compiler.constants import is_value_of, word_for
from flytelike.compiler.describe import describe_type
from flytelike.compiler.faults import entity_fault, within
from flytelike.model.diagnostic import Diagnostic, Label
from flytelike.model.graph import (
    Binding,
    BindingData,
    BoundCollection,
    BoundMap,
    BoundOffloaded,
    BoundPromise,
    BoundScalar,
    Node,
    Promise,
    WorkflowTemplate,
)
from flytelike.model.ids import END_NODE, START_NODE, WORKFLOW_INPUTS, NodeId
from flytelike.model.interface import Variable
from flytelike.model.literals import Literal
from flytelike.model.span import SourceSpan
from flytelike.model.suggestion import nearest
from flytelike.model.types import CollectionType, LiteralType, MapType, SimpleKind, SimpleType, UnionType

NODE_ID = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
"""Node ids become parts of Kubernetes names."""

Resolve = Callable[[Node], Callee | Diagnostic | None]


@dataclass(slots=True)
class WorkflowCheck:
    """Checks a workflow. A node whose callee is unknown is told once; what follows from it is left out."""

    workflow: WorkflowTemplate
    resolve: Resolve
    callees: dict[NodeId, Callee | None] = field(default_factory=dict)
    faults: list[Diagnostic] = field(default_factory=list)
    at: Node | None = None

    def run(self) -> list[Diagnostic]:
        """Return everything that is wrong, in source order."""
        for node in self.workflow.nodes:
            self.at = node
            self.enter(node)
        for node in self.workflow.nodes:
            self.at = node
            self.check_node(node)
        self.at = None
        self.check_outputs()
        self.check_failure_node()
        return self.faults

    def enter(self, node: Node) -> None:
        """Find what a node calls, and check its id."""
        if node.id in self.callees or node.id in {START_NODE, END_NODE, WORKFLOW_INPUTS}:
            first = Label(next(other.span for other in self.workflow.nodes if other.id == node.id), "the first")
            headline = f"two nodes are named `{node.id}`"
            self.add("duplicate-node-id", headline, node.span, "the second", "rename it", first)
            return
        if not NODE_ID.fullmatch(node.id):
            hint = "use letters, digits and dashes, at most 63"
            self.add("invalid-node-id", f"`{node.id}` cannot be a node's id", node.span, "here", hint)
        found = self.resolve(node)
        if isinstance(found, Diagnostic):
            self.faults.append(replace(found, primary=found.primary or Label(None, within(self.workflow, node))))
        self.callees[node.id] = found if isinstance(found, Callee) else None

    def check_failure_node(self) -> None:
        """Refuse a node that is to run when the workflow fails: nothing here could run it."""
        node = self.workflow.failure_node
        if node is not None:
            headline = f"`{node.id}` is to run when the workflow fails, which this version cannot do"
            self.add("unsupported-node-kind", headline, node.span, "here", "register the workflow without it")

    def check_node(self, node: Node) -> None:
        """Check a node's order and bindings."""
        for other in node.upstream:
            if other not in self.callees:
                headline = f"`{node.id}` runs after `{other}`, which does not exist"
                self.add("node-not-found", headline, node.span, "here", "correct the node's id")
        callee = self.callees.get(node.id)
        if callee is None:
            return
        bound: set[str] = set()
        for binding in node.bindings:
            variable = callee.inputs.get(binding.var)
            if binding.var in bound:
                headline = f"the input `{binding.var}` of `{callee.name}` is bound twice"
                self.add("input-bound-twice", headline, binding.span or node.span, "here", "bind it once")
            elif variable is None:
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
            bound.add(binding.var)
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
        source = self.source_of(promise, slot)
        if source is None:
            return
        owner, found = source
        reached = reach(found.type, promise.path)
        declared = Label(found.span, f"the value comes from here ({owner})")
        if isinstance(reached, DeadEnd):
            known = ", ".join(f"`{name}`" for name in reached.names)
            self.add(
                "no-such-field",
                f"`{describe_type(reached.kind)}` has no `{reached.step}`{nearest(reached.step, reached.names)}",
                slot.span,
                "reached into here",
                f"its fields are {known}" if known else "correct the attribute, key or index",
                declared,
            )
        elif not castable(reached, variable.type):
            gives = f"`{describe_type(reached)}` of {owner}"
            self.add_mismatch(slot, variable, gives, declared, help_=advice(reached, variable.type))

    def source_of(self, promise: Promise, slot: "Slot") -> tuple[str, Variable] | None:
        """Return who gives a promised value, and its declaration; None when that was told as a fault."""
        if promise.node_id in {WORKFLOW_INPUTS, START_NODE}:
            found = self.workflow.interface.inputs.get(promise.var)
            owner = "the workflow"
        elif promise.node_id not in self.callees:
            headline = f"a value is taken from the node `{promise.node_id}`, which does not exist"
            self.add("node-not-found", headline, slot.span, "here", "correct the node's id")
            return None
        else:
            callee = self.callees[promise.node_id]
            if callee is None:
                return None
            found, owner = callee.outputs.get(promise.var), f"`{callee.name}`"
        if found is None:
            code, noun = ("unknown-input", "input") if owner == "the workflow" else ("unknown-output", "output")
            self.add(code, f"{owner} has no {noun} `{promise.var}`", slot.span, "taken here", "correct the name")
            return None
        return owner, found

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


def part_of(kind: LiteralType, container: type[CollectionType] | type[MapType]) -> LiteralType | None:
    """Return the element type of a list or map type; of a union, that of its only such variant."""
    match kind.kind:
        case CollectionType(element) if container is CollectionType:
            return element
        case MapType(value) if container is MapType:
            return value
        case UnionType(variants):
            found = [part for variant in variants if (part := part_of(variant, container)) is not None]
            return found[0] if len(found) == 1 else None
        case _:
            return None


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """Where a path into a value leads nowhere: the type there, the step it has not, and those it has."""

    kind: LiteralType
    step: str
    names: tuple[str, ...] = ()


def reach(kind: LiteralType, path: tuple[str | int, ...]) -> LiteralType | DeadEnd:
    """Return the type at the end of a path into a value, or where the path ends before."""
    for step in path:
        found: LiteralType | None = None
        names: tuple[str, ...] = ()
        match kind.kind:
            case CollectionType(element) if isinstance(step, int):
                found = element
            case MapType(value) if isinstance(step, str):
                found = value
            case SimpleType(SimpleKind.STRUCT):
                fields = dict(kind.structure.fields) if kind.structure else {}
                found, names = fields.get(str(step)) if fields else kind, tuple(fields)
            case _:
                found = None
        if found is None:
            return DeadEnd(kind, f"[{step}]" if isinstance(step, int) else step, names)
        kind = found
    return kind


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
