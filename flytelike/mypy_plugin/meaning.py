"""What an expression of a workflow's body stands for while the body is traced."""

from dataclasses import dataclass, field
from enum import Enum, auto

from mypy.maptype import map_instance_to_supertype
from mypy.nodes import (
    AssignmentExpr,
    CallExpr,
    CastExpr,
    ConditionalExpr,
    Decorator,
    Expression,
    IndexExpr,
    MemberExpr,
    NameExpr,
    OpExpr,
    RefExpr,
    SymbolNode,
    Var,
)
from mypy.types import CallableType, Instance, NoneType, TupleType, Type, get_proper_type

from flytelike.mypy_plugin.names import CREATE_NODE, DECORATORS, ENTITY, OVERRIDDEN


class Kind(Enum):
    """What there is while a body is traced."""

    PLAIN = auto()
    """A value that Python has."""
    PROMISE = auto()
    """A value to come."""
    OUTPUTS = auto()
    """A tuple of promises."""


@dataclass(frozen=True, slots=True)
class Callee:
    """A task, workflow, launch plan or reference; `gives` is what a call of it stands for."""

    gives: Kind


@dataclass(frozen=True, slots=True)
class Made:
    """What `create_node` returns; `result` is what the call stands for."""

    result: Kind


Meaning = Kind | Callee | Made


@dataclass
class Meanings:
    """The meanings of a body's variables, as far as it has been read."""

    variables: dict[SymbolNode, Meaning] = field(default_factory=dict)

    def bind(self, target: Expression, meaning: Meaning) -> None:
        """Remember what is assigned to a variable."""
        if isinstance(target, NameExpr) and target.node is not None:
            self.variables[target.node] = meaning

    def is_promise(self, expression: Expression) -> bool:
        """Tell whether an expression stands for a value to come."""
        return self.of(expression) is Kind.PROMISE

    def of(self, expression: Expression) -> Meaning:
        """Return what an expression stands for."""
        match expression:
            case NameExpr(node=SymbolNode() as node):
                return self.variables.get(node) or _callee(node)
            case MemberExpr():
                return self._member(expression)
            case IndexExpr(base=base):
                return Kind.PLAIN if self.of(base) is Kind.PLAIN else Kind.PROMISE
            case CallExpr():
                return self._call(expression)
            case OpExpr(op=">>", right=right):
                return self.of(right)
            case ConditionalExpr(if_expr=inner) | AssignmentExpr(value=inner) | CastExpr(expr=inner):
                return self.of(inner)
            case _:
                return Kind.PLAIN

    def _member(self, expression: MemberExpr) -> Meaning:
        match self.of(expression.expr):
            case Kind.PROMISE | Kind.OUTPUTS:
                return Kind.PROMISE
            case Made(result):
                return result if expression.name == "result" else Kind.PROMISE
            case Callee():
                return Kind.PLAIN
            case Kind.PLAIN:  # maybe a module's
                return _callee(expression.node)

    def _call(self, call: CallExpr) -> Meaning:
        callee = call.callee
        if isinstance(callee, MemberExpr) and callee.name == "with_overrides":
            return self.of(callee.expr)
        if isinstance(callee, RefExpr) and callee.fullname == CREATE_NODE and call.args:
            made = self.of(call.args[0])
            return Made(made.gives) if isinstance(made, Callee) else Kind.PLAIN
        called = self.of(callee)
        return called.gives if isinstance(called, Callee) else Kind.PLAIN


def _callee(node: SymbolNode | None) -> Meaning:
    """Return what a function or variable outside of the body stands for."""
    match node:
        case Decorator(func=func, decorators=decorators) if any(_makes_entity(found) for found in decorators):
            return Callee(_gives(func.type.ret_type)) if isinstance(func.type, CallableType) else Kind.PLAIN
        case Decorator(var=Var(type=declared)) | Var(type=declared) if declared is not None:
            return _of_type(declared)
        case _:
            return Kind.PLAIN


def _makes_entity(decorator: Expression) -> bool:
    called = decorator.callee if isinstance(decorator, CallExpr) else decorator
    return isinstance(called, RefExpr) and called.fullname in DECORATORS


def _of_type(declared: Type) -> Meaning:
    proper = get_proper_type(declared)
    if not isinstance(proper, Instance):
        return Kind.PLAIN
    for base in proper.type.mro:
        if base.fullname in {ENTITY, OVERRIDDEN}:
            return Callee(_gives(map_instance_to_supertype(proper, base).args[1]))
    return Kind.PLAIN


def _gives(result: Type) -> Kind:
    match get_proper_type(result):
        case TupleType():
            return Kind.OUTPUTS
        case NoneType():
            return Kind.PLAIN
        case _:
            return Kind.PROMISE
