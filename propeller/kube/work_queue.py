"""What is to be looked at: each key at most once in the queue and at most once in work, again later after a failure."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

_LOG = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)

BACKOFF_S = 0.05
BACKOFF_MAX_S = 60.0


class WorkQueue(Generic[K]):
    """Keys, handled by `workers` coroutines.

    A key that is added while it is being handled is handled once more afterwards: nothing that happened goes unseen,
    and no two look at the same key.
    """

    def __init__(self, handle: Callable[[K], Awaitable[None]], workers: int) -> None:
        """Hand keys to `handle`; what it raises is tried again."""
        self._handle = handle
        self._workers = workers
        self._waiting: asyncio.Queue[K] = asyncio.Queue()
        self._queued: set[K] = set()
        self._busy: set[K] = set()
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._later: dict[K, asyncio.TimerHandle] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, key: K) -> None:
        """Have a key looked at, as soon as its turn comes."""
        alarm = self._later.pop(key, None)
        if alarm is not None:
            alarm.cancel()
        if key in self._busy:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._waiting.put_nowait(key)

    def add_later(self, key: K, delay_s: float) -> None:
        """Have a key looked at after a while, unless it is sooner; a later wish does not put it off."""
        if key in self._queued:
            return
        loop = asyncio.get_running_loop()
        known = self._later.get(key)
        if known is not None:
            if known.when() <= loop.time() + delay_s:
                return
            known.cancel()
        self._later[key] = loop.call_later(delay_s, self._due, key)

    def start(self) -> None:
        """Begin."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._work(), name=f"propeller-work-{n}") for n in range(self._workers)]

    async def close(self) -> None:
        """Break off what is in work and forget the rest."""
        for alarm in self._later.values():
            alarm.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _due(self, key: K) -> None:
        self._later.pop(key, None)
        self.add(key)

    async def _work(self) -> None:
        while True:
            key = await self._waiting.get()
            self._queued.discard(key)
            self._busy.add(key)
            try:
                await self._handle(key)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one key must not stop the others
                self._failed(key, error)
            else:
                self._failures.pop(key, None)
            finally:
                self._busy.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.add(key)

    def _failed(self, key: K, error: Exception) -> None:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        if failures in {1, 5} or failures % 20 == 0:
            _LOG.warning("%s: failed %d times in a row", key, failures, exc_info=error)
        longest = min(BACKOFF_S * 2 ** min(failures - 1, 16), BACKOFF_MAX_S)
        self.add_later(key, longest * (1 - random.random() / 2))  # noqa: S311 - spreads tries over time
