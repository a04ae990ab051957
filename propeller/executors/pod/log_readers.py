"""Who reads the logs of attempts' pods, and how many at once."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress

from propeller.executors.pod.attempt import PodAttempt
from propeller.executors.pod.labels import PRIMARY_ANNOTATION
from propeller.executors.pod.log_pump import pump
from propeller.executors.pod.settings import Json
from propeller.executors.pod.stored_logs import StoredLogs
from propeller.kube.ports import PodLogs
from propeller.kube.watch import ObjectKey
from propeller.ports import AttemptKey

TAIL_BYTES = 2000
"""How much of what an attempt printed last is told with its failure."""

BEHIND_MAX = 200
"""How many attempts may have ended whose logs are still read; the ends of more wait for their logs."""

LOG_KEPT_S = 600.0
"""How long a pod that ended by itself is left for its log at most. Nothing else waits for that."""

Later = Callable[[Coroutine[object, object, None]], asyncio.Task[None]]


class LogReaders:
    """Reads logs to the object store.

    Args:
        source: The API server.
        logs: Where they are kept.
        streams: How many are followed at once; others are read when their attempts have ended.
        wait_s: How long the end of an attempt waits for the rest of its log, where it waits.
        later: Runs work beside everything else.
    """

    def __init__(self, source: PodLogs, logs: StoredLogs, streams: int, wait_s: float, later: Later) -> None:
        self._source = source
        self._logs = logs
        self._streams = streams
        self._wait_s = wait_s
        self._later = later
        self._reading: dict[AttemptKey, asyncio.Task[None]] = {}
        self._behind = 0

    def follow(self, attempt: PodAttempt) -> None:
        """Read an attempt's log from now on, if there are not too many."""
        if len(self._reading) < self._streams:
            self._read(attempt)

    async def tail(self, attempt: PodAttempt) -> str:
        """Wait a while for the rest of the log of an attempt that has ended; return its end."""
        await self._rest(attempt, self._wait_s)
        return await self._logs.tail(attempt.spec.key, TAIL_BYTES) if attempt.log is not None else ""

    async def catch_up(self, attempt: PodAttempt) -> None:
        """Return at once while few logs are behind their attempts; else wait a while for this one."""
        if self._behind >= BEHIND_MAX:
            await self._rest(attempt, self._wait_s)

    async def kept(self, attempt: PodAttempt) -> None:
        """Wait until the log of an attempt that has ended is stored, or for as long as its pod is left for that."""
        if attempt.log_wait_s:
            self._behind += 1
            try:
                await self._rest(attempt, attempt.log_wait_s)
            finally:
                self._behind -= 1

    def rescue(self, key: AttemptKey, place: ObjectKey, pod: Json) -> None:
        """Read the log of an attempt whose pod has ended and whom nobody asks for, unless it is being read."""
        container = (pod["metadata"].get("annotations") or {}).get(PRIMARY_ANNOTATION)
        if container and key not in self._reading:
            over = asyncio.Event()
            over.set()
            _ = self._pump(key, place, container, over)

    def reads(self, key: AttemptKey) -> bool:
        """Tell whether an attempt's log is being read."""
        return key in self._reading

    async def _rest(self, attempt: PodAttempt, within_s: float) -> None:
        if attempt.log is None and attempt.has_run:
            self._read(attempt)
        if attempt.log is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await asyncio.wait([attempt.log])

    def _read(self, attempt: PodAttempt) -> None:
        if attempt.log is None and attempt.pod is not None:
            key, container = attempt.spec.key, attempt.pod["metadata"]["annotations"][PRIMARY_ANNOTATION]
            under_way = self._reading.get(key)
            attempt.log = under_way or self._pump(key, attempt.place, container, attempt.over)

    def _pump(self, key: AttemptKey, place: ObjectKey, container: str, over: asyncio.Event) -> asyncio.Task[None]:
        task = self._reading[key] = self._later(pump(self._source, self._logs, key, (*place, container), over))
        task.add_done_callback(lambda _: self._reading.pop(key, None))
        return task
