"""Conditions of branches: comparisons of values, joined by and/or."""

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from flytelike.model.literals import Primitive, Scalar


class Comparator(IntEnum):
    """How two values are compared; the numbers are those of Flyte's `ComparisonExpression.Operator`."""

    EQUAL = 0
    NOT_EQUAL = 1
    GREATER = 2
    GREATER_OR_EQUAL = 3
    LESS = 4
    LESS_OR_EQUAL = 5


class Junction(IntEnum):
    """How two conditions are joined; the numbers are those of Flyte's `LogicalOperator`."""

    AND = 0
    OR = 1


@dataclass(frozen=True, slots=True)
class InputOperand:
    """The value of one of the branch's own inputs, by the name it is bound to (Flyte's SDK writes `n0.o0`)."""

    var: str


@dataclass(frozen=True, slots=True)
class PrimitiveOperand:
    """A constant as Flyte's SDK sends all but None."""

    value: Primitive


@dataclass(frozen=True, slots=True)
class ScalarOperand:
    """A constant of any scalar kind, such as None. Another field of the message than a `PrimitiveOperand`."""

    value: Scalar


Operand: TypeAlias = InputOperand | PrimitiveOperand | ScalarOperand


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values compared."""

    comparator: Comparator
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Conjunction:
    """Two conditions joined."""

    junction: Junction
    left: "Condition"
    right: "Condition"


Condition: TypeAlias = Comparison | Conjunction
