"""`@workflow`: a function whose body says which calls feed which."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict, overload

from typing_extensions import Unpack, override

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.ids import ResourceKind
from flytelike.model.policies import FailurePolicy, WorkflowMetadata
from flytelike.sdk.bound import misplaced, promises_in
from flytelike.sdk.documentation import Documentation
from flytelike.sdk.entity import AnyEntity, NodeEntity, P, R
from flytelike.sdk.failure import failure_node
from flytelike.sdk.faults import fault, label, promise_inside
from flytelike.sdk.local import check_inputs
from flytelike.sdk.local_run import run_nodes
from flytelike.sdk.option_rules import OptionFault, unknown_options, wrong_types
from flytelike.sdk.promise import VoidPromise, source_of
from flytelike.sdk.raised import raised_fault
from flytelike.sdk.results import ResultShapeError, unpacked
from flytelike.sdk.signature import Shape, Signature, plain_function
from flytelike.sdk.source import option_site, option_span
from flytelike.sdk.stand_in import StandIn
from flytelike.sdk.trace import Trace, TracedNode, no_value


class WorkflowOptions(TypedDict, total=False):
    """What `@workflow(...)` takes.

    Attributes:
        failure_policy: What a failed node does to the others.
        interruptible: Whether tasks may run on machines that can be taken away, unless they say.
        on_failure: A task or workflow to run when the workflow fails. It takes inputs of the workflow by name, and
            the failure as `err: FlyteError | None = None`.
        docs: Documentation, instead of the docstring.
    """

    failure_policy: FailurePolicy | None
    interruptible: bool
    on_failure: NodeEntity[..., Any] | None
    docs: Documentation | None


_TYPES: dict[str, tuple[type, ...]] = {
    "failure_policy": (FailurePolicy, type(None)),
    "interruptible": (bool,),
    "docs": (Documentation, type(None)),
}


@dataclass(frozen=True, slots=True)
class Graph:
    """What a body's trace gave: nodes in call order, outputs by name (values and promises), faults."""

    nodes: tuple[TracedNode, ...]
    outputs: Mapping[str, object]
    faults: tuple[Diagnostic, ...] = ()
    failure_node: TracedNode | None = None


class Workflow(NodeEntity[P, R]):
    """A workflow: the author's function, traced when first used."""

    resource_kind = ResourceKind.WORKFLOW

    def __init__(self, function: Callable[P, R], options: WorkflowOptions) -> None:
        """Wrap a function; what is wrong with it or its options is told when it is first used."""
        plain_function(function)
        super().__init__(function, "workflow")
        self.options = options

    @property
    def metadata(self) -> WorkflowMetadata:
        """The options in the model's terms."""
        policy = self.options.get("failure_policy")
        return WorkflowMetadata(
            FailurePolicy.FAIL_IMMEDIATELY if policy is None else policy, self.options.get("interruptible", False)
        )

    @property
    def handler(self) -> "AnyEntity | None":
        """What runs when the workflow fails."""
        found: object = self.options.get("on_failure")
        return found if isinstance(found, NodeEntity) else None

    @cached_property
    def graph(self) -> Graph:
        """The body's nodes and outputs, and what is wrong with it: what its own code raises too."""
        if self.signature.faults:
            return Graph((), {})
        hints = {name: found.hint for name, found in self.signature.inputs.items()}
        trace = Trace(self.short_name, self.signature.input_span, hints)
        promises = {name: trace.input(name) for name in self.signature.inputs}
        outputs: Mapping[str, object] = {}
        try:
            with trace.going_on():
                result = self.function(**promises)  # type: ignore[arg-type, call-arg]
            trace.faults.extend(begun.unfinished() for begun in trace.unfinished)
            outputs = self._outputs(trace, result)
        except DiagnosticError as error:
            trace.faults.extend(error.diagnostics)
        except Exception as error:  # noqa: BLE001 - the author's code may raise anything
            what = f"`{self.short_name}` cannot be put together"
            trace.faults.append(raised_fault("workflow-body-failed", what, error, self.span))
        trace.faults.extend(duplicate_ids(trace.nodes))
        failing = None
        if self.handler is not None:
            site = option_site(self.signature.code, "on_failure")
            failing = failure_node(trace, self.handler, self.signature.inputs, site)
        return Graph(tuple(trace.nodes), outputs, tuple(trace.faults), failing)

    @override
    def faults(self) -> Iterable[Diagnostic]:
        yield from (
            fault(
                found.code,
                found.headline,
                option_span(self.signature.code, found.option),
                help=filter(None, [found.help]),
            )
            for found in _option_faults(self.options)
        )
        yield from self.signature.faults
        yield from self.graph.faults

    @override
    def calls(self) -> Iterable[AnyEntity]:
        found = dict.fromkeys(node.entity for node in self.graph.nodes)
        return (*found, *(() if self.handler is None or self.handler in found else (self.handler,)))

    @override
    def run(self, inputs: Mapping[str, object]) -> Mapping[str, object]:
        """Run each node's Python function in the graph's order; what a task raises passes through."""
        check_inputs(self.short_name, self.signature, inputs)
        return run_nodes(self.graph.nodes, self.graph.outputs, inputs, self.graph.failure_node)

    def _outputs(self, trace: Trace, result: object) -> Mapping[str, object]:
        declared = self.signature.outputs
        if declared.shape is Shape.NOTHING and isinstance(result, VoidPromise):
            return {}
        try:
            outputs = unpacked(declared, result, self.short_name)
        except ResultShapeError as error:
            trace.faults.append(_wrong_shape(self.signature, str(error)))
            return {}
        for name, value in outputs.items():
            if (outer := misplaced(value)) is not None:
                what = declared.described(name, self.short_name)
                spans = self.signature.returned_span(), self.signature.output_span()
                trace.faults.append(promise_inside(outer, what, *spans))
        for promise in promises_in(list(outputs.values())):
            if isinstance(promise, VoidPromise):
                trace.faults.append(_void_output(self.signature, promise.__flytelike_node__))
                return {}
            if isinstance(promise, StandIn):
                trace.faults.append(no_value(promise, f"`{self.short_name}`", self.signature.returned_span()))
                return {}
            if source_of(promise).trace is not trace:
                trace.refuse_foreign(self.signature.returned_span())
        return outputs


@overload
def workflow(function: Callable[P, R], /) -> Workflow[P, R]: ...


@overload
def workflow(**options: Unpack[WorkflowOptions]) -> Callable[[Callable[P, R]], Workflow[P, R]]: ...


def workflow(
    function: Callable[P, R] | None = None, /, **options: Unpack[WorkflowOptions]
) -> Workflow[P, R] | Callable[[Callable[P, R]], Workflow[P, R]]:
    """Make a workflow of a function. Used with or without parentheses.

    Args:
        function: The function, when used without parentheses.
        **options: See `WorkflowOptions`.
    """
    if function is not None:
        return Workflow(function, options)
    return lambda decorated: Workflow(decorated, options)


def _option_faults(options: WorkflowOptions) -> Iterator[OptionFault]:
    yield from unknown_options(options, {**_TYPES, "on_failure": ()})
    yield from wrong_types(options, _TYPES)
    handler: object = options.get("on_failure")
    if handler is not None and not isinstance(handler, NodeEntity):
        headline = f"`on_failure` must be a task or workflow, not {type(handler).__name__}"
        yield OptionFault("invalid-option", "on_failure", headline)


def duplicate_ids(nodes: Iterable[TracedNode]) -> Iterator[Diagnostic]:
    """Tell nodes that have an earlier one's id."""
    first: dict[str, TracedNode] = {}
    for node in nodes:
        other = first.setdefault(node.id, node)
        if other is not node:
            yield fault(
                "duplicate-node-id",
                f"two nodes are named `{node.id}`",
                node.span,
                "the second",
                help=("give each call a `node_name` of its own",),
                related=(label(other.span, "the first"),),
            )


def _wrong_shape(signature: Signature, text: str) -> Diagnostic:
    return fault(
        "wrong-outputs", text, signature.returned_span(), "what is returned and what is declared must agree",
        help=("change the return annotation or the `return`",),
        related=(label(signature.output_span(), "declared here"),),
    )  # fmt: skip


def _void_output(signature: Signature, node: TracedNode) -> Diagnostic:
    return fault(
        "no-output-to-use", f"`{node.entity.short_name}` has no output to return", signature.returned_span(),
        "there is no value here",
        help=(f"annotate what `{node.entity.short_name}` returns, or return nothing",),
    )  # fmt: skip
