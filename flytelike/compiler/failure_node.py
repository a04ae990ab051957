"""The node that runs when a workflow fails: where its inputs may come from."""

from collections.abc import Iterator
from dataclasses import replace

from flytelike.compiler.callee import Callee
from flytelike.compiler.faults import entity_fault, within
from flytelike.compiler.graph import promises
from flytelike.compiler.nesting import branch_nodes
from flytelike.model.diagnostic import Diagnostic, Label
from flytelike.model.graph import Binding, Node, WorkflowTemplate
from flytelike.model.ids import START_NODE, WORKFLOW_INPUTS, NodeId
from flytelike.model.types import LiteralType, SimpleKind, SimpleType, UnionType


def is_error(kind: LiteralType) -> bool:
    """Tell whether an input takes the failure of its workflow."""
    if isinstance(kind.kind, UnionType):
        return any(is_error(variant) for variant in kind.kind.variants)
    return kind.kind == SimpleType(SimpleKind.ERROR)


def failure_callee(callee: Callee) -> Callee:
    """Return what a failure node calls with its error as an input that need not be bound."""
    errors = {name for name, found in callee.inputs.items() if is_error(found.type)}
    return replace(callee, needed=callee.needed - errors)


def taken(node: Node) -> Iterator[tuple[Binding, NodeId]]:
    """Yield what a node takes from others, each with the other's id."""
    for binding in node.bindings:
        for promise in promises(binding.data):
            if promise.node_id not in {WORKFLOW_INPUTS, START_NODE}:
                yield binding, promise.node_id


def failure_node_faults(workflow: WorkflowTemplate, node: Node, callee: Callee | None) -> Iterator[Diagnostic]:
    """Find inputs of a failure node that nothing can give when the workflow has failed."""
    for taker in (node, *branch_nodes(node)):
        for binding, source in taken(taker):
            yield entity_fault(
                "failure-input-of-node",
                f"`{taker.id}` runs when the workflow fails, and takes `{binding.var}` from `{source}`, "
                "which may not have run",
                binding.span or taker.span,
                "taken here",
                "give it the workflow's inputs only, and the error",
                where=within(workflow, taker),
            )
    errors = [name for name, found in callee.inputs.items() if is_error(found.type)] if callee is not None else []
    if callee is not None and len(errors) > 1:
        listed = ", ".join(f"`{name}`" for name in errors)
        yield entity_fault(
            "several-error-inputs",
            f"`{callee.name}` runs when the workflow fails, and takes the error more than once: {listed}",
            node.span,
            "here",
            "let it take the error as one input",
            *(Label(callee.inputs[name].span, f"`{name}`") for name in errors),
            where=within(workflow, node),
        )
