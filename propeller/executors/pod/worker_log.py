"""From a worker's log to the output of its attempts, and the news that they have begun and ended."""

import asyncio
import logging
from collections.abc import Callable

from flytelike.codec.pod_orders import At, Begun, Ended, MarkReader, Used
from flytelike.storage import StorageError
from propeller.executors.pod.attempt import PodAttempt
from propeller.executors.pod.stored_logs import StoredLogs
from propeller.executors.pod.worker import Worker
from propeller.kube.errors import KubernetesError, ObjectNotFound, Refused
from propeller.kube.ports import PodLogs

_LOG = logging.getLogger(__name__)

_PAUSE_S, _PAUSE_MAX_S = 0.1, 5.0


async def read_worker(
    source: PodLogs, logs: StoredLogs, worker: Worker, container: str, heard: Callable[[Worker, Ended], None]
) -> None:
    """Read a worker's log until it has ended; after a cut from its beginning, of which what is kept is passed over.

    Args:
        source: The API server.
        logs: Where the output of attempts is kept.
        worker: Told of all marks.
        container: The one that does the work.
        heard: Called at each end of an order, also at those that were heard before.
    """
    pause_s = _PAUSE_S
    while True:
        over = worker.over.is_set()
        try:
            await _once(source, logs, worker, container, heard, follow=not over)
            if over:
                break
            pause_s = _PAUSE_S
        except ObjectNotFound:
            if over:
                break
        except (KubernetesError, StorageError) as error:
            if over and isinstance(error, Refused):
                break
            _LOG.debug("the log of %s is read again: %s", worker.place.name, error)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _PAUSE_MAX_S)
    worker.read.set()
    worker.stir()


async def _once(
    source: PodLogs,
    logs: StoredLogs,
    worker: Worker,
    container: str,
    heard: Callable[[Worker, Ended], None],
    *,
    follow: bool,
) -> None:
    reader, segment = MarkReader(), _Segment(logs, None)
    async for data in source.log(*worker.place, container, follow=follow):
        for found in reader.feed(data):
            match found:
                case bytes():
                    await segment.take(found)
                case Begun(mark):
                    segment = _Segment(logs, worker.attempts.get(mark))
                    worker.hear(found)
                case At() | Used():
                    worker.hear(found)
                case Ended(mark):
                    segment = _Segment(logs, None)
                    worker.hear(found)
                    heard(worker, found)


class _Segment:
    """What one attempt prints; nobody's if nobody asks for it."""

    def __init__(self, logs: StoredLogs, attempt: PodAttempt | None) -> None:
        self._logs = logs
        self._attempt = attempt
        self._skip = -1

    async def take(self, data: bytes) -> None:
        """Keep more of it, but for what is kept already."""
        if self._attempt is None:
            return
        writer = await self._logs.write(self._attempt.spec.key)
        if self._skip < 0:
            self._skip = writer.end
        new = data[self._skip :]
        self._skip -= min(self._skip, len(data))
        if new:
            await writer.write(new)
