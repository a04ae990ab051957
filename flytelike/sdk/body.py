"""What tracing a body gives, and whether it is sound: for workflows, and for dynamic tasks at run time."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flytelike.model.diagnostic import Diagnostic
from flytelike.sdk.bound import misplaced, promises_in
from flytelike.sdk.entity import AnyEntity
from flytelike.sdk.faults import fault, label, promise_inside
from flytelike.sdk.promise import VoidPromise, source_of
from flytelike.sdk.results import ResultShapeError, unpacked
from flytelike.sdk.signature import Shape, Signature
from flytelike.sdk.stand_in import StandIn
from flytelike.sdk.trace import Trace, TracedNode, no_value


@dataclass(frozen=True, slots=True)
class Graph:
    """What a body's trace gave: nodes in call order, outputs by name (values and promises), faults."""

    nodes: tuple[TracedNode, ...]
    outputs: Mapping[str, object]
    faults: tuple[Diagnostic, ...] = ()
    failure_node: TracedNode | None = None


def outputs_of(entity: AnyEntity, trace: Trace, result: object) -> Mapping[str, object]:
    """Return what a body returned by output name; what is wrong with it is kept among the trace's faults."""
    signature = entity.signature
    declared = signature.outputs
    if declared.shape is Shape.NOTHING and isinstance(result, VoidPromise):
        return {}
    try:
        outputs = unpacked(declared, result, entity.short_name)
    except ResultShapeError as error:
        trace.faults.append(_wrong_shape(signature, str(error)))
        return {}
    for name, value in outputs.items():
        if (outer := misplaced(value)) is not None:
            what = declared.described(name, entity.short_name)
            spans = signature.returned_span(), signature.output_span()
            trace.faults.append(promise_inside(outer, what, *spans))
    for promise in promises_in(list(outputs.values())):
        if isinstance(promise, VoidPromise):
            trace.faults.append(_void_output(signature, promise.__flytelike_node__))
            return {}
        if isinstance(promise, StandIn):
            trace.faults.append(no_value(promise, f"`{entity.short_name}`", signature.returned_span()))
            return {}
        if source_of(promise).trace is not trace:
            trace.refuse_foreign(signature.returned_span())
    return outputs


def duplicate_ids(nodes: Iterable[TracedNode]) -> Iterator[Diagnostic]:
    """Yield a fault for each node that has the id of an earlier one."""
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
