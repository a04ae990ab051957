"""What a failure node is told: the failure that its workflow ends with, as a value. Pure."""

from flytelike.codec.types import fill_literal_type
from flytelike.model.failure import Failure
from flytelike.model.ids import ROOT, NodeId, NodePath
from flytelike.model.interface import Variable
from flytelike.model.types import LiteralType, SimpleKind, SimpleType, UnionType
from flytelike_idl.core import literals_pb2 as pb
from propeller.core.header import HandlingFailure
from propeller.core.node_state import Failed, HandlingScopeFailure
from propeller.core.plan import parent_of, path_in
from propeller.core.state import ExecutionState
from propeller.engine.binding import BindingFailed

END_OF_WORKFLOW = NodeId("end-node")
"""The node that is named when no node failed: the workflow's outputs could not be bound, or its time was up."""


def error_type(variable: Variable) -> LiteralType | None:
    """Return the error type of an input that takes the failure of its workflow; None if it takes something else."""
    kind = variable.type.kind
    for variant in kind.variants if isinstance(kind, UnionType) else (variable.type,):
        if variant.kind == SimpleType(SimpleKind.ERROR):
            return variant
    return None


def fill_error(state: ExecutionState, scope: NodePath, variable: Variable, out: pb.Literal) -> None:
    """Write the failure of the workflow in `scope` as the value of an input that takes it.

    Raises:
        BindingFailed: The workflow has not failed.
    """
    variant = error_type(variable)
    node, failure = _original(state, scope)
    literal = out
    if isinstance(variable.type.kind, UnionType) and variant is not None:
        fill_literal_type(variant, out.scalar.union.type)
        literal = out.scalar.union.value
    literal.scalar.error.failed_node_id = node
    literal.scalar.error.message = failure.message


def _original(state: ExecutionState, scope: NodePath) -> tuple[NodeId, Failure]:
    """Return the failure that a scope is being stopped for, and the node it came from."""
    owner = state.header.status if scope == ROOT else state.get(parent_of(scope))
    failed = {
        node.id: ended.failure
        for node in state.plan.workflow_in(scope).nodes.values()
        if not (node.aside or node.branch) and isinstance(ended := state.get(path_in(scope, node.id)), Failed)
    }
    if isinstance(owner, HandlingFailure | HandlingScopeFailure):
        first = next((node for node, failure in failed.items() if failure == owner.failure), END_OF_WORKFLOW)
        return first, owner.failure
    for node, failure in failed.items():
        return node, failure
    raise BindingFailed("the workflow has not failed")
