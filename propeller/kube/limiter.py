"""How often the API server is called: so many times a second, with some at once after a pause."""

import asyncio
from collections.abc import Callable


class RateLimiter:
    """A bucket of tokens that fills with time. Callers are served in the order they come."""

    def __init__(self, per_second: float, burst: int, now_s: Callable[[], float] | None = None) -> None:
        """Start with a full bucket; `now_s` is the event loop's clock if none is given."""
        self._per_second = per_second
        self._burst = burst
        self._now_s = now_s
        self._tokens = float(burst)
        self._filled_s: float | None = None

    def wait_s(self) -> float:
        """Take a token and return how long to wait for it."""
        now = (self._now_s or asyncio.get_running_loop().time)()
        if self._filled_s is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._filled_s) * self._per_second)
        self._filled_s = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._per_second)

    async def take(self) -> None:
        """Return when it is one's turn."""
        pause = self.wait_s()
        if pause:
            await asyncio.sleep(pause)
