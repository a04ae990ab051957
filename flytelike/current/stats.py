"""`current_context().stats`: measurements of a task's own, which this platform does not collect."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext


class NoStats:
    """Takes what a statsd client takes, and drops it."""

    def incr(self, metric: str, count: int = 1, rate: float = 1, tags: Mapping[str, str] | None = None) -> None:
        """Count something."""

    def decr(self, metric: str, count: int = 1, rate: float = 1, tags: Mapping[str, str] | None = None) -> None:
        """Count something down."""

    def timing(self, metric: str, delta: float, rate: float = 1, tags: Mapping[str, str] | None = None) -> None:
        """Tell how long something took."""

    def gauge(
        self, metric: str, value: float, rate: float = 1, delta: bool = False, tags: Mapping[str, str] | None = None
    ) -> None:
        """Tell how much of something there is."""

    def timer(
        self, metric: str, rate: float = 1, tags: Mapping[str, str] | None = None
    ) -> AbstractContextManager[None]:
        """Measure how long a block takes."""
        return nullcontext()
