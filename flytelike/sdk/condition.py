"""Conditions: what comparing promises gives. They are decided when the workflow runs, by a `conditional`."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import date, timedelta
from enum import Enum
from typing import NoReturn, TypeAlias

from typing_extensions import override

from flytelike.model.condition import Comparator, Junction
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.sdk.faults import fault
from flytelike.sdk.frames import author_site
from flytelike.sdk.promised import Source, refused, written
from flytelike.sdk.stand_in import StandIn

Constant: TypeAlias = "bool | int | float | str | date | timedelta | Enum | None"
"""What a value to come can be compared with; a datetime is a date to Python."""

INSTEAD = (
    'write `conditional("...").if_(...).then(...).else_().then(...)`; join comparisons by `&` and `|`, in parentheses'
)

_SIGNS = {
    Comparator.EQUAL: "==",
    Comparator.NOT_EQUAL: "!=",
    Comparator.GREATER: ">",
    Comparator.GREATER_OR_EQUAL: ">=",
    Comparator.LESS: "<",
    Comparator.LESS_OR_EQUAL: "<=",
}


class Condition(StandIn, ABC):
    """Something that holds or does not when the workflow runs."""

    __slots__ = ()

    @abstractmethod
    def sources(self) -> Iterator[Source]:
        """Yield where the compared values come from."""

    @abstractmethod
    def text(self) -> str:
        """Return it as the author could write it."""

    def __and__(self, other: object) -> "Condition":
        """Both hold."""
        return Joined(Junction.AND, self, condition_of(other))

    def __rand__(self, other: object) -> "Condition":
        """Both hold."""
        return Joined(Junction.AND, condition_of(other), self)

    def __or__(self, other: object) -> "Condition":
        """At least one holds."""
        return Joined(Junction.OR, self, condition_of(other))

    def __ror__(self, other: object) -> "Condition":
        """At least one holds."""
        return Joined(Junction.OR, condition_of(other), self)

    def __bool__(self) -> bool:
        """Refuse: it is not decided yet."""
        raise self._refused("decided by Python", INSTEAD)

    def __invert__(self) -> NoReturn:
        """Refuse: a type checker sees the number -2 or -1 here."""
        raise self._refused("negated by `~`", "compare the other way round: `!=` for `==`, `<=` for `>`")

    @override
    def __repr__(self) -> str:
        """Say what it is; for debuggers."""
        return f"<condition {self.text()}>"

    @override
    def given_to(self, taker: str) -> str:
        return f"{taker} can't be given `{self.text()}`: it is decided when the workflow runs, by a `conditional`"

    @property
    @override
    def instead(self) -> str:
        return "compare inside a task that returns a bool, and give its result"

    def _refused(self, use: str, instead: str) -> DiagnosticError:
        return refused(f"`{self.text()}` can't be {use}", next(self.sources()), instead)


class Compared(Condition):
    """Two values compared; at least one is still to come."""

    __slots__ = ("comparator", "left", "right")

    def __init__(self, comparator: Comparator, left: Source, right: "Source | Constant") -> None:
        """Keep the parts."""
        self.comparator: Comparator = comparator
        self.left: Source = left
        self.right: Source | Constant = right

    @override
    def sources(self) -> Iterator[Source]:
        yield self.left
        if isinstance(self.right, Source):
            yield self.right

    @override
    def text(self) -> str:
        right = written(self.right) if isinstance(self.right, Source) else repr(self.right)
        return f"{written(self.left)} {_SIGNS[self.comparator]} {right}"


class Joined(Condition):
    """Two conditions joined."""

    __slots__ = ("junction", "left", "right")

    def __init__(self, junction: Junction, left: Condition, right: Condition) -> None:
        """Keep the parts."""
        self.junction: Junction = junction
        self.left: Condition = left
        self.right: Condition = right

    @override
    def sources(self) -> Iterator[Source]:
        yield from self.left.sources()
        yield from self.right.sources()

    @override
    def text(self) -> str:
        sign = "&" if self.junction is Junction.AND else "|"
        return f"({self.left.text()}) {sign} ({self.right.text()})"


def compared(comparator: Comparator, left: Source, right: object) -> Condition:
    """Return the comparison of a value to come with another or with a constant.

    Raises:
        DiagnosticError: A constant of the other side's type cannot be part of a condition.
    """
    if right is None or isinstance(right, Source | int | float | str | date | timedelta | Enum):
        return Compared(comparator, left, right)
    raise DiagnosticError(
        [
            fault(
                "incomparable-operands",
                f"`{written(left)}` is compared with a {type(right).__name__}",
                author_site().span,
                "compared here",
                help=("compare numbers, strings, booleans, times or None only",),
            )
        ]
    )


def condition_of(value: object) -> Condition:
    """Return a condition, or a bool to come as one.

    Raises:
        DiagnosticError: `constant-condition`: Python has decided it already.
    """
    if isinstance(value, Condition):
        return value
    source = getattr(value, "__flytelike_source__", None)
    if isinstance(source, Source):
        return Compared(Comparator.EQUAL, source, True)
    raise DiagnosticError([decided(value)])


def decided(value: object) -> Diagnostic:
    """Return the error for a condition that holds always or never."""
    what = f"it is {value} already" if isinstance(value, bool) else f"it is of type {type(value).__name__}"
    return fault(
        "constant-condition",
        f"a condition compares no promise: {what}",
        author_site().span,
        "decided while the workflow is put together",
        help=(
            "compare the result of a call, or an input of the workflow, by ==, !=, <, <=, > or >=",
            "Python decides `is`, `in`, `and`, `or` and `not` at once: write `is_none(...)`, `&`, `|` and `!=` instead",
        ),
    )
