"""Fields by the `format` of a JSON schema: times and names that documents have as text or seconds."""

from collections.abc import Callable, Mapping
from datetime import time
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

from flytelike.types.input_times import SECOND_NS, duration, duration_text, moment
from flytelike.types.inputs.fields import Parsed
from flytelike.types.primitives import moment as datetime_of

DATE_TIME = "a date or time such as 2024-05-01T12:00:00Z"
DURATION = "a duration such as 1h30m"


def instant_text(value: Any) -> str | None:  # noqa: ANN401 - JSON or YAML
    """Return an instant in ISO 8601."""
    found = moment(value)
    at = datetime_of(found) if found else None
    return at.isoformat() if at else None


def date_text(value: Any) -> str | None:  # noqa: ANN401 - JSON or YAML
    """Return the date of an instant in UTC."""
    text = instant_text(value)
    return text[:10] if text else None


def seconds(value: Any) -> float | None:  # noqa: ANN401 - JSON or YAML
    """Return a duration in seconds."""
    span = duration(value)
    return span.ns / SECOND_NS if span else None


def iso_duration(value: Any) -> str | None:  # noqa: ANN401 - JSON or YAML
    """Return a duration in ISO 8601."""
    span = duration(value)
    return duration_text(span) if span else None


def spelled(parse: Callable[[str], object], value: Any) -> str | None:  # noqa: ANN401 - JSON or YAML
    """Return a text in its usual spelling."""
    try:
        return str(parse(value)) if isinstance(value, str) else None
    except ValueError:
        return None


FORMATS: Mapping[str, Callable[[], Parsed]] = {
    "date-time": lambda: Parsed(instant_text, DATE_TIME),
    "date": lambda: Parsed(date_text, "a date such as 2024-05-01"),
    "time": lambda: Parsed(partial(spelled, time.fromisoformat), "a time such as 12:00:00"),
    "time-delta": lambda: Parsed(seconds, DURATION),
    "duration": lambda: Parsed(iso_duration, DURATION),
    "uuid": lambda: Parsed(partial(spelled, UUID), "a UUID"),
    "ipv4": lambda: Parsed(partial(spelled, IPv4Address), "an IPv4 address"),
    "ipv6": lambda: Parsed(partial(spelled, IPv6Address), "an IPv6 address"),
}
"""Functions return None for what does not fit. Other formats are for readers: such values are plain texts."""
