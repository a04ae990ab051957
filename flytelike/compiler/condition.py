"""Checks of the conditions of branches."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flytelike.compiler.constants import word_for
from flytelike.compiler.describe import describe_type
from flytelike.compiler.faults import entity_fault, within
from flytelike.compiler.reach import type_of_scalar
from flytelike.model.condition import (
    Comparator,
    Comparison,
    Condition,
    Conjunction,
    InputOperand,
    Operand,
    PrimitiveOperand,
    ScalarOperand,
)
from flytelike.model.diagnostic import Diagnostic, Label
from flytelike.model.graph import Node, WorkflowTemplate
from flytelike.model.literals import Literal
from flytelike.model.span import SourceSpan
from flytelike.model.types import EnumType, LiteralType, SimpleKind, SimpleType, UnionType

EQUALITY = frozenset({Comparator.EQUAL, Comparator.NOT_EQUAL})

WITH_VALUES = frozenset(
    {
        SimpleKind.INTEGER,
        SimpleKind.FLOAT,
        SimpleKind.STRING,
        SimpleKind.BOOLEAN,
        SimpleKind.DATETIME,
        SimpleKind.DURATION,
        SimpleKind.NONE,
    }
)
"""The types whose values can be compared."""


@dataclass(frozen=True, slots=True)
class Input:
    """What a branch is bound to under one name; `type` is None where it is not known."""

    type: LiteralType | None
    span: SourceSpan | None = None
    declared: SourceSpan | None = None


def condition_faults(
    workflow: WorkflowTemplate, node: Node, case: str, condition: Condition, inputs: Mapping[str, Input]
) -> Iterator[Diagnostic]:
    """Find what is wrong with a condition; `case` names it, `inputs` is what the branch is bound to."""
    match condition:
        case Conjunction(_, left, right):
            yield from condition_faults(workflow, node, case, left, inputs)
            yield from condition_faults(workflow, node, case, right, inputs)
        case Comparison(comparator, left, right):
            where = within(workflow, node)
            operands = [operand for operand in (left, right) if isinstance(operand, InputOperand)]
            missing = [operand.var for operand in operands if operand.var not in inputs]
            for var in missing:
                yield entity_fault(
                    "unbound-operand",
                    f"{case} compares `{var}`, which the branch is not bound to",
                    node.span,
                    "here",
                    f"bind an input named `{var}` to the value that is compared",
                    where=where,
                )
            types = operand_type(left, inputs), operand_type(right, inputs)
            if types[0] is None or types[1] is None or missing:
                return
            remedy = incomparable(comparator, types[0], types[1])
            if remedy is not None:
                yield entity_fault(
                    "incomparable-operands",
                    f"{case} compares {described(left, types[0])} with {described(right, types[1])}",
                    next(places(inputs, left, right), node.span),
                    "compared here",
                    remedy,
                    *declarations(inputs, left, right),
                    where=where,
                )


def operand_type(operand: Operand, inputs: Mapping[str, Input]) -> LiteralType | None:
    """Return the type of an operand's value; None where it is not known."""
    match operand:
        case InputOperand(var):
            return inputs[var].type if var in inputs else None
        case PrimitiveOperand(value) | ScalarOperand(value):
            return type_of_scalar(value)


def incomparable(comparator: Comparator, left: LiteralType, right: LiteralType) -> str | None:
    """Return what to do about values that cannot be compared; None when they can."""
    one, other = kinds(left), kinds(right)
    if one is None or other is None:
        return None
    shared = one & other
    if {SimpleKind.NONE} in (one, other):
        if SimpleKind.NONE not in shared:
            return "the value is never None: leave the case out"
        return None if comparator in EQUALITY else "None has no order: compare with == or !="
    if not one or not other:
        return "compare numbers, strings, booleans, times or None only"
    if not shared - {SimpleKind.NONE}:
        return "compare values of one simple type: nothing is converted, an int is no float"
    if shared - {SimpleKind.NONE} == {SimpleKind.BOOLEAN} and comparator not in EQUALITY:
        return "booleans have no order: compare with == or !="
    return None


def kinds(kind: LiteralType) -> frozenset[SimpleKind] | None:
    """Return the simple types a value may have when it is compared; None where only its run tells (a document)."""
    match kind.kind:
        case SimpleType(SimpleKind.STRUCT):
            return None
        case SimpleType(simple):
            return frozenset({simple}) & WITH_VALUES
        case EnumType():
            return frozenset({SimpleKind.STRING})
        case UnionType(variants):
            found = [kinds(variant) for variant in variants]
            return None if None in found else frozenset().union(*(one for one in found if one is not None))
        case _:
            return frozenset()


def described(operand: Operand, kind: LiteralType) -> str:
    """Return an operand in words."""
    match operand:
        case InputOperand(var):
            return f"`{describe_type(kind)}` (`{var}`)"
        case PrimitiveOperand(value) | ScalarOperand(value):
            return word_for(Literal(value))


def places(inputs: Mapping[str, Input], *operands: Operand) -> Iterator[SourceSpan]:
    """Yield the places where operands are bound."""
    for operand in operands:
        if isinstance(operand, InputOperand) and (span := inputs[operand.var].span) is not None:
            yield span


def declarations(inputs: Mapping[str, Input], *operands: Operand) -> Iterator[Label]:
    """Yield the places where operands are declared."""
    for operand in operands:
        if isinstance(operand, InputOperand):
            yield Label(inputs[operand.var].declared, f"`{operand.var}` is declared here")
