"""Fields of simple values: marshmallow's, made strict, with our words for faults.

A text is no number, 1 is not true, and None is a value like others: a field that does not take it says so.
`str(field)` is the type as its author would write it; `expected int ≥ 1` is made of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import NoneType
from typing import Any, ClassVar, assert_never

from marshmallow import fields
from marshmallow.exceptions import ValidationError
from marshmallow.validate import Range
from typing_extensions import override

from flytelike.model.types import BlobType, SchemaType, StructuredDatasetType
from flytelike.types.inputs.faults import Fault, Index, whole, wrong
from flytelike.types.inputs.limits import NO_LIMITS, Limits
from flytelike.types.inputs.places import Stored
from flytelike.types.inputs.reading import CURRENT
from flytelike.types.primitives import INT64_MAX

UINT64_MAX = 2**64 - 1
"""The largest integer of a msgpack document."""
Classes = tuple[type, ...]


class Strict(fields.Field[Any]):
    """What all fields have in common. They refuse with lists of `Fault`: their own, or those of what is inside."""

    takes: ClassVar[Classes] = (object,)
    title: str = "a value"

    def __init__(self, *args: Any, limits: Limits = NO_LIMITS, **kwargs: Any) -> None:  # noqa: ANN401 - marshmallow's
        """Take what marshmallow's field takes, and what narrows the type."""
        super().__init__(*args, validate=limits.checks, **kwargs)
        self.limits = limits

    @override
    def __str__(self) -> str:
        return self.title + self.limits.words

    @override
    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        """Return what the value becomes; raises ValidationError with a list of `Fault`."""
        try:
            return super().deserialize(value, attr, data, **kwargs)
        except ValidationError as error:
            # Messages that are no faults are marshmallow's: they say that the value itself does not fit.
            found = flat(error.messages)
            raise ValidationError(found or [Fault(lambda: wrong(self, value))]) from None

    @override
    def _validate_missing(self, value: Any) -> None:
        """Let None through to the field."""

    @override
    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, self.takes) or (isinstance(value, bool) and self.takes not in {(bool,), (object,)}):
            raise self.refused()
        return self.read(value)

    def read(self, value: Any) -> Any:  # noqa: ANN401 - any value of the classes it takes
        """Return what a value of the right class becomes."""
        return super()._deserialize(value, None, None)

    def refused(self) -> ValidationError:
        """Return the error for a value that does not fit."""
        return self.make_error("validator_failed")

    def is_meant(self, value: object) -> bool:  # noqa: ARG002 - other fields need it
        """Tell whether a value that does not fit has the right shape: what is wrong inside is then worth telling."""
        return False

    def constants(self) -> Mapping[str, Any]:
        """Return the properties that have one value in all objects of the type: they tell it from others."""
        return {}


def flat(messages: Any) -> list[Fault]:  # noqa: ANN401 - marshmallow's
    """Return the faults among messages; those of items and fields are one step deeper."""
    if isinstance(messages, dict):
        return [
            fault.below(Index(step) if isinstance(step, int) else step)
            for step, inner in messages.items()
            for fault in flat(inner)
        ]
    return [found for found in messages if isinstance(found, Fault)]


class Integer(Strict, fields.Integer):
    """A whole number that fits into 64 bits."""

    takes: ClassVar[Classes] = (int,)
    title = "int"

    def __init__(self, *, largest: int = UINT64_MAX, limits: Limits = NO_LIMITS, **kwargs: Any) -> None:  # noqa: ANN401
        """Take numbers from -2**63 to `largest`."""
        bounds = Range(min=-INT64_MAX - 1, max=largest)
        super().__init__(limits=Limits((bounds, *limits.checks), limits.words), **kwargs)


class Number(Strict, fields.Float):
    """A number, as float; infinities and NaN are numbers too."""

    takes: ClassVar[Classes] = (int, float)
    title = "float"

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        """Take what all fields take."""
        super().__init__(allow_nan=True, **kwargs)


class Truth(Strict):
    """True or false."""

    takes: ClassVar[Classes] = (bool,)
    title = "bool"


class Null(Strict):
    """None."""

    takes: ClassVar[Classes] = (NoneType,)
    title = "None"


class Text(Strict, fields.String):
    """A text."""

    takes: ClassVar[Classes] = (str,)
    title = "str"

    @override
    def read(self, value: str) -> str:
        if not whole(value):
            raise self.refused()
        return value


class Parsed(Strict):
    """What a function makes of a value; it returns None for those that do not fit."""

    def __init__(self, parse: Callable[[Any], Any], title: str, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        """Read with `parse`."""
        super().__init__(**kwargs)
        self.parse = parse
        self.title = title

    @override
    def read(self, value: Any) -> Any:
        found = self.parse(value)
        if found is None:
            raise self.refused()
        return found


class Choice(Strict):
    """One of some values. Schemas keep whole doubles as integers, so that 1.0 is 1; but True is no 1."""

    def __init__(self, options: Sequence[Any], **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        """Take these values only."""
        super().__init__(**kwargs)
        self.options = options
        self.title = one_of(options)

    @override
    def read(self, value: Any) -> Any:
        if not any(value == option and isinstance(value, bool) == isinstance(option, bool) for option in self.options):
            raise self.refused()
        return value


def one_of(options: Iterable[Any]) -> str:
    """Return how faults list the values to choose from."""
    return "one of " + ", ".join(repr(option) for option in options)


class Place(Strict):
    """A file, folder or table, by path or uri; gives its uri."""

    takes: ClassVar[Classes] = (str,)

    def __init__(self, kind: Stored, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        """Take places where such a thing can lie."""
        super().__init__(**kwargs)
        self.kind = kind
        self.title = f"a {noun(kind)}'s path or uri"

    @override
    def is_meant(self, value: object) -> bool:
        return isinstance(value, str) and value != ""

    @override
    def read(self, value: str) -> str:
        locate = CURRENT.get().locate
        if locate is None or not value or not whole(value):
            raise self.refused()
        try:
            return locate(value, self.kind)
        except (ValueError, OSError) as error:
            reason = str(error)
            raise ValidationError([Fault(lambda: reason)]) from None


def noun(kind: Stored) -> str:
    """Return what people call a kind of stored thing."""
    match kind:
        case BlobType(_, multipart):
            return "folder" if multipart else "file"
        case StructuredDatasetType() | SchemaType():
            return "table"
        case _ as never:
            assert_never(never)
