"""Traced nodes to nodes of templates."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flytelike.model.condition import (
    Comparison,
    Condition,
    Conjunction,
    InputOperand,
    Operand,
    PrimitiveOperand,
    ScalarOperand,
)
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.graph import (
    ArrayDataMode,
    ArrayExecutionMode,
    ArrayTarget,
    Binding,
    BoundPromise,
    BranchCase,
    BranchTarget,
    GateTarget,
    LaunchPlanTarget,
    Node,
    NodeTarget,
    Promise,
    SubWorkflowTarget,
    TaskTarget,
)
from flytelike.model.ids import WORKFLOW_INPUTS, NodeId, ResourceKind
from flytelike.model.literals import ErrorValue, Primitive
from flytelike.model.policies import NodeMetadata
from flytelike.model.span import SourceSpan
from flytelike.sdk import condition as traced
from flytelike.sdk.bindings import Place, bindings, literal_of
from flytelike.sdk.branch import Branch
from flytelike.sdk.entity import AnyEntity
from flytelike.sdk.faults import fault
from flytelike.sdk.gate import Approval, Gate
from flytelike.sdk.launch_plan import LaunchPlan
from flytelike.sdk.map_task import MapTask
from flytelike.sdk.naming import identifier_of, relative
from flytelike.sdk.node_options import aliases, node_metadata, task_overrides
from flytelike.sdk.promise import Promise as PromisedValue
from flytelike.sdk.promise import source_of
from flytelike.sdk.promised import Source, hint_of, written
from flytelike.sdk.settings import Settings
from flytelike.sdk.signature import NO_DEFAULT
from flytelike.sdk.source import CallSite
from flytelike.sdk.trace import TracedNode
from flytelike.types.annotated import bare

ELEMENT = NodeId("element")
"""The id of what a map repeats; nobody sees it."""


@dataclass(slots=True)
class NodeTemplates:
    """Makes nodes of one registration; what does not fit is kept among `faults`."""

    settings: Settings
    faults: list[Diagnostic]
    spans: dict[int, dict[str, SourceSpan]] = field(default_factory=dict)

    def node(self, node: TracedNode) -> Node:
        """Return the node of a template."""
        bound = self.bound(node)
        return Node(
            node.id,
            self.target(node, node.entity, bound),
            bound,
            tuple(sorted({other.id for other in node.upstream})),
            self.metadata(node),
            aliases(node.options),
            self.relative(node.span),
        )

    def metadata(self, node: TracedNode) -> NodeMetadata:
        """Return a node's policies; those of a map are its elements'."""
        entity = node.entity
        if isinstance(entity, MapTask):
            return NodeMetadata(name=node.options.get("name", entity.node_name))
        found = node_metadata(node.options, entity.node_name)
        if isinstance(entity, Gate) and found.timeout_ns is None:
            return replace(found, timeout_ns=entity.timeout_ns)
        return found

    def target(self, node: TracedNode, entity: AnyEntity, bound: tuple[Binding, ...]) -> NodeTarget:
        """Return what a node runs: `entity`, or what that repeats."""
        if isinstance(entity, Branch):
            return self.branch(entity)
        if isinstance(entity, MapTask):
            return self.array(node, entity, bound)
        if isinstance(entity, Gate):
            return GateTarget(entity.waits_for)
        identifier = identifier_of(entity, self.settings)
        match identifier.kind:
            case ResourceKind.TASK:
                return TaskTarget(identifier, task_overrides(node.options))
            case ResourceKind.WORKFLOW:
                return SubWorkflowTarget(identifier)
            case _:
                return LaunchPlanTarget(identifier)

    def array(self, node: TracedNode, entity: MapTask[..., Any], bound: tuple[Binding, ...]) -> ArrayTarget:
        """Return what a map repeats: the plain task, each element with inputs of its own.

        Flyte's SDK sends a map of a reference task so; the tasks it maps by itself are templates of their own, whose
        command picks the element.
        """
        target, options = entity.target, entity.options
        if isinstance(target, MapTask):
            by_task, metadata = False, NodeMetadata()
        else:
            by_task, metadata = target.is_task, node_metadata(node.options, "")
        metadata = replace(metadata, name=target.node_name)
        inner = Node(ELEMENT, self.target(node, target, bound), bound, metadata=metadata)
        return ArrayTarget(
            inner,
            options.concurrency,
            options.success,
            entity.shared_in(node.arguments),
            original_interface=True,
            execution_mode=ArrayExecutionMode.MINIMAL_STATE if by_task else ArrayExecutionMode.FULL_STATE,
            data_mode=ArrayDataMode.INDIVIDUAL_INPUT_FILES if by_task else ArrayDataMode.SINGLE_INPUT_FILE,
            run_all_elements=options.run_all,
        )

    def bound(self, node: TracedNode) -> tuple[Binding, ...]:
        """Return what a node is bound to."""
        match node.entity:
            case Approval():
                value = node.arguments["o0"]
                assert isinstance(value, PromisedValue), "a gate takes nothing else"
                return (Binding("o0", promised(source_of(value)), self.relative(node.span)),)
            case Branch() as branch:
                span = self.relative(node.span)
                sources = {operand_name(source): source for source in branch.sources}
                return tuple(Binding(name, promised(sources[name]), span) for name in sorted(sources))
            case _:
                return self.given(node)

    def given(self, node: TracedNode) -> tuple[Binding, ...]:
        """Return given arguments, then defaults of those left out."""
        entity = node.entity
        declared = entity.signature.inputs
        arguments = dict(node.arguments)
        hints = {name: found.hint for name, found in declared.items()}
        if not isinstance(called(entity), LaunchPlan):
            for name, found in declared.items():
                if name not in arguments and found.default is not NO_DEFAULT:
                    arguments[name] = found.default
                    hints[name] = called(entity).signature.inputs[name].hint
        place = Place(
            default=self.relative(node.span),
            spans=self.argument_spans(node.site),
            wanted=lambda name: f"`{name}` of `{entity.short_name}`",
            declared=lambda name: self.relative(entity.signature.input_span(name)),
        )
        return bindings(arguments, hints, place, self.faults)

    def branch(self, branch: Branch) -> BranchTarget:
        """Return the cases of a branch."""
        cases = tuple(BranchCase(self.condition(case.condition, branch), self.node(case.node)) for case in branch.cases)
        if isinstance(branch.otherwise, TracedNode):
            return BranchTarget(cases, self.node(branch.otherwise))
        return BranchTarget(cases, ErrorValue(branch.short_name, branch.otherwise))

    def condition(self, condition: traced.Condition, branch: Branch) -> Condition:
        """Return a condition in the model's terms."""
        match condition:
            case traced.Compared(comparator=comparator, left=left, right=right):
                other = InputOperand(operand_name(right)) if isinstance(right, Source) else None
                return Comparison(
                    comparator,
                    InputOperand(operand_name(left)),
                    other or self.constant(right, left, branch),
                )
            case traced.Joined(junction=junction, left=one, right=another):
                return Conjunction(junction, self.condition(one, branch), self.condition(another, branch))
            case _:
                raise TypeError(f"{condition!r} is no condition")

    def constant(self, value: object, beside: Source, branch: Branch) -> Operand:
        """Return a constant as an operand; beside a float, an int is one too."""
        hint = bare(hint_of(beside))
        if isinstance(value, int) and not isinstance(value, bool) and hint is float:
            value = float(value)
        try:
            scalar = literal_of(value, type(value)).value
        except DiagnosticError as error:
            text = f"`{written(beside)}` is compared with a {type(value).__name__}"
            self.faults.extend(fault(told.code, f"{text}: {told.headline}", branch.span) for told in error.diagnostics)
            return PrimitiveOperand(Primitive(0))
        return PrimitiveOperand(scalar) if isinstance(scalar, Primitive) else ScalarOperand(scalar)  # type: ignore[arg-type]

    def argument_spans(self, site: CallSite) -> Mapping[str, SourceSpan]:
        """Return where the arguments of a call stand; a call in a loop is looked up once."""
        known = self.spans.get(id(site))
        if known is None:
            known = {name: self.relative(span) for name, span in site.argument_spans().items()}
            self.spans[id(site)] = known
        return known

    def relative(self, span: SourceSpan) -> SourceSpan:
        """Return a span whose file is relative to the project's root."""
        return relative(span, self.settings.root)


def called(entity: AnyEntity) -> AnyEntity:
    """Return what is called in the end: what a map repeats."""
    return called(entity.target) if isinstance(entity, MapTask) else entity


def operand_name(source: Source) -> str:
    """Return the name under which a branch is bound to a value: `n0.o0`, `.rows` for an input, as Flyte's SDK does."""
    return ".".join(map(str, ("" if source.node is None else source.node.id, source.var, *source.path)))


def promised(source: Source) -> BoundPromise:
    """Return a value to come as a binding."""
    node = WORKFLOW_INPUTS if source.node is None else source.node.id
    return BoundPromise(Promise(node, source.var, source.path))
