"""What gates give, and what is wrong with them."""

from collections.abc import Iterator, Mapping

from flytelike.compiler.callee import Callee
from flytelike.compiler.describe import describe_type
from flytelike.compiler.faults import entity_fault, within
from flytelike.compiler.nesting import all_nodes
from flytelike.model.diagnostic import Diagnostic, Label
from flytelike.model.gate import Approval, Gate, Signal, Sleep
from flytelike.model.graph import GateTarget, Node, WorkflowTemplate
from flytelike.model.interface import Variable
from flytelike.model.types import BOOLEAN, LiteralType


def gate_callee(node: Node, gate: Gate | None, inputs: Mapping[str, Variable] | None) -> Callee | None:
    """Return a gate as its neighbours see it: an approval gives what it is bound to, a signal its value.

    `inputs` is what the node is bound to; None when that is not known.
    """
    match gate:
        case Approval():
            return None if inputs is None else Callee.of_node("gate", node, inputs, inputs)
        case Signal(_, kind, output):
            return Callee.of_node("gate", node, {}, {output: Variable(kind, span=node.span)})
        case Sleep():
            return Callee.of_node("gate", node, {}, {})
        case None:
            return None


def gate_faults(workflow: WorkflowTemplate, node: Node, target: GateTarget) -> Iterator[Diagnostic]:
    """Tell a gate that waits for nothing."""
    if target.gate is None:
        yield entity_fault(
            "gate-without-condition",
            f"the gate `{node.id}` does not say what it waits for",
            node.span,
            "here",
            "let it wait for an approval, a signal or a time",
            where=within(workflow, node),
        )


def signal_faults(workflow: WorkflowTemplate) -> Iterator[Diagnostic]:
    """Tell gates that wait for one signal with values of two types: an execution has each signal once."""
    known: dict[str, tuple[Node, LiteralType]] = {}
    for node in all_nodes(workflow):
        match node.target:
            case GateTarget(Approval(signal)):
                kind = BOOLEAN
            case GateTarget(Signal(signal, kind)):
                pass
            case _:
                continue
        first, other = known.setdefault(signal, (node, kind))
        if other.kind != kind.kind:
            yield entity_fault(
                "conflicting-signals",
                f"the gates `{first.id}` and `{node.id}` wait for the signal `{signal}`, "
                f"one for `{describe_type(other)}`, the other for `{describe_type(kind)}`",
                node.span,
                f"`{describe_type(kind)}` here",
                "give each signal a name of its own",
                Label(first.span, f"`{describe_type(other)}` here"),
                where=within(workflow, node),
            )
