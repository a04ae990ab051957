"""Warm workers that wait for work."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from propeller.executors.process.worker import Worker, WorkerKey


class IdlePool:
    """Keeps idle workers by key; the longest idle goes first when there are too many.

    Args:
        limit: How many may wait.
        idle_s: How long one waits at most.
        retire: Ends a worker that left the pool.
    """

    def __init__(self, limit: int, idle_s: float, retire: Callable[[Worker], None]) -> None:
        self._limit = limit
        self._idle_s = idle_s
        self._retire = retire
        self._by_number: OrderedDict[int, Worker] = OrderedDict()
        self._by_key: dict[WorkerKey, list[Worker]] = {}

    def take(self, key: WorkerKey) -> Worker | None:
        """Return the worker with this key that was used last, no longer idle; None if there is none."""
        workers = self._by_key.get(key)
        if not workers:
            return None
        worker = workers[-1]
        self._remove(worker)
        return worker

    def put(self, worker: Worker) -> None:
        """Let a warm worker wait for work."""
        if worker.key is None:
            raise ValueError("a program of its own cannot run a second attempt")
        self._by_number[worker.number] = worker
        self._by_key.setdefault(worker.key, []).append(worker)
        loop = asyncio.get_running_loop()
        worker.idle_timer = loop.call_later(self._idle_s, self._expire, worker)
        while len(self._by_number) > self._limit:
            self._expire(next(iter(self._by_number.values())))

    def discard(self, worker: Worker) -> None:
        """Forget a worker that ended by itself."""
        if worker.number in self._by_number:
            self._remove(worker)

    def _expire(self, worker: Worker) -> None:
        self._remove(worker)
        self._retire(worker)

    def _remove(self, worker: Worker) -> None:
        del self._by_number[worker.number]
        if worker.idle_timer is not None:
            worker.idle_timer.cancel()
            worker.idle_timer = None
        if worker.key is not None:
            workers = self._by_key[worker.key]
            workers.remove(worker)
            if not workers:
                del self._by_key[worker.key]
