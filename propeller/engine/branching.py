"""Deciding branches: the first case whose condition holds for the values that the branch is bound to.

Two values are compared as Flyte compares them: both of one simple type, booleans and None for equality only.
Beyond Flyte, an int may be compared with a float, since values out of documents do not tell the two apart;
times are compared to the nanosecond; and what need not be known any more is not looked at, so that
`x is not None and x > 3` can be written.
"""

import json
from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from typing import TypeAlias, assert_never

import msgpack

from flytelike.codec.literals import literal_from_proto
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
from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import BranchTarget, Node
from flytelike.model.ids import NodeId
from flytelike.model.literals import (
    Binary,
    ErrorValue,
    GenericStruct,
    Instant,
    Literal,
    Primitive,
    Span,
    UnionValue,
    Void,
)
from flytelike_idl.core import literals_pb2 as pb
from propeller.core.commands import Decide
from propeller.core.events import BranchDecided, BranchUndecided
from propeller.engine.binding import BindingFailed
from propeller.engine.run import Arrival, Post, Run
from propeller.engine.values import Values
from propeller.ports import Clock

CHOSEN_TO_FAIL = "UserProvidedError"
"""Flyte's code for a branch that is to fail when no condition holds."""

MALFORMED = "MalformedBranchUserError"
"""Flyte's code for values that cannot be compared, and for a branch that says nothing for none of its cases."""

_OPERATORS: dict[Comparator, Callable[[object, object], bool]] = {
    Comparator.EQUAL: eq,
    Comparator.NOT_EQUAL: ne,
    Comparator.GREATER: gt,  # type: ignore[dict-item]
    Comparator.GREATER_OR_EQUAL: ge,  # type: ignore[dict-item]
    Comparator.LESS: lt,  # type: ignore[dict-item]
    Comparator.LESS_OR_EQUAL: le,  # type: ignore[dict-item]
}
_SIGNS = {
    Comparator.EQUAL: "==",
    Comparator.NOT_EQUAL: "!=",
    Comparator.GREATER: ">",
    Comparator.GREATER_OR_EQUAL: ">=",
    Comparator.LESS: "<",
    Comparator.LESS_OR_EQUAL: "<=",
}
_EQUALITY = frozenset({Comparator.EQUAL, Comparator.NOT_EQUAL})

Value: TypeAlias = int | float | str | bool | Instant | Span | None


class Undecided(Exception):
    """No case can be chosen; carries why: the author's doing, and not worth a retry."""

    def __init__(self, message: str, code: str = MALFORMED) -> None:
        """Make the failure."""
        self.failure = Failure(code, message, Fault.USER, retryable=False)
        super().__init__(message)


class Branching:
    """Answers `Decide`."""

    def __init__(self, post: Post, values: Values, clock: Clock) -> None:
        """Take where news go, what binds values, and the time."""
        self._post = post
        self._values = values
        self._clock = clock

    async def decide(self, run: Run, command: Decide) -> None:
        """Bind and store the branch's inputs, and tell which case is to run."""
        path, attempt = command.path, command.attempt
        try:
            inputs, _ = await self._values.store_inputs(run, path)
            case = choose(run.program.node(path), inputs)
        except (BindingFailed, Undecided) as error:
            event = BranchUndecided(path, attempt, self._clock.now_ns(), error.failure)
            self._post(run, Arrival(event))
        else:
            self._post(run, Arrival(BranchDecided(path, attempt, self._clock.now_ns(), case)))


def choose(node: Node, inputs: pb.LiteralMap) -> NodeId:
    """Return the node of the first case whose condition holds, or the branch's default.

    Raises:
        Undecided: A condition cannot be evaluated, or no case holds and the branch fails then.
    """
    target = node.target
    name = node.metadata.name or node.id
    if not isinstance(target, BranchTarget):
        raise Undecided(f"`{name}` is no branch")
    for number, case in enumerate(target.cases, 1):
        try:
            if case.condition is not None and case.then is not None and holds(case.condition, inputs):
                return case.then.id
        except Undecided as error:
            raise Undecided(f"case {number} of `{name}`: {error}") from None
    match target.otherwise:
        case Node(id=default):
            return default
        case ErrorValue(message=message):
            raise Undecided(message, CHOSEN_TO_FAIL)
        case None:
            raise Undecided(f"no case of `{name}` holds, and it has no default")
        case unreachable:
            assert_never(unreachable)


def holds(condition: Condition, inputs: pb.LiteralMap) -> bool:
    """Tell whether a condition holds. Raises `Undecided`."""
    match condition:
        case Conjunction(junction=Junction.AND, left=left, right=right):
            return holds(left, inputs) and holds(right, inputs)
        case Conjunction(left=left, right=right):
            return holds(left, inputs) or holds(right, inputs)
        case Comparison(comparator=comparator, left=left_operand, right=right_operand):
            left_value, right_value = _value(left_operand, inputs), _value(right_operand, inputs)
            if not _comparable(comparator, left_value, right_value):
                left_words, right_words = _words(left_operand, left_value), _words(right_operand, right_value)
                raise Undecided(f"{left_words} cannot be compared with {right_words} by `{_SIGNS[comparator]}`")
            if isinstance(left_value, Instant | Span) and isinstance(right_value, Instant | Span):
                return _OPERATORS[comparator](left_value.ns, right_value.ns)
            return _OPERATORS[comparator](left_value, right_value)
        case unreachable:
            assert_never(unreachable)


def _comparable(comparator: Comparator, left: Value, right: Value) -> bool:
    if left is None or right is None:
        return comparator in _EQUALITY
    if isinstance(left, bool) or isinstance(right, bool):
        return comparator in _EQUALITY and type(left) is type(right)
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    return numbers or type(left) is type(right)


def _value(operand: Operand, inputs: pb.LiteralMap) -> Value:
    match operand:
        case InputOperand(var=var):
            if var not in inputs.literals:
                raise Undecided(f"the branch has no value for `{var}`")
            return _plain(literal_from_proto(inputs.literals[var]), f"`{var}`")
        case PrimitiveOperand(value=value) | ScalarOperand(value=value):
            return _plain(Literal(value), "the constant")
        case unreachable:
            assert_never(unreachable)


def _plain(literal: Literal, name: str) -> Value:
    """Return a literal as a value to compare, out of unions and documents. Raises `Undecided`."""
    match literal.value:
        case Primitive(value=value):
            return value
        case Void():
            return None
        case UnionValue(value=inner):
            return _plain(inner, name)
        case Binary(value=data, tag="msgpack"):
            return _simple(_unpacked(data, name), name)
        case GenericStruct(json=text):
            return _simple(json.loads(text), name)
        case other:
            raise Undecided(f"{name} is a {_noun(other)}: only simple values can be compared")


def _unpacked(data: bytes, name: str) -> object:
    try:
        value: object = msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise Undecided(f"{name} is no msgpack: {error}") from error
    return value


def _simple(value: object, name: str) -> Value:
    if value is None or isinstance(value, int | float | str):
        return value
    raise Undecided(f"{name} is a {type(value).__name__}: only simple values can be compared")


def _noun(value: object) -> str:
    return type(value).__name__.lower()


def _words(operand: Operand, value: Value) -> str:
    match value:
        case None:
            what = "None"
        case Instant():
            what = "an instant"
        case Span():
            what = "a duration"
        case _:
            what = f"the {type(value).__name__} {value!r}"
    return f"`{operand.var}`, {what}," if isinstance(operand, InputOperand) else what
