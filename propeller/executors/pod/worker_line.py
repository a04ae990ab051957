"""Attempts that wait for a worker of their kind: the most urgent first, then who came first."""

import asyncio
import bisect
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from propeller.executors.pod.attempt import PodAttempt
from propeller.executors.pod.reuse import WorkerKind
from propeller.executors.pod.worker import Worker

Pick = Callable[[WorkerKind], Worker | None]
"""Reserves a worker, if there is one or may be another one."""


@dataclass(slots=True, eq=False)
class _Waiting:
    rank: tuple[int, int]
    attempt: PodAttempt
    kind: WorkerKind
    turn: "asyncio.Future[Worker]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class WorkerLines:
    """A line for each kind.

    Args:
        pick: Asked for whoever is first in a line.
        give_back: Given a worker for one that waits no more.
    """

    def __init__(self, pick: Pick, give_back: Callable[[Worker], None]) -> None:
        self._pick = pick
        self._give_back = give_back
        self._lines: defaultdict[str, list[_Waiting]] = defaultdict(list)

    async def turn(self, attempt: PodAttempt, kind: WorkerKind) -> Worker:
        """Return a worker that is reserved for an attempt, once it is its turn."""
        waiting = _Waiting((-attempt.spec.priority, attempt.turn), attempt, kind)
        line = self._lines[kind.digest]
        bisect.insort(line, waiting, key=lambda one: one.rank)
        self.serve(kind.digest)
        try:
            return await waiting.turn
        except asyncio.CancelledError:
            if waiting in line:
                line.remove(waiting)
            elif not waiting.turn.cancelled():
                self._give_back(waiting.turn.result())
            raise

    def serve(self, kind: str) -> None:
        """Give workers to those who are first in a line, as far as there are some."""
        line = self._lines.get(kind, [])
        while line:
            worker = None if line[0].turn.done() else self._pick(line[0].kind)
            if worker is None and not line[0].turn.done():
                return
            first = line.pop(0)
            if worker is not None:
                first.turn.set_result(worker)
        self._lines.pop(kind, None)

    def places(self) -> Iterator[tuple[PodAttempt, int, int]]:
        """Yield who waits, the place in line from 1 on, and the length of the line."""
        for line in self._lines.values():
            for place, waiting in enumerate(line, 1):
                yield waiting.attempt, place, len(line)
