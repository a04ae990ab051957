"""The keywords of JSON schema that narrow a type: how they are checked, and how faults write them."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from marshmallow.exceptions import ValidationError
from marshmallow.validate import Length, Range

Check = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Limits:
    """What narrows a type: checks, and the words that go after the type's name."""

    checks: tuple[Check, ...] = ()
    words: str = ""


NO_LIMITS = Limits()


def of_number(schema: Mapping[str, Any]) -> Limits:
    """Return the limits of an int or float: `≥ 1 and < 10`, `that is a multiple of 5`."""
    checks: list[Check] = []
    words: list[str] = []
    if low := bound(schema, "minimum", "exclusiveMinimum"):
        words.append(f"{'≥' if low[1] else '>'} {low[0]}")
        checks.append(Range(min=low[0], min_inclusive=low[1]))
    if high := bound(schema, "maximum", "exclusiveMaximum"):
        words.append(f"{'≤' if high[1] else '<'} {high[0]}")
        checks.append(Range(max=high[0], max_inclusive=high[1]))
    if checks:
        checks.append(holding(lambda value: not math.isnan(value)))
    said = f" {' and '.join(words)}" if words else ""
    if step := number(schema, "multipleOf"):
        said += f" that is a multiple of {step}"
        checks.append(holding(lambda value: math.isfinite(value) and not Fraction(str(value)) % Fraction(str(step))))
    return Limits(tuple(checks), said)


def bound(schema: Mapping[str, Any], closed: str, open_: str) -> tuple[float, bool] | None:
    """Return a bound, and whether it is itself allowed; of two the narrower one."""
    at, beyond = number(schema, closed), number(schema, open_)
    if beyond is None:  # in the oldest draft the open one is a flag beside the other
        return None if at is None else (at, schema.get(open_) is not True)
    if at is not None and (at > beyond if closed == "minimum" else at < beyond):
        return at, True
    return beyond, False


def of_text(schema: Mapping[str, Any]) -> Limits:
    """Return the limits of a text: `of 1 to 20 characters`, `matching ^[a-z]+$`."""
    checks, words = length(schema, "minLength", "maxLength", "character")
    found = pattern(schema.get("pattern"))
    if found is not None:  # else in another dialect of regular expressions: whoever reads the value checks it
        checks.append(holding(lambda value: found.search(value) is not None))
        words = f"{words} matching `{found.pattern}`"
    return Limits(tuple(checks), words)


def pattern(text: object) -> re.Pattern[str] | None:
    """Return a regular expression, or None for what is none in Python."""
    try:
        return re.compile(text) if isinstance(text, str) else None
    except (re.error, RecursionError, OverflowError):
        return None


def of_list(schema: Mapping[str, Any]) -> Limits:
    """Return the limits of a list: `of at least 1 item`, `of distinct items`."""
    unique = schema.get("uniqueItems") is True
    checks, words = length(schema, "minItems", "maxItems", "distinct item" if unique else "item")
    if unique:
        checks.append(holding(distinct))
    return Limits(tuple(checks), words or (" of distinct items" if unique else ""))


def of_dict(schema: Mapping[str, Any]) -> Limits:
    """Return the limits of an object: `of at most 3 entries`."""
    checks, words = length(schema, "minProperties", "maxProperties", "entry")
    return Limits(tuple(checks), words)


def length(schema: Mapping[str, Any], low: str, high: str, noun: str) -> tuple[list[Check], str]:
    """Return the check of a length, and its words."""
    least, most = (int(value) if (value := number(schema, name)) is not None else None for name in (low, high))
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    match least, most:
        case None | 0, None:
            return [], ""
        case int(), int() if least == most:
            words = f" of {most} {noun if most == 1 else plural}"
        case None | 0, int():
            words = f" of at most {most} {noun if most == 1 else plural}"
        case int(), None:
            words = f" of at least {least} {noun if least == 1 else plural}"
        case _:
            words = f" of {least} to {most} {plural}"
    return [Length(min=least, max=most)], words


def number(schema: Mapping[str, Any], keyword: str) -> float | None:
    """Return the number that a keyword states; None for none."""
    value = schema.get(keyword)
    return value if type(value) in {int, float} and math.isfinite(value or 0) else None


def distinct(values: list[Any]) -> bool:
    """Tell whether no value is in a list twice."""
    return len({comparable(value) for value in values}) == len(values)


def comparable(value: object) -> object:
    """Return what equals for values that are equal in JSON: 1 is 1.0, but not true; order in objects means nothing."""
    match value:
        case list() | tuple():
            return tuple(comparable(item) for item in value)
        case dict():
            return frozenset((comparable(key), comparable(item)) for key, item in value.items())
        case _:
            return isinstance(value, bool), value


def holding(test: Callable[[Any], bool]) -> Check:
    """Return a check that refuses the values for which a test does not hold."""

    def check(value: object) -> None:
        if not test(value):
            raise ValidationError("Invalid value.")

    return check
