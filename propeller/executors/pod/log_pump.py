"""From a container's log to the object store."""

import asyncio
import logging
from contextlib import suppress

from flytelike.storage import StorageError
from propeller.executors.pod.stored_logs import StoredLogs
from propeller.kube.errors import KubernetesError, ObjectNotFound, Refused
from propeller.kube.ports import PodLogs
from propeller.ports import AttemptKey

_LOG = logging.getLogger(__name__)

_PAUSE_S, _PAUSE_MAX_S = 0.2, 30.0
_MISSES_MAX = 3
"""How often a log that is not there is asked for again."""
_NEWS_S = 2.0
"""A log that ends tells that its container has ended. The news of that takes a while; no new kubelet is as quick."""


async def pump(
    source: PodLogs, logs: StoredLogs, key: AttemptKey, place: tuple[str, str, str], ended: asyncio.Event
) -> None:
    """Keep all that a container prints, until it ends or its pod is gone.

    After a cut the log is read from its beginning; what is kept already is passed over. A kubelet that stops closes
    logs as if their containers had ended, so after any trouble the log is read once more at the end.

    Args:
        source: The API server.
        logs: Where it is kept.
        key: Whose output it is.
        place: Namespace, pod and container.
        ended: Set once the container is known to have ended.
    """
    pause_s = _PAUSE_S
    smooth = True  # until something has happened that may have cut the log short
    missed = 0
    while True:
        over = ended.is_set()
        try:
            await _once(source, logs, key, place, follow=not over)
            if over or (await _set_within(ended, _NEWS_S) and smooth):
                break
            smooth = False
            pause_s = _PAUSE_S
        except ObjectNotFound:
            # A kubelet that has just begun again knows no container for a moment.
            smooth, missed = False, missed + 1
            if missed > _MISSES_MAX:
                break
        except (KubernetesError, StorageError) as error:
            smooth = False
            if over and isinstance(error, Refused):
                break
            _LOG.debug("the log of %s is read again: %s", place[1], error)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _PAUSE_MAX_S)
    await store_rest(logs, key)


async def store_rest(logs: StoredLogs, key: AttemptKey) -> None:
    """Store the rest of an attempt's output, however long that takes; there is no more to come."""
    pause_s = _PAUSE_S
    while True:
        try:
            return await logs.end(key)
        except StorageError as error:
            _LOG.debug("the output of %s is stored later: %s", key, error)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _PAUSE_MAX_S)


async def _set_within(event: asyncio.Event, within_s: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()
    return event.is_set()


async def _once(
    source: PodLogs, logs: StoredLogs, key: AttemptKey, place: tuple[str, str, str], *, follow: bool
) -> None:
    """Read the log once, to where it ends now; with `follow` to the container's end."""
    writer = await logs.write(key)
    skip = writer.end
    namespace, pod, container = place
    async for data in source.log(namespace, pod, container, follow=follow):
        new = data[skip:]
        skip -= min(skip, len(data))
        if new:
            await writer.write(new)
