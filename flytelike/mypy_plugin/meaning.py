"""What an expression of a workflow's body stands for while the body is traced.

It is read off the declarations: when a decorator is checked, mypy may not have looked at the body yet.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mypy.expandtype import expand_type_by_instance
from mypy.maptype import map_instance_to_supertype
from mypy.nodes import (
    AssignmentExpr,
    CallExpr,
    CastExpr,
    ComparisonExpr,
    ConditionalExpr,
    Decorator,
    Expression,
    IndexExpr,
    MemberExpr,
    NameExpr,
    OpExpr,
    RefExpr,
    StrExpr,
    SymbolNode,
    Var,
)
from mypy.types import (
    CallableType,
    Instance,
    NoneType,
    Parameters,
    TupleType,
    Type,
    TypedDictType,
    get_proper_type,
)

from flytelike.mypy_plugin.names import ASKS, CONDITIONAL, CREATE_NODE, DECORATORS, ENTITY, GATES, MAP_TASK, OVERRIDDEN


@dataclass(frozen=True, slots=True)
class Plain:
    """A value that Python has."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A value to come; its type, if it is known."""

    kind: Type | None = None


@dataclass(frozen=True, slots=True)
class Outputs:
    """A tuple of promises, by output name."""

    kinds: Mapping[str, Type]


@dataclass(frozen=True, slots=True)
class Callee:
    """A task, workflow, launch plan or reference: its inputs, and what a call of it stands for."""

    inputs: Mapping[str, Type]
    gives: "Plain | Promise | Outputs"


@dataclass(frozen=True, slots=True)
class Made:
    """What `create_node` returns; `result` is what the call stands for."""

    result: Plain | Promise | Outputs


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of values to come, and where it is made; a type checker takes it for a bool."""

    made: Expression


@dataclass(frozen=True, slots=True)
class Chain:
    """A conditional that has not come to its end."""


Meaning = Plain | Promise | Outputs | Callee | Made | Condition | Chain

COMPARING = frozenset({"==", "!=", "<", "<=", ">", ">="})
"""Operators that make a condition of values to come; Python decides the others at once."""


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
        return isinstance(self.of(expression), Promise)

    def undecided(self, expression: Expression) -> bool:
        """Tell whether an expression stands for a value to come, or a comparison of some."""
        return isinstance(self.of(expression), Promise | Condition)

    def of(self, expression: Expression) -> Meaning:
        """Return what an expression stands for."""
        match expression:
            case NameExpr(node=SymbolNode() as node):
                return self.variables.get(node) or _declared(node)
            case MemberExpr():
                return self._member(expression)
            case IndexExpr(base=base, index=index):
                return _item(self.of(base), index)
            case CallExpr(analyzed=CastExpr(expr=inner)):
                return self.of(inner)
            case CallExpr():
                return self._call(expression)
            case OpExpr(op=">>", right=right):
                return self.of(right)
            case OpExpr(op="&" | "|", left=left, right=right) if self.undecided(left) or self.undecided(right):
                return Condition(expression)
            case ComparisonExpr(operators=operators, operands=operands) if set(operators) <= COMPARING:
                return Condition(expression) if any(map(self.undecided, operands)) else Plain()
            case ConditionalExpr(if_expr=inner) | AssignmentExpr(value=inner):
                return self.of(inner)
            case _:
                return Plain()

    def lacks(self, record: Expression, name: str) -> bool:
        """Tell whether an expression stands for a value to come of a type without this attribute."""
        found = self.of(record)
        kind = get_proper_type(found.kind) if isinstance(found, Promise) else None
        return isinstance(kind, Instance) and kind.type.get(name) is None

    def called(self, call: CallExpr) -> Callee | None:
        """Return what a call calls, if that becomes a node."""
        if isinstance(call.callee, RefExpr) and call.callee.fullname == CREATE_NODE and call.args:
            found = self.of(call.args[0])
        else:
            found = self.of(call.callee)
        return found if isinstance(found, Callee) else None

    def _member(self, expression: MemberExpr) -> Meaning:
        name = expression.name
        match self.of(expression.expr):
            case Promise(kind):
                return Promise(_field(kind, name))
            case Outputs(kinds):
                return Promise(kinds.get(name))
            case Made(result):
                return result if name == "result" else Promise()
            case Callee() | Condition() | Chain():
                return Plain()
            case Plain():  # maybe a module's
                return _declared(expression.node)

    def _call(self, call: CallExpr) -> Meaning:
        callee = call.callee
        if isinstance(callee, MemberExpr) and callee.name == "with_overrides":
            return self.of(callee.expr)
        if isinstance(callee, RefExpr) and callee.fullname in SPECIAL:
            return self._special(callee.fullname, call)
        if isinstance(callee, MemberExpr) and (asked := self._asked(callee)) is not None:
            return asked
        called = self.called(call)
        if called is None:
            return Plain()
        makes_node = isinstance(callee, RefExpr) and callee.fullname == CREATE_NODE
        return Made(called.gives) if makes_node else called.gives

    def _special(self, function: str, call: CallExpr) -> Meaning:
        """Return what a call of one of the SDK's functions stands for."""
        if function in ASKS:
            return Condition(call)
        if function == CONDITIONAL:
            return Chain()
        if function == MAP_TASK:
            return Callee({}, Promise())
        first = self.of(call.args[0]) if call.args else Plain()
        return first if isinstance(first, Promise) else Promise()

    def _asked(self, callee: MemberExpr) -> Meaning | None:
        """Return what a method of a value to come, or of a conditional, gives; None for other methods."""
        record, name = self.of(callee.expr), callee.name
        if isinstance(record, Promise) and name in {"is_true", "is_false", "is_none"}:
            return Condition(callee)
        if not isinstance(record, Chain):
            return None
        ends = isinstance(callee.expr, CallExpr) and isinstance(callee.expr.callee, MemberExpr)
        if ends and name in {"then", "fail"} and callee.expr.callee.name == "else_":  # type: ignore[attr-defined]
            return self._decided(callee.expr)
        return Plain() if name == "fail" else Chain()  # mypy tells that only the last case can fail

    def _decided(self, chain: Expression) -> Meaning:
        """Return what a conditional stands for: what its cases do, where they agree."""
        given = [self.of(call.args[0]) for call in _calls(chain) if call.args and _method(call) == "then"]
        if given and all(isinstance(one, Outputs) for one in given):
            return given[0]
        return Promise() if any(isinstance(one, Promise) for one in given) else Plain()


SPECIAL = frozenset({*ASKS, *GATES, CONDITIONAL, MAP_TASK})


def _calls(chain: Expression) -> Iterator[CallExpr]:
    """Yield the calls of a chain of methods, the last one first."""
    while isinstance(chain, CallExpr):
        yield chain
        chain = chain.callee.expr if isinstance(chain.callee, MemberExpr) else chain.callee


def _method(call: CallExpr) -> str:
    return call.callee.name if isinstance(call.callee, MemberExpr) else ""


def outputs_of(result: Type) -> Mapping[str, Type]:
    """Return what a function gives by output name."""
    match get_proper_type(result):
        case NoneType():
            return {}
        case TupleType(items=items, partial_fallback=fallback):
            named = fallback.type.metadata.get("namedtuple", {}).get("fields")
            names = named or [f"o{number}" for number in range(len(items))]
            return dict(zip(names, items, strict=False))
        case other:
            return {"o0": other}


def _declared(node: SymbolNode | None) -> Meaning:
    """Return what a function or variable outside of the body stands for."""
    match node:
        case Decorator(func=func, decorators=decorators) if any(_makes_entity(found) for found in decorators):
            return _callee(func.type, func.type.ret_type) if isinstance(func.type, CallableType) else Plain()
        case Decorator(var=Var(type=declared)) | Var(type=declared) if declared is not None:
            proper = get_proper_type(declared)
            for base in proper.type.mro if isinstance(proper, Instance) else ():
                if isinstance(proper, Instance) and base.fullname in {ENTITY, OVERRIDDEN}:
                    inputs, result = map_instance_to_supertype(proper, base).args
                    return _callee(get_proper_type(inputs), result)
    return Plain()


def _makes_entity(decorator: Expression) -> bool:
    called = decorator.callee if isinstance(decorator, CallExpr) else decorator
    return isinstance(called, RefExpr) and called.fullname in DECORATORS


def _callee(inputs: Type, result: Type) -> Callee:
    parameters = inputs if isinstance(inputs, CallableType | Parameters) else Parameters([], [], [])
    named = zip(parameters.arg_names, parameters.arg_types, strict=True)
    return Callee({name: kind for name, kind in named if name is not None}, _given(awaited(result) or result))


def awaited(kind: Type) -> Type | None:
    """Return what awaiting a coroutine gives; None for another type."""
    proper = get_proper_type(kind)
    if isinstance(proper, Instance) and proper.type.fullname == "typing.Coroutine":
        return proper.args[2]
    return None


def _given(result: Type) -> Plain | Promise | Outputs:
    match get_proper_type(result):
        case TupleType():
            return Outputs(outputs_of(result))
        case NoneType():
            return Plain()
        case other:
            return Promise(other)


def _field(kind: Type | None, name: str) -> Type | None:
    """Return the type of a record's field."""
    record = get_proper_type(kind)
    if not isinstance(record, Instance):
        return None
    found = record.type.get(name)
    if found is None or not isinstance(found.node, Var) or found.node.type is None:
        return None
    return expand_type_by_instance(found.node.type, map_instance_to_supertype(record, found.node.info))


def _item(container: Meaning, index: Expression) -> Meaning:
    """Return what `container[index]` stands for."""
    match container:
        case Promise(kind):
            match get_proper_type(kind):
                case TypedDictType(items=items) if isinstance(index, StrExpr):
                    return Promise(items.get(index.value))
                case Instance(args=[*_, last]):
                    return Promise(last)
                case _:
                    return Promise()
        case Outputs():
            return Promise()
        case _:
            return Plain()
