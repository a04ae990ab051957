"""Fields by the `format` of a JSON schema: times and names that documents have as text or seconds."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, time
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

from flytelike.types.input_times import SECOND_NS, datetime_of, duration, duration_text, moment
from flytelike.types.inputs.fields import Parsed
from flytelike.types.primitives import moment as python_datetime

DATE_TIME = "a date or time such as 2024-05-01T12:00:00Z"
DURATION = "a duration such as 1h30m"
ISO_DURATION = re.compile(r"-?P(?=\w)(\d+Y)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")


def instant_text(value: Any) -> str | None:  # noqa: ANN401 - JSON or YAML
    """Return an instant in ISO 8601, as records write it: with its zone, which is UTC where none is named."""
    at = datetime_of(value)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat() if at else None


def instant_as_written(value: Any) -> str | None:  # noqa: ANN401 - JSON or YAML
    """Return the text of an instant as it is; `now` and dates of YAML in ISO 8601."""
    at = datetime_of(value)
    return None if at is None else value if isinstance(value, str) and value != "now" else at.isoformat()


def date_text(value: Any) -> str | None:  # noqa: ANN401 - JSON or YAML
    """Return the date of an instant in UTC."""
    found = moment(value)
    at = python_datetime(found) if found else None
    return at.date().isoformat() if at else None


def seconds(value: Any) -> float | None:  # noqa: ANN401 - JSON or YAML
    """Return a duration in seconds."""
    span = duration(value)
    return span.ns / SECOND_NS if span else None


def iso_duration(value: Any) -> str | None:  # noqa: ANN401 - JSON or YAML
    """Return a duration in ISO 8601. pydantic writes 365 days as a year: its texts stay as they are."""
    if isinstance(value, str) and ISO_DURATION.fullmatch(value):
        return value
    span = duration(value)
    return duration_text(span) if span else None


def spelled(parse: Callable[[str], object], value: Any) -> str | None:  # noqa: ANN401 - JSON or YAML
    """Return a text in its usual spelling."""
    try:
        return str(parse(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def time_text(value: Any) -> str | None:  # noqa: ANN401 - JSON or YAML
    """Return a time of day as it is written."""
    return value if spelled(time.fromisoformat, value) else None


FORMATS: Mapping[str, Callable[[], Parsed]] = {
    "date-time": lambda: Parsed(instant_text, DATE_TIME),
    "date": lambda: Parsed(date_text, "a date such as 2024-05-01"),
    "time": lambda: Parsed(time_text, "a time such as 12:00:00"),
    "time-delta": lambda: Parsed(seconds, DURATION),
    "duration": lambda: Parsed(iso_duration, DURATION),
    "uuid": lambda: Parsed(partial(spelled, UUID), "a UUID"),
    "ipv4": lambda: Parsed(partial(spelled, IPv4Address), "an IPv4 address"),
    "ipv6": lambda: Parsed(partial(spelled, IPv6Address), "an IPv6 address"),
}
"""Functions return None for what does not fit. Other formats are for readers: such values are plain texts."""
MODEL_FORMATS = {**FORMATS, "date-time": lambda: Parsed(instant_as_written, DATE_TIME)}
"""The same in pydantic's models, which write instants in their own way, and may refuse a zone or want one."""
