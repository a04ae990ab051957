"""Instants and durations as people write them, exact to the nanosecond."""

import re
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from flytelike.model.literals import Instant, Span
from flytelike.types.primitives import instant

SECOND_NS = 1_000_000_000
SPAN_NS_MAX = 315_576_000_000 * SECOND_NS
"""The longest duration that `google.protobuf.Duration` holds: 10,000 years."""
UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
DURATION = re.compile(
    r"(?P<sign>[-+])?(?:P(?=[\dT]))?"
    r"(?:(?P<w>\d+(?:\.\d+)?)w)?(?:(?P<d>\d+(?:\.\d+)?)d)?(?:T(?=\d))?"
    r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m(?:in)?)?(?:(?P<s>\d+(?:\.\d+)?)s)?",
    re.IGNORECASE,
)


def moment(value: Any) -> Instant | None:  # noqa: ANN401 - JSON or YAML
    """Return the instant of an ISO 8601 text, of `now`, or of a date that YAML has read; None for others.

    What has no zone is UTC.
    """
    try:
        return instant(datetime_of(value))
    except OverflowError:
        return None


def datetime_of(value: Any) -> datetime | None:  # noqa: ANN401 - JSON or YAML
    """Return what `moment` reads as it is written: with its zone, or without one."""
    if value == "now":
        return datetime.now(UTC)
    if hasattr(value, "isoformat"):
        value = value.isoformat()
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def duration(value: Any) -> Span | None:  # noqa: ANN401 - JSON or YAML
    """Return the span of `1h30m`, `PT1H30M`, `90s`, or of a number of seconds; None for others.

    Months and years have no fixed length and are not taken.
    """
    if type(value) in {int, float}:
        return span_of(Fraction(value)) if abs(value) < SPAN_NS_MAX else None
    found = DURATION.fullmatch(value.replace(" ", "")) if isinstance(value, str) and len(value) < 200 else None
    if found is None or not any(found[unit] for unit in UNITS):
        return None
    seconds = sum((Fraction(found[unit] or 0) * factor for unit, factor in UNITS.items()), Fraction(0))
    return span_of(-seconds if found["sign"] == "-" else seconds)


def span_of(seconds: Fraction) -> Span | None:
    """Return a number of seconds as a span, rounded to a nanosecond; None when it is too long for the wire."""
    ns = round(seconds * SECOND_NS)
    return Span(ns) if abs(ns) <= SPAN_NS_MAX else None


def duration_text(span: Span) -> str:
    """Return a span in ISO 8601, such as `PT1H30M` or `-P1DT0.5S`."""
    seconds, ns = divmod(abs(span.ns), SECOND_NS)
    days, seconds = divmod(seconds, UNITS["d"])
    hours, seconds = divmod(seconds, UNITS["h"])
    minutes, seconds = divmod(seconds, UNITS["m"])
    fraction = f".{ns:09}".rstrip("0") if ns else ""
    time = "".join(
        text
        for count, text in ((hours, f"{hours}H"), (minutes, f"{minutes}M"), (seconds or ns, f"{seconds}{fraction}S"))
        if count
    )
    length = (f"{days}D" if days else "") + (f"T{time}" if time else "")
    return ("-" if span.ns < 0 else "") + f"P{length or 'T0S'}"
