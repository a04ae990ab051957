"""The shards of this replica: which it has by Kubernetes' Leases, taken and handed over as replicas come and go.

A Lease decides who starts a shard. That nobody else works on it any more is decided by the epoch in the shard's store,
which grows with each start: a replica that was paused, or cut off from the API server alone, stores nothing from then
on. While the API server is away for all, nobody can take a Lease, and executions go on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from propeller.app.health import Health
from propeller.app.shard import Shard
from propeller.app.sharding import moves
from propeller.kube.errors import KubernetesError, Refused
from propeller.kube.lease import Lease, Leases
from propeller.ports import StoreError

_LOG = logging.getLogger(__name__)

SHARD = "propeller-shard-"
REPLICA = "propeller-replica-"

BEATS = 3
"""How often a lease is renewed while it lasts."""


@dataclass(slots=True)
class Owned:
    """A shard of this replica. `shard` is there once `starting` is done; `lease` is as last renewed."""

    lease: Lease
    starting: "asyncio.Task[Shard]"

    @property
    def shard(self) -> Shard | None:
        """The shard, if it runs."""
        done = self.starting.done() and not self.starting.cancelled() and self.starting.exception() is None
        return self.starting.result() if done else None

    @property
    def failure(self) -> BaseException | None:
        """Why it did not start."""
        return self.starting.exception() if self.starting.done() and not self.starting.cancelled() else None


class Shards:
    """Shards by number. `run` keeps them; `close` hands them over."""

    def __init__(
        self,
        leases: Leases,
        count: int,
        start: Callable[[int, str], Awaitable[Shard]],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        health: Health | None = None,
    ) -> None:
        """Share `count` shards, each started by `start` with its number and the name of who may own its store."""
        self._health = health or Health()
        self._leases = leases
        self._count = count
        self._start = start
        self._pause = pause
        self._owned: dict[int, Owned] = {}
        self._member: Lease | None = None

    def shard(self, number: int) -> Shard | None:
        """Return a shard of this replica, if it has that one and it runs."""
        owned = self._owned.get(number)
        return owned.shard if owned is not None else None

    def running(self) -> Iterator[Shard]:
        """Yield the shards of this replica that run."""
        yield from (owned.shard for owned in self._owned.values() if owned.shard is not None)

    async def run(self) -> None:
        """Keep leases and shards in step, without end.

        Raises:
            Refused: Leases may not be looked at or written.
            StoreError: A store cannot be used, and waiting does not mend it.
        """
        failures = 0
        while True:
            try:
                await self.beat()
                failures = 0
                self._health.note("leases", "")
            except Refused:
                raise
            except KubernetesError as error:
                failures += 1
                if failures == 1:
                    _LOG.warning("leases cannot be renewed; what runs goes on: %s", error)
                self._health.note("leases", f"they cannot be renewed: {error}")
            self._health.note("shards", self._unstarted())
            await self._pause(self._leases.duration_s / BEATS)

    def _unstarted(self) -> str:
        """Return why shards of this replica do not run."""
        found = [f"shard {number}: {owned.failure}" for number, owned in self._owned.items() if owned.failure]
        return "; ".join(found)

    async def beat(self) -> None:
        """Renew, let go of what is another's, take what is free, hand over what is too much."""
        found = await self._leases.look()
        members = await self._among_members(found)
        await self._keep(found)
        # Shards of a higher number are those of a time when there were more; they go on until they are empty.
        count = max([self._count, *(number + 1 for name in found if (number := _number(name)) is not None)])
        owners = {number: self._owner(number, found.get(f"{SHARD}{number}")) for number in range(count)}
        wanted = moves(self._leases.holder, owners, members)
        for number in wanted.give:
            if number in self._owned:
                await self._hand_over(number)
        for number in wanted.take:
            name = f"{SHARD}{number}"
            lease = await self._leases.take(name, found.get(name))
            if lease is not None:
                self._begin(number, lease)

    async def close(self) -> None:
        """Stop all shards and let others have them at once."""
        await asyncio.gather(*(self._hand_over(number) for number in list(self._owned)))
        if self._member is not None:
            try:
                await self._leases.drop(self._member)
            except KubernetesError as error:
                _LOG.warning("the lease of this replica could not be removed, it lapses: %s", error)

    async def _among_members(self, found: Mapping[str, Lease]) -> set[str]:
        """Renew what tells that this replica lives; return who does."""
        mine = f"{REPLICA}{sha256(self._leases.holder.encode()).hexdigest()[:12]}"
        self._member = await self._leases.take(mine, found.get(mine)) or self._member
        alive = {self._leases.holder}
        for name, lease in found.items():
            if not name.startswith(REPLICA) or name == mine:
                continue
            if self._leases.free(lease):
                await self._leases.drop(lease)
            else:
                alive.add(lease.holder)
        return alive

    async def _keep(self, found: Mapping[str, Lease]) -> None:
        """Renew the leases of shards that run; stop those that are another's, start again those that failed."""
        for number, owned in list(self._owned.items()):
            lease = found.get(owned.lease.name)
            if lease is None or lease.holder != self._leases.holder or lease.uid != owned.lease.uid:
                _LOG.warning("shard %d is `%s`'s now", number, lease.holder if lease is not None else "nobody")
                await self._stop(number)
                continue
            owned.lease = await self._leases.take(lease.name, lease) or owned.lease
            failure = owned.failure
            if isinstance(failure, StoreError) and failure.lasting:
                raise failure
            if failure is not None or (owned.shard is not None and owned.shard.replaced):
                _LOG.warning("shard %d is started again: %s", number, failure or "its store was taken over")
                await self._stop(number)
                self._begin(number, owned.lease)

    def _owner(self, number: int, lease: Lease | None) -> str:
        """Return who has a shard. One's own of before a restart is free: it is to be started."""
        if number in self._owned:
            return self._leases.holder
        if lease is None or lease.holder == self._leases.holder or self._leases.free(lease):
            return ""
        return lease.holder

    def _begin(self, number: int, lease: Lease) -> None:
        _LOG.info("shard %d is this replica's", number)
        # The lease's own identity: whoever holds it may take the store over at once, and nobody of another cluster.
        starting = asyncio.ensure_future(self._start(number, lease.uid))
        self._owned[number] = Owned(lease, starting)

    async def _stop(self, number: int) -> None:
        owned = self._owned.pop(number)
        owned.starting.cancel()
        await asyncio.wait([owned.starting])
        if owned.shard is not None:
            await owned.shard.close()

    async def _hand_over(self, number: int) -> None:
        """Stop a shard, then let go of its lease."""
        lease = self._owned[number].lease
        await self._stop(number)
        try:
            await self._leases.release(lease)
        except KubernetesError as error:
            _LOG.warning("the lease of shard %d could not be given back, it lapses: %s", number, error)
        else:
            _LOG.info("shard %d is handed over", number)


def _number(name: str) -> int | None:
    """Return the number of the shard whose lease has a name."""
    rest = name.removeprefix(SHARD)
    return int(rest) if rest != name and rest.isascii() and rest.isdigit() else None
