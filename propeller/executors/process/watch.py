"""Watches the memory of attempts that have a limit."""

import asyncio
from collections.abc import Callable, Mapping

from propeller.executors.process.memory import proportional_bytes, resident_bytes


class MemoryWatch:
    """Looks at the processes of attempts with a limit, and tells of those above it.

    Looking happens in a thread: it reads a few files of the kernel a process.

    Args:
        interval_s: Time between two looks.
        exceeded: Called on the loop with the worker's number, the bytes used and the limit.
    """

    def __init__(self, interval_s: float, exceeded: Callable[[int, int, int], None]) -> None:
        self._interval_s = interval_s
        self._exceeded = exceeded
        self._limits: dict[int, tuple[int, int]] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, worker: int, pid: int, limit_bytes: int) -> None:
        """Watch a worker from now on."""
        self._limits[worker] = (pid, limit_bytes)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="memory-watch")

    def remove(self, worker: int) -> None:
        """Watch it no more."""
        self._limits.pop(worker, None)

    async def close(self) -> None:
        """Stop."""
        self._limits.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._limits:
            for worker, used in (await asyncio.to_thread(_above, dict(self._limits))).items():
                entry = self._limits.pop(worker, None)
                if entry is not None:
                    self._exceeded(worker, used, entry[1])
            await asyncio.sleep(self._interval_s)
        self._task = None


def _above(limits: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    found: dict[int, int] = {}
    for worker, (pid, limit) in limits.items():
        # Resident memory is quick to read but counts shared pages for each process that maps them.
        if resident_bytes(pid) > limit and (used := proportional_bytes(pid)) > limit:
            found[worker] = used
    return found
