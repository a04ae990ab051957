"""The catalog: results that are kept, and who computes one. Propeller's catalog port is this."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from flytelike.controlplane.database import Database
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository import catalog as rows
from flytelike.controlplane.repository import catalog_queries as queries
from flytelike.controlplane.repository.catalog import Use
from flytelike.controlplane.repository.catalog_queries import Selection
from flytelike.controlplane.settings import Settings
from flytelike.model.caching import CacheEntry, CacheKey, CatalogUse, Claim, Reserved

_LOG = logging.getLogger(__name__)

COUNT_PAUSE_S = 1.0
"""How long uses gather before they are written."""
PUTS_AT_ONCE = 500
"""How many results one transaction writes; more only if they came together."""
SWEEP_PAUSE_NS = 60_000_000_000
"""How often puts look whether there is too much."""
REMEMBERED_NS = 30 * 24 * 3600 * 1_000_000_000
"""How long it is known why a result is gone."""
EVICTED = "evicted"


class Catalog:
    """Results by the digest of their key."""

    def __init__(self, database: Database, clock: Clock, settings: Settings) -> None:
        """Keep them in `database`, within the settings' bounds."""
        self._ttl_ns = settings.cache_ttl_ns
        self._bytes_max = settings.cache_bytes_max
        self._swept_ns = 0
        self._database = database
        self._clock = clock
        self._puts: deque[_Put] = deque()
        self._putting: asyncio.Task[None] | None = None
        self._uses: dict[tuple[str, str, str], Use] = {}
        self._hits: dict[str, int] = {}
        self._counting: asyncio.TimerHandle | None = None
        self._count_task: asyncio.Task[None] | None = None

    async def lookup(self, keys: Mapping[str, CacheKey]) -> Mapping[str, CacheEntry]:
        """Return the entries that are there and have not expired; keys and entries by digest."""
        now_ns = self._clock.now_ns()
        found = await self._database.read(lambda connection: rows.find_entries(connection, keys, now_ns))
        return {digest: row.entry(keys[digest]) for digest, row in found.items()}

    async def put(self, entry: CacheEntry) -> None:
        """Keep a result durably; those that come while others are written share one transaction."""
        await self.put_many([entry])

    async def put_many(self, entries: Sequence[CacheEntry]) -> None:
        """Keep results durably in one transaction; of two for one key the later one."""
        if not entries:
            return
        if self._ttl_ns:
            entries = [it if it.expires_ns else replace(it, expires_ns=it.created_ns + self._ttl_ns) for it in entries]
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._puts.append((entries, done))
        if self._putting is None:
            self._putting = asyncio.get_running_loop().create_task(self._write_puts(), name="catalog_puts")
        await done

    async def drop(self, digests: Collection[str], why: str) -> None:
        """Drop entries and remember why."""
        now_ns = self._clock.now_ns()
        await self._database.write(lambda connection: rows.drop_entries(connection, digests, why, now_ns))

    async def reserve(self, claims: Sequence[Claim], lease_ns: int) -> Mapping[str, Reserved]:
        """Reserve what is free, renew what a claim's own holder has, and return who has each."""
        pairs = [(claim.digest, claim.holder) for claim in claims]
        now_ns = self._clock.now_ns()

        def take(connection: Connection) -> dict[str, tuple[str, int]]:
            return rows.reserve(connection, pairs, now_ns, now_ns + lease_ns)

        held = await self._database.write(take)
        return {digest: Reserved(*found) for digest, found in held.items()}

    async def release(self, claims: Sequence[Claim]) -> None:
        """Free what these holders have."""
        pairs = [(claim.digest, claim.holder) for claim in claims]
        await self._database.write(lambda connection: rows.release(connection, pairs))

    async def count(self, uses: Sequence[CatalogUse]) -> None:
        """Count uses; they are written a second later."""
        for use in uses:
            name = (use.key.project, use.key.domain, use.key.task)
            old = self._uses.get(name, Use())
            self._uses[name] = Use(old.hits + use.hit, old.misses + (not use.hit), old.saved_ns + use.saved_ns)
            if use.hit:
                self._hits[use.digest] = self._hits.get(use.digest, 0) + 1
        if uses and self._counting is None:
            self._counting = asyncio.get_running_loop().call_later(COUNT_PAUSE_S, self._count_soon)

    async def sweep(self) -> None:
        """Mark what has expired, forget what has been gone for long, and evict what is too much for a project."""
        now_ns = self._swept_ns = self._clock.now_ns()
        bytes_max = self._bytes_max

        def go(connection: Connection) -> None:
            queries.sweep(connection, now_ns, now_ns - REMEMBERED_NS)
            for project in queries.projects_with_entries(connection) if bytes_max else ():
                going, _ = queries.to_evict(connection, Selection(project), bytes_max)
                rows.drop_entries(connection, going, EVICTED, now_ns)

        await self._database.write(go)

    async def flush(self) -> None:
        """Write the uses that were counted."""
        uses, hits, now_ns = self._uses, self._hits, self._clock.now_ns()
        self._uses, self._hits = {}, {}
        if self._counting is not None:
            self._counting.cancel()
            self._counting = None
        if uses:
            await self._database.write(lambda connection: rows.count_uses(connection, uses, hits, now_ns))

    async def close(self) -> None:
        """Write what waits."""
        if self._putting is not None:
            await self._putting
        if self._count_task is not None:
            await self._count_task
        await self.flush()

    def _count_soon(self) -> None:
        self._counting = None
        self._count_task = asyncio.get_running_loop().create_task(self.flush(), name="catalog_uses")

    async def _write_puts(self) -> None:
        while self._puts:
            batch: list[_Put] = []
            room = PUTS_AT_ONCE
            while self._puts and room > 0:
                batch.append(self._puts.popleft())
                room -= len(batch[-1][0])
            # Of two results for one key in a batch, the later is kept.
            entries = list({entry.key.digest: entry for put, _ in batch for entry in put}.values())
            await self._settle(batch, _putter(entries))
            if self._clock.now_ns() - self._swept_ns > SWEEP_PAUSE_NS:
                await self._try_to_sweep()
        self._putting = None

    async def _try_to_sweep(self) -> None:
        try:
            await self.sweep()
        except Exception as error:  # noqa: BLE001 - it is tried again with a later put
            _LOG.warning("the cache cannot be swept: %s", error)

    async def _settle(self, batch: Sequence["_Put"], work: Callable[[Connection], None]) -> None:
        try:
            await self._database.write(work)
        except Exception as error:  # noqa: BLE001 - each put is told
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
        else:
            for _, done in batch:
                if not done.done():
                    done.set_result(None)


_Put = tuple[Sequence[CacheEntry], asyncio.Future[None]]
"""Results that came together, and what hears that they are kept."""


def _putter(entries: Sequence[CacheEntry]) -> Callable[[Connection], None]:
    return lambda connection: rows.put_entries(connection, entries)
