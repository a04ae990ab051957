"""The machine's clock, with calls made by the event loop."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoopAlarm:
    """A call that the event loop will make."""

    handle: asyncio.TimerHandle

    def cancel(self) -> None:
        """Forget the call."""
        self.handle.cancel()


class LoopClock:
    """The machine's clock and the event loop's timers."""

    def now_ns(self) -> int:
        """Return nanoseconds since 1970."""
        return time.time_ns()

    def call_at(self, due_ns: int, callback: Callable[[], None]) -> LoopAlarm:
        """Call back once the time has come."""
        delay_s = max(0.0, (due_ns - time.time_ns()) / 1e9)
        return LoopAlarm(asyncio.get_running_loop().call_later(delay_s, callback))
