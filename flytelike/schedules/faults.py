"""What is wrong with a schedule."""

from dataclasses import dataclass

CODE = "invalid-schedule"
"""The code of all of these."""


@dataclass(frozen=True, slots=True)
class ScheduleFault:
    """What is wrong, which part of the schedule it is in, and what to write there."""

    headline: str
    help: str
