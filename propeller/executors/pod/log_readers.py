"""Who reads the logs of attempts' pods, and how many at once."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress

from propeller.executors.pod.attempt import PodAttempt
from propeller.executors.pod.log_pump import pump
from propeller.executors.pod.manifest import PRIMARY_ANNOTATION
from propeller.executors.pod.stored_logs import StoredLogs
from propeller.kube.ports import PodLogs

TAIL_BYTES = 2000
"""How much of what an attempt printed last is told with its failure."""

Later = Callable[[Coroutine[object, object, None]], asyncio.Task[None]]


class LogReaders:
    """Reads logs to the object store.

    Args:
        source: The API server.
        logs: Where they are kept.
        streams: How many are followed at once; others are read when their attempts have ended.
        wait_s: How long the end of an attempt waits for the rest of its log.
        later: Runs work beside everything else.
    """

    def __init__(self, source: PodLogs, logs: StoredLogs, streams: int, wait_s: float, later: Later) -> None:
        self._source = source
        self._logs = logs
        self._streams = streams
        self._wait_s = wait_s
        self._later = later
        self._reading = 0

    def follow(self, attempt: PodAttempt) -> None:
        """Read an attempt's log from now on, if there are not too many."""
        if self._reading < self._streams:
            self._read(attempt)

    async def tail(self, attempt: PodAttempt) -> str:
        """Wait a while for the rest of the log of an attempt that has ended; return its end."""
        if attempt.log is None and attempt.has_run:
            self._read(attempt)
        if attempt.log is None:
            return ""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._wait_s):
                await asyncio.wait([attempt.log])
        return await self._logs.tail(attempt.spec.key, TAIL_BYTES)

    def _read(self, attempt: PodAttempt) -> None:
        if attempt.log is None and attempt.pod is not None:
            container = attempt.pod["metadata"]["annotations"][PRIMARY_ANNOTATION]
            self._reading += 1
            work = pump(self._source, self._logs, attempt.spec.key, (*attempt.place, container), attempt.over)
            attempt.log = self._later(work)
            attempt.log.add_done_callback(self._read_to_end)

    def _read_to_end(self, _: asyncio.Task[None]) -> None:
        self._reading -= 1
