"""int, float, str, bool, datetime, date, timedelta and None."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flytelike.model.literals import VOID, Instant, Literal, Primitive, Span, UnionValue, Void
from flytelike.model.types import BOOLEAN, DATETIME, DURATION, FLOAT, INTEGER, NONE, STRING, LiteralType
from flytelike.types.context import ValueContext
from flytelike.types.faults import mismatch, undecodable
from flytelike.types.transformer import Hint

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INT64_MAX = 2**63 - 1
SPAN_MAX = timedelta(seconds=315_576_000_000)
"""The longest duration that `google.protobuf.Duration` holds: 10,000 years."""
MICROSECOND = timedelta(microseconds=1)


class PrimitiveTransformer:
    """One of the simple types: exact class in, exact class out."""

    def __init__(
        self,
        python_type: type,
        literal_type: LiteralType,
        encode: Callable[[Any], Any],
        decode: Callable[[Any], Any],
    ) -> None:
        """Handle `python_type`; `encode` and `decode` return None for values that do not fit."""
        self.name: str = python_type.__name__
        self._type = python_type
        self._literal_type = literal_type
        self._encode = encode
        self._decode = decode

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is exactly this type."""
        return hint is self._type

    def literal_type(self, hint: Hint) -> LiteralType:  # noqa: ARG002 - always the same
        """Return the simple type."""
        return self._literal_type

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401, ARG002
        """Return the primitive literal."""
        encoded = self._encode(value)
        if encoded is None:
            raise mismatch(hint, value)
        return Literal(Primitive(encoded))

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> Any:  # noqa: ANN401, ARG002
        """Return the Python value."""
        match unwrapped(literal).value:
            case Primitive(value):
                decoded = self._decode(value)
                if decoded is not None:
                    return decoded
                raise undecodable(hint, f"{type(value).__name__} {value!r}")
            case other:
                raise undecodable(hint, type(other).__name__)


class NoneTransformer:
    """None."""

    name = "none"

    def handles(self, hint: Hint) -> bool:
        """Tell whether the annotation is None's type."""
        return hint is type(None)

    def literal_type(self, hint: Hint) -> LiteralType:  # noqa: ARG002 - always the same
        """Return the type NONE."""
        return NONE

    def to_literal(self, value: Any, hint: Hint, ctx: ValueContext) -> Literal:  # noqa: ANN401, ARG002
        """Return the void literal."""
        if value is not None:
            raise mismatch(hint, value)
        return VOID

    def to_python(self, literal: Literal, hint: Hint, ctx: ValueContext) -> None:  # noqa: ARG002
        """Return None."""
        if not isinstance(unwrapped(literal).value, Void):
            raise undecodable(hint, type(literal.value).__name__)


def unwrapped(literal: Literal) -> Literal:
    """Return what a union literal holds: a plain type takes it as it is (Flyte's casting rule)."""
    while isinstance(literal.value, UnionValue):
        literal = literal.value.value
    return literal


def exactly(kind: type) -> Callable[[Any], Any]:
    """Return a function that keeps values of exactly `kind` and gives None for others."""
    return lambda value: value if type(value) is kind else None


def integer(value: Any) -> int | None:  # noqa: ANN401 - any value
    """Return an integer that 64 bits hold."""
    return value if type(value) is int and -INT64_MAX - 1 <= value <= INT64_MAX else None


def real(value: Any) -> float | None:  # noqa: ANN401 - any value
    """Return a float; an int is one as in Python's numeric tower."""
    return float(value) if type(value) in {int, float} else None


def instant(value: Any) -> Instant | None:  # noqa: ANN401 - any value
    """Return the instant of a datetime; one without a zone is taken as UTC, as the stock SDK does."""
    if not isinstance(value, datetime):
        return None
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return Instant((aware - EPOCH) // MICROSECOND * 1000)


def moment(value: Any) -> datetime | None:  # noqa: ANN401 - any value
    """Return the datetime of an instant, in UTC; what is finer than a microsecond is cut."""
    return EPOCH + timedelta(microseconds=value.ns // 1000) if isinstance(value, Instant) else None


def midnight(value: Any) -> Instant | None:  # noqa: ANN401 - any value
    """Return a date as midnight in UTC."""
    if type(value) is not date:
        return None
    return instant(datetime(value.year, value.month, value.day, tzinfo=UTC))


def day(value: Any) -> date | None:  # noqa: ANN401 - any value
    """Return the date of an instant in UTC."""
    found = moment(value)
    return found.date() if found else None


def span(value: Any) -> Span | None:  # noqa: ANN401 - any value
    """Return the span of a timedelta that the wire can hold."""
    return Span(value // MICROSECOND * 1000) if isinstance(value, timedelta) and abs(value) <= SPAN_MAX else None


def length(value: Any) -> timedelta | None:  # noqa: ANN401 - any value
    """Return the timedelta of a span; what is finer than a microsecond is cut."""
    return timedelta(microseconds=value.ns // 1000) if isinstance(value, Span) else None


PRIMITIVES = (
    PrimitiveTransformer(int, INTEGER, integer, exactly(int)),
    PrimitiveTransformer(float, FLOAT, real, real),
    PrimitiveTransformer(str, STRING, exactly(str), exactly(str)),
    PrimitiveTransformer(bool, BOOLEAN, exactly(bool), exactly(bool)),
    PrimitiveTransformer(datetime, DATETIME, instant, moment),
    PrimitiveTransformer(date, DATETIME, midnight, day),
    PrimitiveTransformer(timedelta, DURATION, span, length),
    NoneTransformer(),
)
