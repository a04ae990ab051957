"""Nodes that lack what only their sender can know are refused with the path of the field."""

import pytest
from google.protobuf import text_format

from flytelike.codec.conditions import condition_from_proto, condition_to_proto
from flytelike.codec.faults import MAX_NESTING, MalformedError
from flytelike.codec.nodes import node_from_proto
from flytelike.model.condition import Comparator, Comparison, Condition, Conjunction, InputOperand, Junction
from flytelike_idl.core import condition_pb2, workflow_pb2

LESS = "comparison { left_value { var: 'x' } right_value { var: 'y' } }"
HALF = f"conjunction {{ left_expression {{ {LESS} }} }}"


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("branch_node {}", "branch_node: if_else required"),
        ("branch_node { if_else {} }", "branch_node.if_else: case required"),
        ("branch_node { if_else { case { condition {} } } }", "branch_node.if_else.case.condition: expr required"),
        (
            "branch_node { if_else { case {} other {} other { then_node {} } } }",
            "branch_node.if_else.other[1].then_node: id required",
        ),
        (
            "branch_node { if_else { case { condition { comparison { left_value {} right_value {} } } } } }",
            "branch_node.if_else.case.condition.comparison.left_value: val required",
        ),
        (
            f"branch_node {{ if_else {{ case {{ condition {{ {HALF} }} }} }} }}",
            "branch_node.if_else.case.condition.conjunction: right_expression required",
        ),
        ("gate_node { signal { signal_id: 's' } }", "gate_node.signal: type required"),
        ("gate_node { signal { type { simple: INTEGER } } }", "gate_node.signal: output_variable_name required"),
        ("array_node {}", "array_node: node required"),
        ("array_node { node { id: 'e' } }", "array_node.node: target required"),
        ("array_node { node { id: 'e' gate_node {} } data_mode: 7 }", "array_node: unknown data mode 7"),
    ],
)
def test_what_is_missing_is_told_with_its_path(target: str, told: str) -> None:
    message = text_format.Parse(f"id: 'n0' {target}", workflow_pb2.Node())
    with pytest.raises(MalformedError) as refused:
        node_from_proto(message)
    assert str(refused.value).removesuffix(" [malformed-message]") == told


def joined(levels: int) -> Condition:
    """Conditions joined one after the other, as `a & b & c` is."""
    one = Comparison(Comparator.LESS, InputOperand("x"), InputOperand("y"))
    found: Condition = one
    for _ in range(levels):
        found = Conjunction(Junction.AND, found, one)
    return found


def test_conditions_nest_to_a_limit_in_both_directions() -> None:
    message = condition_to_proto(joined(MAX_NESTING))
    assert condition_from_proto(message) == joined(MAX_NESTING)
    with pytest.raises(MalformedError, match="nested deeper"):
        condition_to_proto(joined(MAX_NESTING + 1))
    deeper = condition_pb2.BooleanExpression()
    deeper.conjunction.left_expression.CopyFrom(message)
    deeper.conjunction.right_expression.CopyFrom(condition_to_proto(joined(0)))
    with pytest.raises(MalformedError, match="nested deeper"):
        condition_from_proto(deeper)


def test_nodes_inside_each_other_nest_to_a_limit() -> None:
    message = workflow_pb2.Node(id="n0")
    message.gate_node.SetInParent()
    for _ in range(MAX_NESTING + 1):
        outer = workflow_pb2.Node(id="n0")
        outer.array_node.node.CopyFrom(message)
        message = outer
    with pytest.raises(MalformedError, match="nested deeper"):
        node_from_proto(message)
