"""Being the only engine on a store: a lease, renewed while the engine lives.

The lease keeps a second engine from starting on the same store; what keeps one that was replaced
from storing anything (it slept, or lost its way to the store) is the epoch that the store checks with
each commit. So a lease that lapses too early, by a clock that jumps, costs an engine but never a result.
"""

import asyncio
import logging
from collections.abc import Callable

from propeller.engine.settings import EngineSettings
from propeller.engine.troubles import Troubles, cause_of
from propeller.ports import Alarm, Clock, NotOwner, Owned, StateStore, StoreError

_LOG = logging.getLogger(__name__)

_LEASE = "lease"


class Lease:
    """The engine's lease on its store. Without a holder's name there is none."""

    def __init__(
        self,
        store: StateStore,
        clock: Clock,
        settings: EngineSettings,
        troubles: Troubles,
        lost: Callable[[NotOwner], None],
    ) -> None:
        """Prepare; `lost` is called once when another engine has taken over.

        What keeps the lease from being renewed is noted in `troubles`: it is what an engine that has nothing
        else to write learns of its store.
        """
        self._store = store
        self._clock = clock
        self._settings = settings
        self._troubles = troubles
        self._lost = lost
        self._alarm: Alarm | None = None
        self._task: asyncio.Task[None] | None = None
        self._held = False
        self._closed = False

    async def take(self) -> None:
        """Become the owner; with `settings.lease_waits` once the present owner's lease has lapsed.

        Raises `Owned` while another engine runs, and any other `StoreError`.
        """
        if not self._settings.holder:
            return
        told = False
        while True:
            try:
                await self._store.own(self._settings.holder, self._settings.lease_ns)
                break
            except Owned as error:
                if not self._settings.lease_waits:
                    raise
                if not told:
                    _LOG.warning("waiting: %s", error)
                    told = True
                await self._pause(min(max(error.lapses_ns, 1), self._beat_ns))
        self._held = True
        self._wait()

    async def close(self) -> None:
        """Let the next engine in at once."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        if self._task is not None:
            await asyncio.wait([self._task])
        if self._held:
            try:
                await self._store.release()
            except StoreError as error:
                _LOG.warning("the lease could not be given back, it lapses: %s", error)

    @property
    def _beat_ns(self) -> int:
        return max(self._settings.lease_ns // 3, 1)

    def _wait(self) -> None:
        self._alarm = self._clock.call_at(self._clock.now_ns() + self._beat_ns, self._beat)

    def _beat(self) -> None:
        if not self._closed:
            self._task = asyncio.get_running_loop().create_task(self._renew(), name="propeller-lease")

    async def _renew(self) -> None:
        try:
            await self._store.renew(self._settings.lease_ns)
        except NotOwner as error:
            self._held = False
            self._lost(error)
            return
        except StoreError as error:
            _LOG.warning("the lease could not be renewed, trying again: %s", error)
            if (cause := cause_of(error)) is not None:
                self._troubles.note(_LEASE, cause)
        else:
            self._troubles.over(_LEASE)
        self._task = None
        if not self._closed:
            self._wait()

    async def _pause(self, pause_ns: int) -> None:
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        alarm = self._clock.call_at(self._clock.now_ns() + pause_ns, lambda: _set(over))
        try:
            await over
        finally:
            alarm.cancel()


def _set(over: "asyncio.Future[None]") -> None:
    if not over.done():
        over.set_result(None)
