"""Work that one of all replicas does: whoever has its Lease."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from propeller.kube.errors import KubernetesError
from propeller.kube.lease import Lease, Leases

_LOG = logging.getLogger(__name__)

BEATS = 3
"""How often the lease is renewed while it lasts."""

AGAIN_S = 30.0
"""After so long, work that failed is begun again."""


class Duty:
    """Does `work` while this replica has the Lease `name`.

    Two replicas may do it for a moment: one that was paused over the end of its lease, and the next one. So it must be
    work that may be done twice.
    """

    def __init__(
        self,
        leases: Leases,
        name: str,
        work: Callable[[], Awaitable[None]],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare."""
        self._leases = leases
        self._name = name
        self._work = work
        self._pause = pause
        self._lease: Lease | None = None
        self._working: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Take the lease when it is free, and work while one has it; without end. Cancelled, it lets the lease go."""
        failures = 0
        try:
            while True:
                try:
                    await self.beat()
                    failures = 0
                except KubernetesError as error:
                    failures += 1
                    if failures == 1:
                        _LOG.warning("the lease %s cannot be renewed: %s", self._name, error)
                await self._pause(self._leases.duration_s / BEATS)
        finally:
            await self._stop()
            await self._let_go()

    async def beat(self) -> None:
        """Renew or take the lease; stop working where it is another's."""
        found = (await self._leases.look()).get(self._name)
        mine = found is not None and found.holder == self._leases.holder
        if not mine and not self._leases.free(found):
            self._lease = None
            await self._stop()
            return
        self._lease = await self._leases.take(self._name, found)
        if self._lease is None:
            await self._stop()
        elif self._working is None:
            self._working = asyncio.get_running_loop().create_task(self._keep_working())

    async def _keep_working(self) -> None:
        while True:
            try:
                await self._work()
            except Exception as error:  # noqa: BLE001 - whatever it is must not end what else the replica does
                _LOG.error("%s cannot go on, and begins again in %g s: %s", self._name, AGAIN_S, error)
            await self._pause(AGAIN_S)

    async def _stop(self) -> None:
        working, self._working = self._working, None
        if working is not None:
            working.cancel()
            await asyncio.wait([working])

    async def _let_go(self) -> None:
        if self._lease is None:
            return
        try:
            await self._leases.release(self._lease)
        except KubernetesError as error:
            _LOG.warning("the lease %s could not be given back, it lapses: %s", self._name, error)
