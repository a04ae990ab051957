"""A process whose wall clock is wrong by CLOCK_AHEAD_S seconds; Python loads this module before all others.

What our programs ask is wrong; `time.time`, of which gRPC makes deadlines for the kernel's clock, is not.
"""

import datetime as dt
import os
import time

AHEAD_S = float(os.environ["CLOCK_AHEAD_S"])
_time_ns = time.time_ns


class _Datetime(dt.datetime):
    """What `datetime.now` says follows the wrong clock."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> "_Datetime":
        return cls.fromtimestamp(time.time_ns() / 1e9, tz)


time.time_ns = lambda: _time_ns() + int(AHEAD_S * 1e9)
dt.datetime = _Datetime  # type: ignore[misc]
