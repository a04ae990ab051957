"""Values that are computed and go nowhere."""

from collections.abc import Iterator, Mapping

from flytelike.compiler.callee import Callee
from flytelike.compiler.faults import entity_fault, within
from flytelike.compiler.graph import Edges, aside, promises, sources
from flytelike.model.diagnostic import Diagnostic, Severity
from flytelike.model.graph import WorkflowTemplate
from flytelike.model.ids import END_NODE, NodeId


def unused_outputs(
    workflow: WorkflowTemplate, edges: Edges, callees: Mapping[NodeId, Callee | None]
) -> Iterator[Diagnostic]:
    """Yield a warning for each call whose value nothing takes and that nothing waits for."""
    taken = {promise.node_id for binding in workflow.outputs for promise in promises(binding.data)}
    for inner in aside(workflow):
        taken |= sources(inner)
    for node in workflow.nodes:
        callee = callees.get(node.id)
        # Nobody has to use what a branch or gate gives: it decides or waits.
        if callee is None or not callee.outputs or node.id in taken or callee.noun in {"branch", "gate"}:
            continue
        if edges.downstream.get(node.id) == (END_NODE,):
            yield entity_fault(
                "unused-output",
                f"what `{callee.name}` gives is used by nothing",
                node.span,
                "the value goes nowhere",
                f"return it, give it to another call, or let `{callee.name}` return nothing",
                where=within(workflow, node),
                severity=Severity.WARNING,
            )
