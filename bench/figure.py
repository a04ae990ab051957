"""A measured figure, with its aim and with the limit that bounds it."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of several measurements."""

    name: str
    value: float
    unit: str
    aim: str = ""
    bound: str = ""

    def document(self) -> dict[str, object]:
        """Return the figure as JSON data."""
        return asdict(self)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def median_s(work: Callable[[], object], times: int = 5) -> float:
    """Return the median wall time of some calls, in seconds."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def command_s(words: Sequence[str], times: int = 7) -> float:
    """Return the median wall time of a Python command, in seconds."""
    line = [sys.executable, *words]
    return median_s(lambda: subprocess.run(line, check=True, capture_output=True), times)
