"""How a checker says no, and what several of them know."""

from flytelike.model.policies import Backoff

DAY_NS = 24 * 3_600_000_000_000


class Violation(AssertionError):
    """A rule of the world was broken."""


def must(condition: object, rule: str) -> None:
    if not condition:
        raise Violation(rule)


def wanted_pause_ns(backoff: Backoff, failures: int) -> int:
    """Return how long an author wants the next attempt to wait after so many failures of the user's making."""
    return min(int(backoff.first_ns * backoff.factor ** (failures - 1)), backoff.longest_ns or DAY_NS)
