"""What compiles, and what the engine of this version cannot run."""

from collections.abc import Iterator
from typing import assert_never

from flytelike.compiler.faults import entity_fault, within
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.graph import (
    ArrayTarget,
    BranchTarget,
    GateTarget,
    LaunchPlanTarget,
    NodeTarget,
    SubWorkflowTarget,
    TaskTarget,
    WorkflowTemplate,
)


def unsupported_kind(target: NodeTarget) -> str | None:
    """Return the word for a kind of nodes that cannot be run; None for one that can."""
    match target:
        case TaskTarget() | SubWorkflowTarget() | LaunchPlanTarget() | ArrayTarget():
            return None
        case BranchTarget():
            return "branch"
        case GateTarget():
            return "gate"
        case _:
            assert_never(target)


def unsupported_nodes(workflow: WorkflowTemplate) -> Iterator[Diagnostic]:
    """Tell each node of a workflow that cannot be run."""
    for node in workflow.nodes:
        kind = unsupported_kind(node.target)
        if kind is not None:
            yield entity_fault(
                "unsupported-node-kind",
                f"the node `{node.id}` is of the kind `{kind}`, which this version cannot run",
                node.span,
                "here",
                "replace it by tasks, sub-workflows or launch plans",
                where=within(workflow, node),
            )
    failing = workflow.failure_node
    if failing is not None:
        yield entity_fault(
            "unsupported-node-kind",
            f"`{failing.id}` is to run when the workflow fails, which this version cannot do",
            failing.span,
            "here",
            "register the workflow without it",
            where=within(workflow),
        )
