"""How failed attempts are tried again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from flytelike.model import policies
from flytelike.sdk.option_rules import OptionFault, duration_ns

MAX_RETRIES = 100
"""More is a loop, not a retry."""
FACTOR_MAX = 100.0


@dataclass(frozen=True)
class Backoff:
    """A pause before each retry that grows from one to the next.

    Attributes:
        base: The pause before the first retry.
        factor: How many times as long the next pause is; 1 keeps it the same.
        cap: The longest pause; a day, if not given.
    """

    base: timedelta
    factor: float = 2.0
    cap: timedelta | None = None


@dataclass(frozen=True)
class RetryStrategy:
    """How often a failed attempt is tried again, and after which pause.

    Attributes:
        count: How often.
        backoff: The pause; without it, the next attempt starts at once.
    """

    count: int
    backoff: Backoff | None = None


def retry_faults(retries: int | RetryStrategy) -> Iterator[OptionFault]:
    """Tell what is wrong with the `retries` of a task."""
    count = retries.count if isinstance(retries, RetryStrategy) else retries
    if not 0 <= count <= MAX_RETRIES:
        yield OptionFault("invalid-option", "retries", f"`retries` must lie between 0 and {MAX_RETRIES}")
    backoff = retries.backoff if isinstance(retries, RetryStrategy) else None
    if backoff is None:
        return
    if not isinstance(backoff, Backoff):
        kind = type(backoff).__name__
        yield OptionFault("invalid-option", "retries", f"`backoff` must be a Backoff, not {kind}")
        return
    if backoff.base <= timedelta(0) or (backoff.cap is not None and backoff.cap < backoff.base):
        yield OptionFault("invalid-option", "retries", "a back-off's `base` must be above 0, and its `cap` no less")
    if not 1 <= backoff.factor <= FACTOR_MAX:
        yield OptionFault("invalid-option", "retries", f"a back-off's `factor` must lie between 1 and {FACTOR_MAX:g}")


def backoff_of(retries: int | RetryStrategy) -> policies.Backoff | None:
    """Return the pause in the model's terms."""
    backoff = retries.backoff if isinstance(retries, RetryStrategy) else None
    if backoff is None:
        return None
    longest = 0 if backoff.cap is None else duration_ns(backoff.cap)
    return policies.Backoff(duration_ns(backoff.base), float(backoff.factor), longest)
