"""What arrays take and give, and what is wrong with them."""

from collections.abc import Iterator
from dataclasses import replace

from flytelike.compiler.callee import Callee
from flytelike.compiler.faults import entity_fault, within
from flytelike.model.array import gives_none, listed
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.graph import (
    ArrayTarget,
    BranchTarget,
    GateTarget,
    MinSuccesses,
    MinSuccessRatio,
    Node,
    WorkflowTemplate,
)
from flytelike.model.suggestion import nearest
from flytelike.model.types import CollectionType


def kind_of(node: Node) -> str:
    """Return the word for a node's kind where only calls are told apart otherwise."""
    return "branch" if isinstance(node.target, BranchTarget) else "gate"


def array_callee(target: ArrayTarget, element: Callee) -> Callee:
    """Return an array as its neighbours see it: lists of what its inner node takes and gives.

    Where the client has made lists already, the inner node's interface is the array's. Inputs that all elements
    share are not lists. An element that may fail gives None (Flyte's SDK declares it so with a ratio below 1 and a
    single output).
    """
    if not target.original_interface:
        return replace(element, noun="array")
    shared = frozenset(target.bound_inputs)
    may_fail = gives_none(target, len(element.outputs))
    return replace(
        element,
        noun="array",
        inputs={name: found if name in shared else listed(found) for name, found in element.inputs.items()},
        outputs={name: listed(found, may_fail=may_fail) for name, found in element.outputs.items()},
    )


def array_faults(
    workflow: WorkflowTemplate, node: Node, target: ArrayTarget, callee: Callee | None
) -> Iterator[Diagnostic]:
    """Find what is wrong with an array but its bindings; `callee` is what `array_callee` gave."""
    where = within(workflow, node)
    inner = target.node.target
    if isinstance(inner, BranchTarget | GateTarget):
        yield entity_fault(
            "unmappable-node",
            f"the array `{node.id}` repeats a {kind_of(target.node)}",
            target.node.span or node.span,
            "here",
            "map a task, a launch plan or a sub-workflow that holds it",
            where=where,
        )
    match target.success:
        case MinSuccessRatio(ratio) if not 0 <= ratio <= 1:
            yield entity_fault(
                "invalid-success-ratio",
                f"the array `{node.id}` succeeds with a ratio of {ratio:g} of its elements",
                node.span,
                "here",
                "give a ratio from 0 to 1",
                where=where,
            )
        case MinSuccessRatio() | MinSuccesses() | None:
            pass
    if callee is not None:
        yield from input_faults(node, target, callee, where)


def input_faults(node: Node, target: ArrayTarget, callee: Callee, where: str) -> Iterator[Diagnostic]:
    """Find shared inputs that do not exist, and an array without anything to go through."""
    for name in target.bound_inputs:
        if name not in callee.inputs:
            known = ", ".join(f"`{other}`" for other in callee.inputs)
            yield entity_fault(
                "unknown-input",
                f"all elements of `{node.id}` share `{name}`, which is no input of `{callee.name}`"
                f"{nearest(name, callee.inputs)}",
                node.span,
                "here",
                f"its inputs are {known}" if known else "it has no inputs",
                where=where,
            )
    mapped = (found.type.kind for name, found in callee.inputs.items() if name not in target.bound_inputs)
    if not any(isinstance(kind, CollectionType) for kind in mapped):
        yield entity_fault(
            "nothing-to-map",
            f"the array `{node.id}` has no list to go through: each element would be given the same",
            node.span,
            "here",
            f"let an input of `{callee.name}` have a value of its own for each element",
            where=where,
        )
