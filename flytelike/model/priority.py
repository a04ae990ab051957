"""How urgent work is, against other work of its project."""

from enum import IntEnum
from typing import Final

PRIORITY_MAX: Final = 1000
"""Priorities lie between this and its negative."""


class Priority(IntEnum):
    """Names for priorities: the tiers of Flyte's `QualityOfService`. Any number between -1000 and 1000 is one too."""

    LOW = -100
    MEDIUM = 0
    HIGH = 100


def is_priority(number: int) -> bool:
    """Tell whether a number is a priority."""
    return -PRIORITY_MAX <= number <= PRIORITY_MAX


def bounded(number: int) -> int:
    """Return the priority nearest to a sum of priorities."""
    return max(-PRIORITY_MAX, min(PRIORITY_MAX, number))
