"""Points in time on the command line."""

from datetime import UTC, datetime

import click
from google.protobuf.timestamp_pb2 import Timestamp
from typing_extensions import override


class Moment(click.ParamType[datetime]):
    """A day or a time as ISO 8601 writes it; UTC unless it says how far from it."""

    name = "time"

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-01-31, 2026-01-31T06:00 or 2026-01-31T06:00+01:00", param, ctx)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


def message(moment: datetime) -> Timestamp:
    """Return the message of a time."""
    out = Timestamp()
    out.FromDatetime(moment)
    return out


def shown(stamp: Timestamp) -> str:
    """Return a time for people: UTC, to the second."""
    found = stamp.ToDatetime(UTC)
    return f"{found:%Y-%m-%d %H:%M}{f':{found:%S}' if found.second else ''} UTC"
