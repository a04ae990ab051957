"""How long attempts may take."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from flytelike.sdk.option_rules import OptionFault, duration_faults, duration_ns


@dataclass(frozen=True)
class Timeout:
    """How long an attempt of a task may take.

    Attributes:
        max_runtime: The longest time it may run; a number counts seconds.
        max_queued_time: The longest time it may wait, from its hand-over to the executor, until it runs.
    """

    max_runtime: timedelta | int = 0
    max_queued_time: timedelta | int = 0


Limit: TypeAlias = timedelta | int | Timeout


def timeout_faults(timeout: Limit) -> Iterator[OptionFault]:
    """Tell what is wrong with a task's `timeout`."""
    if isinstance(timeout, Timeout):
        yield from duration_faults("timeout", timeout.max_runtime)
        yield from duration_faults("timeout", timeout.max_queued_time)
    else:
        yield from duration_faults("timeout", timeout)


def timeouts_ns(timeout: Limit) -> tuple[int, int]:
    """Return the longest time to run and to wait, in nanoseconds; 0 is none."""
    if isinstance(timeout, Timeout):
        return duration_ns(timeout.max_runtime), duration_ns(timeout.max_queued_time)
    return duration_ns(timeout), 0
