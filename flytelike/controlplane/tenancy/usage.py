"""What is used of quotas: now, and over time."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from flytelike.controlplane.database import Database
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository.holding import running_executions
from flytelike.controlplane.repository.samples import Sample, drop_samples, read_samples, write_samples
from flytelike.controlplane.tenancy.reported import Reported
from flytelike.controlplane.tenancy.rules import Rules
from flytelike.controlplane.tenancy.stored import Stored
from flytelike.controlplane.tenancy.tenancy import TenancyCases
from flytelike.model.queued import QuotaReport
from flytelike.model.quota import EXECUTIONS, STORED_BYTES, PlaceUse, QuotaPlace

MINUTE_NS = 60_000_000_000
DAY_NS = 24 * 3600 * 1_000_000_000
KEPT_NS = 30 * DAY_NS
"""How long samples are kept."""
NOTHING = PlaceUse({}, 0)

log = logging.getLogger(__name__)


class Usage:
    """Tells what is used, and keeps a sample for a minute in which something has changed.

    Nothing is looked at while nothing happens. Used on one event loop.
    """

    def __init__(self, database: Database, tenancy: TenancyCases, clock: Clock, stored: Stored) -> None:
        """Ask the meter of `tenancy`, else what operators `reported`, and `stored`; keep samples in `database`."""
        self.reported = Reported(database, clock)
        self._stored = stored
        self._database = database
        self._tenancy = tenancy
        self._clock = clock
        self._seen: Mapping[QuotaPlace, PlaceUse] = {}
        self._sampled_ns = 0
        self._dropped_ns = 0
        self._due: asyncio.TimerHandle | None = None
        self._taking: asyncio.Task[None] | None = None
        self._closed = False

    async def now(self) -> Mapping[QuotaPlace, PlaceUse]:
        """Return what is used now, by place."""
        running = await self._database.read(running_executions)
        stored = await self._stored.uses()
        attempts = self._tenancy.meter.uses() or await self.reported.uses()
        return _together(self._tenancy.rules, attempts, running, stored)

    async def attempts(self, most: int) -> QuotaReport:
        """Return what attempts use and which of them wait, of each line the first `most`; of very many, some."""
        meter = self._tenancy.meter
        if uses := meter.uses():
            return QuotaReport(self._clock.now_ns() // 1_000_000, uses, list(meter.waits(most)))
        return await self.reported.last()

    async def samples(self, place: QuotaPlace, since_ns: int, limit: int, offset: int) -> Sequence[Sample]:
        """Return samples of a place from an instant on, oldest first."""
        return await self._database.read(lambda connection: read_samples(connection, place, since_ns, limit, offset))

    def touched(self) -> None:
        """Take in that something has happened: there is a sample of it, a minute after the last one at the earliest."""
        self._stored.touched()
        if self._due is not None or self._closed:
            return
        wait_ns = max(0, self._sampled_ns + MINUTE_NS - self._clock.now_ns())
        self._due = asyncio.get_running_loop().call_later(wait_ns / 1e9, self._start)

    async def sample(self) -> None:
        """Keep what is used now at the places where it is not what it was."""
        self._sampled_ns = now_ns = self._clock.now_ns()
        uses = await self.now()
        changed = {
            place: uses.get(place, NOTHING)
            for place in {*uses, *self._seen}
            if uses.get(place, NOTHING) != self._seen.get(place, NOTHING)
        }
        minute, drop = now_ns - now_ns % MINUTE_NS, now_ns - self._dropped_ns > DAY_NS

        def write(connection: Connection) -> None:
            if drop:
                drop_samples(connection, now_ns - KEPT_NS)
            write_samples(connection, minute, changed)

        if changed:
            await self._database.write(write)
            self._dropped_ns = now_ns if drop else self._dropped_ns
        self._seen = uses

    async def close(self) -> None:
        """Take no more samples."""
        self._closed = True
        if self._due is not None:
            self._due.cancel()
        if self._taking is not None:
            await asyncio.gather(self._taking, return_exceptions=True)

    def _start(self) -> None:
        self._due = None
        self._taking = asyncio.get_running_loop().create_task(self._take(), name="controlplane-samples")

    async def _take(self) -> None:
        try:
            await self.sample()
        except Exception:
            log.exception("what is used of quotas could not be noted")


def _together(
    rules: Rules,
    attempts: Mapping[QuotaPlace, PlaceUse],
    running: Mapping[tuple[str, str], int],
    stored: Mapping[QuotaPlace, int],
) -> Mapping[QuotaPlace, PlaceUse]:
    executions: Counter[QuotaPlace] = Counter()
    for (project, domain), number in running.items():
        for place in rules.places(project, domain):
            executions[place] += number
    found = dict(attempts)
    for name, amounts in ((EXECUTIONS, executions), (STORED_BYTES, stored)):
        for place, amount in amounts.items():
            use = found.get(place, NOTHING)
            found[place] = PlaceUse({**use.used, name: amount}, use.waiting)
    return found
