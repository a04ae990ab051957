"""Whether a failure is retried, and when. Counts as Flyte's engine does.

A failure of the user's making (or nobody's) is retried as often as the author asked: at
once, or after the pause that the author asked for. A failure of the platform is counted
apart, retried a few times whatever the author asked, and after a growing pause.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from flytelike.model.failure import Failure, Fault
from flytelike.model.policies import Backoff

FIRST_PAUSE_NS = 1_000_000_000
LONGEST_PAUSE_NS = 60_000_000_000
LONGEST_ASKED_NS = 24 * 3_600_000_000_000
"""The longest pause where the author names none: a day."""
EXHAUSTED = "RetriesExhausted|"
"""Prefix of the code once retries are used up (Flyte's)."""


@dataclass(frozen=True, slots=True)
class RetryNow:
    """Start the next attempt at once; both numbers count all failures so far."""

    user_failures: int
    system_failures: int


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Start the next attempt after a pause."""

    user_failures: int
    system_failures: int
    pause_ns: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Fail the node with this failure. `exhausted` tells that retries were used up."""

    failure: Failure
    exhausted: bool


Verdict: TypeAlias = RetryNow | RetryLater | GiveUp


@dataclass(frozen=True, slots=True)
class Budget:
    """How many failures are retried, by whose fault they are."""

    retries: int
    system_retries: int
    backoff: Backoff | None = None


def judge(failure: Failure, user_failures: int, system_failures: int, budget: Budget) -> Verdict:
    """Return what follows from a task's failure. The counts are those before this failure."""
    if not failure.retryable:
        return GiveUp(failure, exhausted=False)
    if failure.fault is Fault.SYSTEM:
        system_failures += 1
        if system_failures > budget.system_retries:
            return GiveUp(_exhausted(failure, system_failures), exhausted=True)
        return RetryLater(user_failures, system_failures, pause_ns(system_failures))
    user_failures += 1
    if user_failures > budget.retries:
        return GiveUp(_exhausted(failure, user_failures), exhausted=True)
    if budget.backoff is not None:
        return RetryLater(user_failures, system_failures, asked_pause_ns(budget.backoff, user_failures))
    return RetryNow(user_failures, system_failures)


def judge_whole(failure: Failure, failures: int, retries: int) -> Verdict:
    """Return what follows when a sub-workflow or a child execution failed as a whole.

    Its tasks had their own retries, those for the platform's failures too: all that counts
    here is what the author asked for this node, whosesoever fault it was.
    """
    if not failure.retryable or retries == 0:
        return GiveUp(failure, exhausted=False)
    if failures + 1 > retries:
        return GiveUp(_exhausted(failure, failures + 1), exhausted=True)
    return RetryNow(failures + 1, 0)


def pause_ns(system_failures: int) -> int:
    """Return the pause after the n-th failure of the platform: 1 s, 2 s, 4 s ... at most 60 s."""
    return min(FIRST_PAUSE_NS << min(system_failures - 1, 16), LONGEST_PAUSE_NS)


def asked_pause_ns(backoff: Backoff, user_failures: int) -> int:
    """Return the pause that the author asks for after the n-th failure of the user's making."""
    longest = backoff.longest_ns or LONGEST_ASKED_NS
    pause = min(backoff.first_ns, longest)
    for _ in range(user_failures - 1):
        if pause >= longest:
            break
        pause = min(int(pause * backoff.factor), longest)
    return pause


def _exhausted(failure: Failure, failures: int) -> Failure:
    if failure.code.startswith(EXHAUSTED):
        return failure
    tried = "once" if failures == 1 else f"{failures} times"
    return replace(
        failure,
        code=EXHAUSTED + failure.code,
        message=f"Failed {tried}, no retries are left. Last failure: {failure.message}",
    )
