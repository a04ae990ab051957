"""From a container's log to the object store."""

import asyncio
import logging
from collections.abc import Callable

from flytelike.storage import StorageError
from propeller.executors.pod.stored_logs import StoredLogs
from propeller.kube.errors import KubernetesError, ObjectNotFound, Refused
from propeller.kube.ports import PodLogs
from propeller.ports import AttemptKey

_LOG = logging.getLogger(__name__)

_PAUSE_S, _PAUSE_MAX_S = 0.2, 30.0


async def pump(
    source: PodLogs, logs: StoredLogs, key: AttemptKey, place: tuple[str, str, str], ended: Callable[[], bool]
) -> None:
    """Keep all that a container prints, until it ends or its pod is gone.

    After a cut the log is read from its beginning; what is kept already is passed over.

    Args:
        source: The API server.
        logs: Where it is kept.
        key: Whose output it is.
        place: Namespace, pod and container.
        ended: Tells whether the container has ended.
    """
    pause_s = _PAUSE_S
    while True:
        over = ended()
        try:
            if await _once(source, logs, key, place, follow=not over):
                pause_s = _PAUSE_S
            if over:
                break
        except ObjectNotFound:
            break
        except (KubernetesError, StorageError) as error:
            if over and isinstance(error, Refused):
                break
            _LOG.debug("the log of %s is read again: %s", place[1], error)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _PAUSE_MAX_S)
    await logs.end(key)


async def _once(
    source: PodLogs, logs: StoredLogs, key: AttemptKey, place: tuple[str, str, str], *, follow: bool
) -> bool:
    """Read the log once; return whether there was something new."""
    writer = await logs.write(key)
    known = skip = writer.end
    namespace, pod, container = place
    async for data in source.log(namespace, pod, container, follow=follow):
        new = data[skip:]
        skip -= min(skip, len(data))
        if new:
            await writer.write(new)
    return writer.end > known
