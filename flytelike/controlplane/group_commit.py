"""Transactions of many callers under one sync.

What is asked for while a transaction is being synced waits; then all that waits goes into the next one. Callers
see what they would see of a transaction of their own: should one of them fail, all are undone, and each is
done again by itself.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
Work = Callable[[Connection], T]
"""What happens inside a transaction. It may be run again, so it changes nothing but the database."""

GROUP_MAX = 128
"""How much goes into one transaction at most, which bounds how long the first one waits."""


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What came of one caller's work."""

    result: T | None = None
    error: Exception | None = None


Together = Callable[[Sequence[Work[Any]]], Sequence[Done[Any]]]
"""Does work of several callers durably and tells what came of each."""


class GroupCommit:
    """Gathers work while earlier work is being stored. Used on one event loop."""

    def __init__(self, executor: Executor, together: Together) -> None:
        """Let `together` run in the one thread of `executor`."""
        self._executor = executor
        self._together = together
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Work[Any], asyncio.Future[Any]]] = deque()
        self._going = False

    def write(self, work: Work[T]) -> "asyncio.Future[T]":
        """Return a future that is done once the work is durable."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.append((work, future))
            begin, self._going = not self._going, True
        if begin:
            try:
                self._executor.submit(self._run)
            except RuntimeError:
                self._going = False
                raise
        return future

    def _run(self) -> None:
        while taken := self._taken():
            group = [(work, future) for work, future in taken if not future.cancelled()]
            if not group:
                continue
            done = self._together([work for work, _ in group])
            futures = [future for _, future in group]
            try:
                futures[0].get_loop().call_soon_threadsafe(_tell, futures, done)
            except RuntimeError:
                # The event loop is closed: nobody waits any more, and what is stored is stored.
                continue

    def _taken(self) -> Sequence[tuple[Work[Any], "asyncio.Future[Any]"]]:
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), GROUP_MAX))]
            self._going = bool(taken)
        return taken


def _tell(futures: Sequence["asyncio.Future[Any]"], done: Sequence[Done[Any]]) -> None:
    for future, one in zip(futures, done, strict=True):
        if future.done():
            continue  # Nobody waits any more.
        if one.error is not None:
            future.set_exception(one.error)
        else:
            future.set_result(one.result)
