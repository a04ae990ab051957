"""Attempts that found the disk full wait here until there is room: they have not failed, and nothing of it counts.

Only a disk that is really full holds anybody up. What finds no room for itself alone, since it is larger than what is
left, fails.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from flytelike.model.diagnostic import Diagnostic
from flytelike.model.failure import Failure
from flytelike.storage import OutOfSpace
from propeller.executors.codes import DISK_FULL
from propeller.ports import AttemptKey, AttemptListener

FULL_BYTES = 1 << 20
"""A disk with less room than this counts as full."""
LOOK_S = 0.5
"""How often it is looked whether there is room again."""
T = TypeVar("T")


class HeldUp(Generic[T]):
    """Those who wait, by the keys of their attempts or arrays.

    Args:
        disks: Folders on the disks that attempts need; without any, nobody is ever held up.
        listener: Told who waits, and who goes on.
        go_on: Called on the event loop with all who waited, once there is room.
    """

    def __init__(self, disks: Sequence[Path], listener: AttemptListener, go_on: Callable[[Sequence[T]], None]) -> None:
        self._disks = disks
        self._listener = listener
        self._go_on = go_on
        self._waiting: dict[AttemptKey, T] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __contains__(self, key: AttemptKey) -> bool:
        """Tell whether somebody waits."""
        return key in self._waiting

    def by(self, news: object) -> bool:
        """Tell whether an end is none: it says that the disk is full, and so it is."""
        return isinstance(news, Failure) and news.code == DISK_FULL and self._full()

    def add(self, key: AttemptKey, waiting: T, why: Failure) -> None:
        """Let somebody wait."""
        self._waiting[key] = waiting
        self._listener.held_up(key, Diagnostic("disk-full", why.message))
        self._look_later()

    def drop(self, key: AttemptKey) -> None:
        """Let somebody wait no more, if it does."""
        if self._waiting.pop(key, None) is not None:
            self._listener.held_up(key, None)

    def close(self) -> None:
        """Forget everybody."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _look_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._full():
            self._look_later()
            return
        waited, self._waiting = self._waiting, {}
        for key in waited:
            self._listener.held_up(key, None)
        self._go_on(list(waited.values()))

    def _full(self) -> bool:
        return any(shutil.disk_usage(disk).free < FULL_BYTES for disk in self._disks if disk.exists())


def disk_is_full(error: Exception) -> bool:
    """Tell whether an error says that nothing more can be written."""
    return isinstance(error, OutOfSpace) or (isinstance(error, OSError) and error.errno in _FULL)


_FULL = frozenset({28, 122})  # ENOSPC, EDQUOT
