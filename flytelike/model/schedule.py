"""When a launch plan's executions start by themselves."""

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias


class RateUnit(IntEnum):
    """The unit of a fixed rate; the values are Flyte's."""

    MINUTE = 0
    HOUR = 1
    DAY = 2


@dataclass(frozen=True, slots=True)
class CronRule:
    """The times of a cron expression, or of an alias such as `@daily`; each by `offset` (ISO 8601) later."""

    expression: str
    offset: str = ""


@dataclass(frozen=True, slots=True)
class RateRule:
    """Every so many minutes, hours or days."""

    value: int
    unit: RateUnit


Rule: TypeAlias = CronRule | RateRule


@dataclass(frozen=True, slots=True)
class Schedule:
    """When executions start; `kickoff` names the input that is given the time, empty for none."""

    rule: Rule
    kickoff: str = ""

    @property
    def words(self) -> str:
        """The schedule as people read it: `cron 0 6 * * *`, `every 10 minutes`."""
        match self.rule:
            case CronRule(expression, offset):
                return f"cron {expression}, {offset} later" if offset else f"cron {expression}"
            case RateRule(value, unit):
                noun = unit.name.lower()
                return f"every {noun}" if value == 1 else f"every {value} {noun}s"
