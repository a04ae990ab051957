"""Conditions of branches."""

from typing import assert_never

from flytelike.codec.faults import MalformedError, descend, inside, known, required
from flytelike.codec.literals import fill_scalar, scalar_from_proto
from flytelike.model.condition import (
    Comparator,
    Comparison,
    Condition,
    Conjunction,
    InputOperand,
    Junction,
    Operand,
    PrimitiveOperand,
    ScalarOperand,
)
from flytelike.model.literals import Primitive
from flytelike_idl.core import condition_pb2 as pb
from flytelike_idl.core import literals_pb2

_COMPARATORS = {int(comparator): comparator for comparator in Comparator}
_JUNCTIONS = {int(junction): junction for junction in Junction}


def condition_to_proto(condition: Condition) -> pb.BooleanExpression:
    """Return the message of a condition."""
    out = pb.BooleanExpression()
    fill_condition(condition, out)
    return out


def condition_from_proto(message: pb.BooleanExpression) -> Condition:
    """Return the condition of a message."""
    return _condition(message, 0)


def fill_condition(condition: Condition, out: pb.BooleanExpression, depth: int = 0) -> None:
    """Write a condition into `out`; `depth` is how many conditions it lies in."""
    match condition:
        case Comparison(comparator, left, right):
            comparison = out.comparison
            comparison.operator = int(comparator)  # type: ignore[assignment]  # the stub's own enum
            _fill_operand(left, comparison.left_value)
            _fill_operand(right, comparison.right_value)
        case Conjunction(junction, one, other):
            below = descend(depth)
            conjunction = out.conjunction
            conjunction.operator = int(junction)  # type: ignore[assignment]  # the stub's own enum
            fill_condition(one, conjunction.left_expression, below)
            fill_condition(other, conjunction.right_expression, below)
        case _:
            assert_never(condition)


def _fill_operand(operand: Operand, out: pb.Operand) -> None:
    match operand:
        case InputOperand(var):
            out.var = var
        case PrimitiveOperand(value):
            # `Operand.primitive` holds what a scalar's does; only scalars have a writer.
            scalar = literals_pb2.Scalar()
            fill_scalar(value, scalar)
            out.primitive.CopyFrom(scalar.primitive)
        case ScalarOperand(scalar_value):
            fill_scalar(scalar_value, out.scalar)
        case _:
            assert_never(operand)


def _condition(message: pb.BooleanExpression, depth: int) -> Condition:
    which = message.WhichOneof("expr")
    match which:
        case "comparison":
            return inside(which, _comparison, message.comparison)
        case "conjunction":
            return inside(which, lambda it: _conjunction(it, descend(depth)), message.conjunction)
        case None:
            raise MalformedError("expr required")
        case _:
            assert_never(which)


def _comparison(message: pb.ComparisonExpression) -> Comparison:
    for side in ("left_value", "right_value"):
        required(message, side)
    return Comparison(
        known(_COMPARATORS, message.operator, "operator"),
        inside("left_value", _operand, message.left_value),
        inside("right_value", _operand, message.right_value),
    )


def _conjunction(message: pb.ConjunctionExpression, depth: int) -> Conjunction:
    for side in ("left_expression", "right_expression"):
        required(message, side)
    return Conjunction(
        known(_JUNCTIONS, message.operator, "operator"),
        inside("left_expression", lambda it: _condition(it, depth), message.left_expression),
        inside("right_expression", lambda it: _condition(it, depth), message.right_expression),
    )


def _operand(message: pb.Operand) -> Operand:
    which = message.WhichOneof("val")
    match which:
        case "var":
            return InputOperand(message.var)
        case "primitive":
            value = scalar_from_proto(literals_pb2.Scalar(primitive=message.primitive))
            assert isinstance(value, Primitive), "a scalar of a primitive is one"
            return PrimitiveOperand(value)
        case "scalar":
            return ScalarOperand(inside(which, scalar_from_proto, message.scalar))
        case None:
            raise MalformedError("val required")
        case _:
            assert_never(which)
