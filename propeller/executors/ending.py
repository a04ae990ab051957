"""How an attempt ends, as executors tell it."""

from dataclasses import dataclass
from typing import TypeAlias

from flytelike.model.failure import Failure, Fault
from propeller.executors.codes import BAD_TASK


@dataclass(frozen=True, slots=True)
class GaveNodes:
    """The attempt ended well, and left nodes to run next (`futures.pb`) instead of outputs."""


Ending: TypeAlias = Failure | GaveNodes | None
"""A failure, nodes to run next, or None for outputs."""

NO_GRAPHS = Failure(
    BAD_TASK,
    "A dynamic task cannot be an element of a map: map a workflow that calls it.",
    Fault.USER,
    retryable=False,
)
"""The failure of an element that gave nodes to run next."""
