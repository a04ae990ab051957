"""Offsets of cron times: ISO 8601 durations of a fixed length."""

import re

from flytelike.schedules.faults import ScheduleFault

DAYS_MAX = 366
_DAY_NS = 24 * 3600 * 1_000_000_000
_SHAPE = re.compile(
    r"P(?=.)(?:(?P<weeks>\d{1,9})W|(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9})S)?)?)",
    re.ASCII,
)
_UNITS_NS = {"weeks": 7 * _DAY_NS, "days": _DAY_NS, "hours": 3600 * 10**9, "minutes": 60 * 10**9, "seconds": 10**9}


def parse_offset(text: str) -> int | ScheduleFault:
    """Return the nanoseconds of an offset (0 for an empty one), or what is wrong with it."""
    if not text:
        return 0
    match = _SHAPE.fullmatch(text)
    if match is None:
        return ScheduleFault(
            f"`{text}` is no offset",
            "write weeks, or days, hours, minutes and seconds as ISO 8601 does, such as `PT90M` or `P1DT6H`; "
            "months and years have no fixed length",
        )
    total = sum(int(match[unit] or 0) * size for unit, size in _UNITS_NS.items())
    if total > DAYS_MAX * _DAY_NS:
        return ScheduleFault(f"the offset `{text}` is longer than {DAYS_MAX} days", "choose a shorter one")
    return total
