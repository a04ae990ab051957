"""Dropping the states of executions that ended long ago.

The control plane has their history, and the object store their documents: nobody reads the states
again. Without this the store would grow with every execution that ever ran.
"""

import asyncio
import logging
from collections.abc import Collection

from flytelike.model.ids import ExecutionId
from propeller.engine.settings import EngineSettings
from propeller.ports import Alarm, Clock, StateStore

_LOG = logging.getLogger(__name__)

LONG_AGO_NS = 40 * 365 * 24 * 3600 * 1_000_000_000
"""An age that only executions have which were made that old."""
PAUSE_NS_MIN = 1_000_000_000
PAUSE_NS_MAX = 600_000_000_000
"""The longest time between two sweeps, which is how much longer than asked for a state may be kept."""


class Retention:
    """Sweeps now and then, while there is something that will have to go."""

    def __init__(self, store: StateStore, clock: Clock, settings: EngineSettings) -> None:
        """Prepare; `start` begins."""
        self._store = store
        self._clock = clock
        self._settings = settings
        self._alarm: Alarm | None = None
        self._task: asyncio.Task[None] | None = None
        self._asked = False
        self._closed = False

    def start(self) -> None:
        """Look soon, and again as long as closed executions are in the store; called when one is closed, too."""
        self._asked = True
        if self._settings.retention_ns and self._alarm is None and self._task is None and not self._closed:
            self._wait(min(max(self._settings.retention_ns // 100, PAUSE_NS_MIN), PAUSE_NS_MAX))

    async def close(self) -> None:
        """Stop; what is being dropped is dropped."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def drop(self, executions: Collection[ExecutionId]) -> list[ExecutionId]:
        """Drop executions that are closed, whatever their age; return those that are still in the store."""
        await self._store.expire(executions)
        while (await self._store.forget(LONG_AGO_NS, self._settings.retention_rows)).full:
            pass
        return [execution for execution in executions if await self._store.load(execution) is not None]

    def _wait(self, pause_ns: int) -> None:
        self._alarm = self._clock.call_at(self._clock.now_ns() + pause_ns, self._due)

    def _due(self) -> None:
        self._alarm = None
        if not self._closed:
            self._task = asyncio.get_running_loop().create_task(self._sweep(), name="propeller-retention")

    async def _sweep(self) -> None:
        full, left = False, True
        self._asked = False
        try:
            forgotten = await self._store.forget(self._settings.retention_ns, self._settings.retention_rows)
        except Exception as error:  # noqa: BLE001 - it can wait
            _LOG.warning("old executions could not be dropped yet: %s", error)
        else:
            full, left = forgotten.full, forgotten.left
            if forgotten.executions:
                _LOG.info("dropped the states of %d executions that ended long ago", forgotten.executions)
        self._task = None
        if full and not self._closed:
            self._wait(PAUSE_NS_MIN)
        elif left or self._asked:
            self.start()
