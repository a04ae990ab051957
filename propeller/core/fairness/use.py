"""What is used at a place."""

from dataclasses import dataclass

from propeller.core.fairness.amounts import Amounts


@dataclass(frozen=True, slots=True)
class Use:
    """What is granted at and below a place, and how many requests wait there."""

    path: tuple[str, ...]
    used: Amounts
    waiting: int
