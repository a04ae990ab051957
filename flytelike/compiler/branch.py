"""What branches give, and what is wrong with them."""

from collections.abc import Iterable, Iterator, Mapping

from flytelike.compiler.callee import Callee
from flytelike.compiler.casting import castable
from flytelike.compiler.condition import Input, condition_faults
from flytelike.compiler.describe import describe_type
from flytelike.compiler.faults import entity_fault, within
from flytelike.model.diagnostic import Diagnostic, Label
from flytelike.model.graph import BranchTarget, Node, WorkflowTemplate, inner_nodes
from flytelike.model.ids import NodeId
from flytelike.model.interface import Variable

Inside = Mapping[NodeId, Callee | None]
"""What the nodes inside branches call; None where that is not known."""


def branch_callee(node: Node, inputs: Mapping[str, Variable], inside: Inside) -> Callee | None:
    """Return a branch as its neighbours see it: it gives what each of its cases gives.

    None when what a case calls is not known.
    """
    cases = [inside.get(inner.id) for inner in inner_nodes(node)]
    known = [callee for callee in cases if callee is not None]
    if len(known) != len(cases):
        return None
    first = known[0].outputs if known else {}
    outputs = {name: found for name, found in first.items() if all(name in callee.outputs for callee in known)}
    return Callee.of_node("branch", node, inputs, outputs)


def branch_faults(
    workflow: WorkflowTemplate, node: Node, target: BranchTarget, inputs: Mapping[str, Input], inside: Inside
) -> Iterator[Diagnostic]:
    """Find what is wrong with a branch but its bindings and the nodes inside."""
    where = within(workflow, node)
    for number, case in enumerate(target.cases, 1):
        name = f"case {number} of `{node.metadata.name or node.id}`"
        if case.condition is None:
            help_ = "give it a condition, or make its node the one that runs when no case holds"
            yield entity_fault(
                "case-without-condition", f"{name} has no condition", node.span, "here", help_, where=where
            )
        else:
            yield from condition_faults(workflow, node, name, case.condition, inputs)
        if case.then is None:
            help_ = "give it a node, or leave the case out"
            yield entity_fault("case-without-node", f"{name} runs nothing", node.span, "here", help_, where=where)
    if target.otherwise is None:
        yield entity_fault(
            "branch-without-default",
            f"`{node.metadata.name or node.id}` does not say what happens when no case holds",
            node.span,
            "here",
            "give it a node to run then, or let it fail with a message",
            where=where,
        )
    yield from type_faults(workflow, node, inside)


def type_faults(workflow: WorkflowTemplate, node: Node, inside: Inside) -> Iterator[Diagnostic]:
    """Find outputs that are of one type in one case and of another in the next."""
    cases = [(inner, callee) for inner in inner_nodes(node) if (callee := inside.get(inner.id)) is not None]
    if not cases:
        return
    first, giver = cases[0]
    for other, callee in cases[1:]:
        for name in giver.outputs:
            one, two = giver.outputs[name], callee.outputs.get(name)
            if two is None or (castable(one.type, two.type) and castable(two.type, one.type)):
                continue
            yield entity_fault(
                "mismatching-types",
                f"`{name}` is `{describe_type(one.type)}` of `{giver.name}` (`{first.id}`) in one case of "
                f"`{node.metadata.name or node.id}` and `{describe_type(two.type)}` of `{callee.name}` "
                f"(`{other.id}`) in another",
                other.span or node.span,
                f"`{describe_type(two.type)}` here",
                "let all cases give the same type",
                Label(first.span, f"`{describe_type(one.type)}` here"),
                Label(one.span, "declared here"),
                Label(two.span, "declared here"),
                where=within(workflow, node),
            )


def partly_given(node: Node, var: str, inside: Inside) -> tuple[str, tuple[Label, ...]] | None:
    """Return which cases give an output and which do not, in words and with their places; None when none gives it."""
    cases = [(inner, callee) for inner in inner_nodes(node) if (callee := inside.get(inner.id)) is not None]
    giving = [(inner, callee) for inner, callee in cases if var in callee.outputs]
    others = [(inner, callee) for inner, callee in cases if var not in callee.outputs]
    if not giving or not others:
        return None
    labels = [Label(inner.span, f"`{callee.name}` gives no `{var}`") for inner, callee in others]
    labels += [Label(inner.span, f"`{callee.name}` gives `{var}`") for inner, callee in giving]
    return f"{named(giving)} gives it, {named(others)} does not", tuple(labels)


def named(cases: Iterable[tuple[Node, Callee]]) -> str:
    """Return what cases call, with the ids of their nodes."""
    return " or ".join(f"`{callee.name}` (`{inner.id}`)" for inner, callee in cases)
