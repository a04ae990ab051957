"""The times of a schedule."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice, takewhile

from flytelike.model.schedule import CronRule, RateRule, RateUnit, Rule
from flytelike.schedules.cron import Cron, parse_cron
from flytelike.schedules.faults import ScheduleFault
from flytelike.schedules.offset import parse_offset

MINUTE_NS = 60 * 1_000_000_000
UNIT_NS = {RateUnit.MINUTE: MINUTE_NS, RateUnit.HOUR: 60 * MINUTE_NS, RateUnit.DAY: 24 * 60 * MINUTE_NS}
RATE_NS_MAX = 366 * UNIT_NS[RateUnit.DAY]


@dataclass(frozen=True, slots=True)
class CronTimes:
    """The times of a cron expression, each later by an offset."""

    cron: Cron
    offset_ns: int

    def after(self, instant_ns: int) -> Iterator[int]:
        """Yield the times later than an instant, in order."""
        return (at + self.offset_ns for at in self.cron.after(instant_ns - self.offset_ns))

    def before(self, instant_ns: int) -> Iterator[int]:
        """Yield the times earlier than an instant, the latest first."""
        return (at + self.offset_ns for at in self.cron.before(instant_ns - self.offset_ns))


@dataclass(frozen=True, slots=True)
class RateTimes:
    """The multiples of a duration since 1970: whenever one asks, and whoever activated it, they are the same."""

    every_ns: int

    def after(self, instant_ns: int) -> Iterator[int]:
        """Yield the times later than an instant, in order."""
        return count(self.every_ns * (instant_ns // self.every_ns + 1), self.every_ns)

    def before(self, instant_ns: int) -> Iterator[int]:
        """Yield the times earlier than an instant, the latest first."""
        return count(self.every_ns * -(-instant_ns // self.every_ns) - self.every_ns, -self.every_ns)


Times = CronTimes | RateTimes


def times_of(rule: Rule) -> Times | ScheduleFault:
    """Return the times of a rule, or what is wrong with it."""
    match rule:
        case RateRule(value, unit):
            every_ns = value * UNIT_NS[unit]
            if not 0 < every_ns <= RATE_NS_MAX:
                noun = unit.name.lower()
                return ScheduleFault(
                    f"a rate of {value} {noun}s is none", f"give a whole number of {noun}s, from 1 up to a year"
                )
            return RateTimes(every_ns)
        case CronRule(expression, offset):
            cron, offset_ns = parse_cron(expression), parse_offset(offset)
            if isinstance(cron, ScheduleFault):
                return cron
            return offset_ns if isinstance(offset_ns, ScheduleFault) else CronTimes(cron, offset_ns)


def next_times(times: Times, after_ns: int, most: int) -> list[int]:
    """Return the first times later than an instant, `most` of them at most."""
    return list(islice(times.after(after_ns), most))


def times_between(times: Times, from_ns: int, to_ns: int, most: int) -> list[int]:
    """Return the times from an instant on and before another, in order, `most` at most."""
    return list(islice(takewhile(lambda at: at < to_ns, times.after(from_ns - 1)), most))


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be started: times in order. Those from `missed_from_ns` to `missed_to_ns` are too many (0: none)."""

    times: tuple[int, ...]
    missed_from_ns: int = 0
    missed_to_ns: int = 0


def due(times: Times, done_ns: int, now_ns: int, most: int) -> Due:
    """Return what came later than `done_ns` and not later than `now_ns`: the last `most` times.

    The count of those left out is not told, to find it would take as long as there are many; first and last are.
    """
    backwards = takewhile(lambda at: at > done_ns, times.before(now_ns + 1))
    newest = list(islice(backwards, most + 1))
    if len(newest) <= most:
        return Due(tuple(reversed(newest)))
    first = next(times.after(done_ns))
    return Due(tuple(reversed(newest[:most])), first, newest[most])
