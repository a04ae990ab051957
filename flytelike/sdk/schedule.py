"""Schedules of launch plans, as authors write them."""

from dataclasses import dataclass, fields
from datetime import timedelta

from flytelike.model.schedule import CronRule, RateRule, RateUnit, Schedule
from flytelike.schedules.faults import ScheduleFault
from flytelike.schedules.times import times_of

_UNITS = (
    (timedelta(days=1), RateUnit.DAY),
    (timedelta(hours=1), RateUnit.HOUR),
    (timedelta(minutes=1), RateUnit.MINUTE),
)


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """Executions at the times of a cron expression.

    Attributes:
        schedule: Minute, hour, day of the month, month, day of the week: `0 6 * * MON-FRI`; or `@hourly`, `@daily`,
            `@weekly`, `@monthly`, `@yearly`.
        kickoff_time_input_arg: The input, a `datetime`, that is given the time.
        offset: How much later than the expression says, as ISO 8601 writes durations: `PT30M`.
        timezone: Where the times are read off clocks, such as `Europe/Berlin`; UTC if not given.
    """

    schedule: str
    kickoff_time_input_arg: str | None = None
    offset: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class FixedRate:
    """Executions every so often: at the multiples of a duration since 1970, UTC.

    Attributes:
        duration: Whole minutes, hours or days.
        kickoff_time_input_arg: The input, a `datetime`, that is given the time.
    """

    duration: timedelta
    kickoff_time_input_arg: str | None = None


AuthoredSchedule = CronSchedule | FixedRate


def schedule_of(written: AuthoredSchedule) -> Schedule | ScheduleFault:
    """Return the schedule that an author wrote, or what is wrong with it."""
    rule = _rule(written)
    if isinstance(rule, ScheduleFault):
        return rule
    found = times_of(rule)
    return found if isinstance(found, ScheduleFault) else Schedule(rule, written.kickoff_time_input_arg or "")


def _mistyped(written: AuthoredSchedule) -> ScheduleFault | None:
    """Tell of a part that has another type than its annotation says: nothing has checked that yet."""
    for part in fields(written):
        value = getattr(written, part.name)
        kind = timedelta if part.name == "duration" else str
        if not isinstance(value, kind) and not (value is None and part.default is None):
            told = f"`{part.name}` of a schedule must be {kind.__name__}, not {type(value).__name__}"
            return ScheduleFault(told, 'such as `CronSchedule("0 6 * * *")` or `FixedRate(timedelta(hours=1))`')
    return None


def _rule(written: AuthoredSchedule) -> CronRule | RateRule | ScheduleFault:
    if mistyped := _mistyped(written):
        return mistyped
    if isinstance(written, CronSchedule):
        zone = f"CRON_TZ={written.timezone} " if written.timezone else ""
        return CronRule(zone + written.schedule, written.offset or "")
    for length, unit in _UNITS:
        if not written.duration % length:
            return RateRule(written.duration // length, unit)
    return ScheduleFault(
        f"a rate of {written.duration} is none: it is not whole minutes", "give whole minutes, hours or days"
    )
