"""Cron expressions: five fields, an alias, and a time zone in front, as Flyte's scheduler reads them.

`CRON_TZ=Europe/Berlin 0 6 * * *` is six o'clock in Berlin, summer and winter; without a zone, times are UTC. Where
clocks are set forward over a time, it comes when they have been; where they are set back, a time that comes twice
counts once (as Debian's cron does it). An expression whose minutes or hours begin with `*` goes by what passes, not by
clocks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial
from itertools import takewhile
from operator import gt
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from flytelike.schedules.faults import ScheduleFault

FIELDS = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31"),
    ("month", "1 to 12 or JAN to DEC"),
    ("day of the week", "0 to 7 (0 and 7 are Sunday) or SUN to SAT"),
)
SHAPE = (
    "write minute, hour, day of the month, month and day of the week, such as `0 6 * * MON-FRI`, or an alias: @daily"
)

_DAILY, _HOURLY, _WEEKLY, _MONTHLY, _YEARLY = "0 0 * * *", "0 * * * *", "0 0 * * 0", "0 0 1 * *", "0 0 1 1 *"
ALIASES = {
    **dict.fromkeys(["@hourly", "hourly", "hours"], _HOURLY),
    **dict.fromkeys(["@daily", "@midnight", "daily", "days"], _DAILY),
    **dict.fromkeys(["@weekly", "weekly", "weeks"], _WEEKLY),
    **dict.fromkeys(["@monthly", "monthly", "months"], _MONTHLY),
    **dict.fromkeys(["@yearly", "@annually", "yearly", "annually", "years"], _YEARLY),
}
"""Words for expressions: those of cron, and those of Flyte's SDK."""

_ZONE_PREFIXES = ("CRON_TZ=", "TZ=")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression that is sound: five fields and a time zone."""

    fields: str
    zone: str = "UTC"

    @property
    def _tz(self) -> tzinfo:
        return UTC if self.zone == "UTC" else ZoneInfo(self.zone)

    def after(self, instant_ns: int) -> Iterator[int]:
        """Yield the times later than an instant, in order."""
        last = instant_ns
        begin = datetime.fromtimestamp(instant_ns // _SECOND_NS, UTC).astimezone(self._tz)
        sim = CronSim(self.fields, begin)
        try:
            for found in sim:
                at = int(found.timestamp()) * _SECOND_NS
                # Clocks that are set give one instant two names, and one name two instants.
                if at > last and _is_meant(sim, found):
                    last = at
                    yield at
        except OverflowError:
            return  # the end of the calendar

    def before(self, instant_ns: int) -> Iterator[int]:
        """Yield the times earlier than an instant, the latest first; none of before 1970."""
        # Looked for forwards, in longer and longer stretches: where a day begins with an hour that is left out, the
        # library takes other ways back than forth.
        end, stretch = instant_ns, 3600 * _SECOND_NS
        while end > 0:
            begin = max(0, end - stretch)
            yield from reversed(list(takewhile(partial(gt, end), self.after(begin - 1))))
            end, stretch = begin, 4 * stretch


def _is_meant(sim: CronSim, found: datetime) -> bool:
    """Tell whether a time is one of those meant: a midnight that clocks leave out is another time, by those clocks."""
    real = found.astimezone(UTC).astimezone(found.tzinfo)
    same = (real.hour, real.minute) == (found.hour, found.minute)
    return same or (real.minute in sim.minutes and real.hour in sim.hours and sim.match_day(real))


def parse_cron(expression: str) -> Cron | ScheduleFault:
    """Return what an expression means, or what is wrong with it."""
    text, zone = " ".join(expression.split()), "UTC"
    for prefix in _ZONE_PREFIXES:
        if text.startswith(prefix):
            zone, _, text = text.removeprefix(prefix).partition(" ")
            break
    if not _is_zone(zone):
        return ScheduleFault(
            f"there is no time zone `{zone}`", "name one of the IANA database, such as `Europe/Berlin`, or `UTC`"
        )
    if text.startswith("@every"):
        return ScheduleFault(f"`{text}` is a rate, no cron expression", "use a fixed rate of minutes, hours or days")
    fields = ALIASES.get(text.lower(), text).replace("?", "*")
    return _fault_in(text, fields.split()) or Cron(fields, zone)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return bool(name)


def _fault_in(text: str, parts: list[str]) -> ScheduleFault | None:
    if len(parts) != len(FIELDS):
        count = f"it has {len(parts)} field{'' if len(parts) == 1 else 's'}, five are wanted"
        return ScheduleFault(f"`{text}` is no cron expression: {count}", SHAPE)
    for number, (part, (name, allowed)) in enumerate(zip(parts, FIELDS, strict=True)):
        if not _is_sound(" ".join(part if number == at else "*" for at in range(len(parts)))):
            return ScheduleFault(
                f"`{part}` is no {name} (field {number + 1} of `{text}`)",
                f"{name}: {allowed}; `*` for all, ranges such as 1-5, steps such as */2, lists such as 1,3",
            )
    if not _is_sound(" ".join(parts)) or not any(True for _ in Cron(" ".join(parts)).after(0)):
        return ScheduleFault(f"`{text}` never comes", "choose a day that the months have")
    return None


def _is_sound(fields: str) -> bool:
    try:
        CronSim(fields, _EPOCH)
    except (CronSimError, AssertionError, ValueError):  # what it has not foreseen, it asserts
        return False
    return True
