"""Fields of one out of several types, and of types that are inside of themselves."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from marshmallow.exceptions import ValidationError
from typing_extensions import override

from flytelike.types.inputs.faults import Fault, wrong
from flytelike.types.inputs.fields import Integer, Number, Strict, Truth, one_of
from flytelike.types.inputs.reading import CURRENT

EXACT: Mapping[type, type[Strict]] = {bool: Truth, int: Integer, float: Number}
"""Which option goes first for a number: 1 is a float too, but exactly an int."""


class Union(Strict):
    """One of several types: the first that takes the value."""

    def __init__(self, options: Sequence[Strict], title: str = "") -> None:
        """Try the options in order; `title` stands for all of them."""
        super().__init__()
        self.options = options
        self.title = title

    @override
    def __str__(self) -> str:
        return self.title or " | ".join(dict.fromkeys(map(str, self.options)))

    @override
    def is_meant(self, value: object) -> bool:
        return any(option.is_meant(value) for option in self.options)

    @override
    def read(self, value: Any) -> Any:
        exact = EXACT.get(type(value), ())
        telling: list[ValidationError] = []
        for option in sorted(self.options, key=lambda option: not isinstance(option, exact)):
            found = attempt(option, value)
            if not isinstance(found, ValidationError):
                return found
            if option.is_meant(value):
                telling.append(found)
        if isinstance(value, dict) and not telling:
            raise ValidationError(self.wrong_tags(value))
        # Where only one option has the value's shape, what is wrong inside says more.
        raise telling[0] if len(telling) == 1 else self.refused()

    def wrong_tags(self, value: Mapping[str, Any]) -> list[Fault]:
        """Return the fault of an object whose tag is none of those that tell the options apart; empty without one."""
        tagged = [constants for option in self.options if (constants := option.constants())]
        known = {tag: [constants.get(tag) for constants in tagged] for tag in (tagged[0] if tagged else ())}
        for tag, values in known.items():
            if None not in values and tag in value and value[tag] not in values:
                return [Fault(partial(wrong, one_of(values), value[tag]), (tag,))]
        return []


def attempt(option: Strict, value: object) -> Any:  # noqa: ANN401 - whatever the option makes
    """Return what an option makes of a value, or its error; of lists and objects only once in a reading."""
    tried = CURRENT.get().tried
    key = (id(option), id(value))
    if key in tried:
        return tried[key]
    try:
        found = option.deserialize(value)
    except ValidationError as error:
        found = error
    if isinstance(value, list | dict):
        tried[key] = found
    return found


class Inside(Strict):
    """A type that is inside of itself: its field is found when a value comes."""

    def __init__(self, title: str, find: Callable[[], Strict]) -> None:
        """Read with the field that `find` returns."""
        super().__init__()
        self.title = title
        self.find = find

    @override
    def is_meant(self, value: object) -> bool:
        return self.find().is_meant(value)

    @override
    def constants(self) -> Mapping[str, Any]:
        return self.find().constants()

    @override
    def read(self, value: Any) -> Any:
        return self.find().deserialize(value)
