"""Looking after pods that nobody asks for: their logs are stored, then they are removed."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from flytelike.model.ids import ExecutionId
from propeller.executors.pod.log_readers import LOG_KEPT_S, LogReaders
from propeller.executors.pod.removing import remove
from propeller.executors.pod.strangers import Stranger, Strangers
from propeller.kube.ports import Objects
from propeller.ports import AttemptKey

_LOG = logging.getLogger(__name__)

RESCUE_S = 10.0
"""After so long the log of a finished pod is stored that nobody asks for."""

UNASKED_S = 60.0
"""How long a pod whose execution is over is left, finished or not: whose it is may just be found out."""


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Sweeps without end.

    Attributes:
        objects: The API server.
        strangers: The pods that nobody asks for.
        readers: Read logs.
        orphan_s: After so long a finished pod is removed.
        knows: Tells that an attempt ended while this process looked after it, which sees to its log.
        is_over: Tells that an execution wants nothing of its pods any more.
    """

    objects: Objects
    strangers: Strangers
    readers: LogReaders
    orphan_s: float
    knows: Callable[[AttemptKey], bool]
    is_over: Callable[[ExecutionId], bool]

    async def run(self) -> None:
        """Sweep from time to time."""
        while True:
            await asyncio.sleep(min(RESCUE_S, self.orphan_s))
            await self.sweep()

    async def sweep(self) -> None:
        """Remove pods that have finished long ago, and those of executions that are over.

        Who was here before may have told of an end, and not have stored the log yet: that is done first.
        """
        for stranger in self.strangers.finished_since(min(RESCUE_S, self.orphan_s)):
            if stranger.key is not None and stranger.rescued_s is None and not self.knows(stranger.key):
                stranger.rescued_s = self.strangers.now_s()
                self.readers.rescue(stranger.key, stranger.place, stranger.pod)
        for stranger in self.strangers.finished_since(self.orphan_s):
            await self._remove(stranger)
        for stranger in self.strangers.unasked_since(min(UNASKED_S, self.orphan_s)):
            if stranger.key is not None and self.is_over(stranger.key.execution) and await self._remove(stranger):
                _LOG.warning("the pod %s is removed: its execution is over", stranger.place.name)

    async def _remove(self, stranger: Stranger) -> bool:
        """Remove a pod, unless its log is being read, which may not last for ever."""
        begun_s = self.strangers.now_s() if stranger.rescued_s is None else stranger.rescued_s
        may_wait = self.strangers.now_s() - begun_s < LOG_KEPT_S
        if may_wait and stranger.key is not None and self.readers.reads(stranger.key):
            return False
        await remove(self.objects, stranger.place, stranger.uid)
        return True
