"""How an attempt ends, as executors tell it."""

from dataclasses import dataclass
from typing import TypeAlias

from flytelike.model.failure import Failure


@dataclass(frozen=True, slots=True)
class GaveNodes:
    """The attempt ended well, and left nodes to run next (`futures.pb`) instead of outputs."""


Ending: TypeAlias = Failure | GaveNodes | None
"""A failure, nodes to run next, or None for outputs."""
