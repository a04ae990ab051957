"""A process that runs attempts, as the executor sees it."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flytelike.codec.worker_frames import Run, RunElements
from flytelike.model.usage import AttemptUse
from propeller.executors.process.channel import FrameChannel

_CHUNK = 65536
_PROGRESS, _PRINTED = "progress", "printed"
"""Files that a worker keeps beside its folders while it runs elements (`flytelike.runtime.elements`)."""

_PRINTED_BYTES_MAX = 1 << 20
_DRAIN_CHUNKS = 64
"""Bounds one drain to 4 MiB, more than a pipe holds; what comes later was not the attempt's own."""


@dataclass(frozen=True, slots=True)
class WorkerKey:
    """What all attempts of one warm worker have in common."""

    project: str
    domain: str
    code: str
    env: tuple[tuple[str, str], ...]


class Output:
    """The reading end of a process's output pipe."""

    __slots__ = ("_fd", "_loop", "_take")

    def __init__(self, fd: int, take: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._take = take
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._readable)

    def drain(self) -> None:
        """Take what is in the pipe now."""
        for _ in range(_DRAIN_CHUNKS):
            if not self._readable():
                return

    def close(self) -> None:
        """Take what is left and close."""
        self.drain()
        self._shut()

    def _readable(self) -> bool:
        if self._fd < 0:
            return False
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._shut()
            return False
        self._take(data)
        return True

    def _shut(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1


class Worker:
    """One process. A warm one has a `key` and a channel; a program of its own has neither."""

    __slots__ = (
        "attempts",
        "base_rss",
        "channel",
        "idle_timer",
        "key",
        "number",
        "output",
        "pid",
        "place",
        "printed",
        "processor_ns",
        "scratch",
    )

    def __init__(self, number: int, key: WorkerKey | None, scratch: str) -> None:
        self.number = number
        self.key = key
        self.scratch = scratch
        self.pid = 0
        self.attempts = 0
        self.base_rss = 0
        self.place = 0
        self.printed = b""
        self.processor_ns = 0
        self.output: Output | None = None
        self.channel: FrameChannel | None = None
        self.idle_timer: asyncio.TimerHandle | None = None

    def order(self, frame: Run | RunElements) -> None:
        """Have the worker run an attempt, or elements of an array."""
        self.attempts += 1 if isinstance(frame, Run) else len(frame.elements)
        if self.channel is not None:
            self.channel.send(frame)

    def count(self, used: AttemptUse | None) -> None:
        """Take in what it says that an attempt used."""
        self.processor_ns += used.processor_ns if used is not None else 0

    def used_last(self, used: AttemptUse) -> AttemptUse:
        """Return what the last attempt used, of all that the process did: its peak is that one's already."""
        return AttemptUse(used.memory_peak_bytes, max(0, used.processor_ns - self.processor_ns))

    def read_last_words(self) -> None:
        """Read which element of a batch ran last (its `place`), and what it `printed`, before both are removed."""
        with contextlib.suppress(OSError):
            place = Path(self.scratch, _PROGRESS).read_bytes()
            self.place = int.from_bytes(place[:4])
            with Path(self.scratch, _PRINTED).open("rb") as printed:
                self.printed = printed.read(_PRINTED_BYTES_MAX)

    def close(self) -> None:
        """Release what the executor holds of it."""
        if self.idle_timer is not None:
            self.idle_timer.cancel()
            self.idle_timer = None
        if self.channel is not None:
            self.channel.close()
        if self.output is not None:
            self.output.close()
