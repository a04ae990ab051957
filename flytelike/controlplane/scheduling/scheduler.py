"""Starts executions when their times come, and goes on with backfills. Any server does; one at a time works.

A time is dealt with once: its execution's name is made of the launch plan and the time, and the schedule's row says up
to where all was dealt with. Whoever is killed between the two starts what is there already, which changes nothing.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository.backfills import backfills_in_phase
from flytelike.controlplane.repository.leases import end_lease, take_lease
from flytelike.controlplane.repository.schedules import RunRow, ScheduleRow, add_runs, due_schedules, move_schedule
from flytelike.controlplane.schedule_rules import CATCH_UP_MAX, BackfillPhase, run_name, sound_times
from flytelike.controlplane.schedules import schedule_in
from flytelike.controlplane.scheduling.backfills import Backfills
from flytelike.controlplane.scheduling.starting import Later, Planned, Starting
from flytelike.model.ids import Identifier, ResourceKind
from flytelike.schedules.times import due, next_times

log = logging.getLogger(__name__)

PAUSE_S = 1.0
"""How often it is looked whether a time has come: no execution starts later than that because of us."""
LEASE = "schedules"
LEASE_NS = 15 * 1_000_000_000
"""How long another server waits until it goes on in the place of one that was killed."""
AT_ONCE = 8
SCHEDULES_MAX = 200
BACKFILLS_MAX = 50
"""How many are looked at in one turn; the others have the next."""


class Scheduler:
    """Looks again and again whether a time has come."""

    def __init__(
        self, database: Database, clock: Clock, starting: Starting, backfills: Backfills, *, lease_ns: int = LEASE_NS
    ) -> None:
        """Work on the schedules and backfills in `database`."""
        self._database = database
        self._clock = clock
        self._starting = starting
        self._backfills = backfills
        self._lease_ns = lease_ns
        self._holder = secrets.token_hex(8)
        self._woken = asyncio.Event()
        self._waiting: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        if self._task is None:
            self._task = asyncio.create_task(self._look(), name="controlplane-scheduler")

    def soon(self) -> None:
        """Look at once: something that a backfill waits for may have happened."""
        self._woken.set()

    async def close(self) -> None:
        """Stop looking, and let another server go on at once."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        try:
            await self._database.write(lambda connection: end_lease(connection, LEASE, self._holder, 0))
        except Refusal as error:
            log.info("the lease of the scheduler lapses by itself: %s", error)

    async def turn(self) -> None:
        """Start what is due now, and take backfills a step further."""
        now_ns = self._clock.now_ns()

        def look(connection: Connection) -> tuple[list[ScheduleRow], bool]:
            going_on = bool(backfills_in_phase(connection, BackfillPhase.RUNNING, 1))
            return due_schedules(connection, now_ns, SCHEDULES_MAX), going_on

        rows, going_on = await self._database.read(look)
        if not (rows or going_on) or not await self._leads(now_ns):
            return
        await _some_at_once([self._fire(row, now_ns) for row in rows])
        if going_on:
            running = await self._database.read(
                lambda connection: backfills_in_phase(connection, BackfillPhase.RUNNING, BACKFILLS_MAX)
            )
            await _some_at_once([self._backfills.advance(row) for row in running])

    async def _look(self) -> None:
        while True:
            try:
                await self.turn()
            except Refusal as error:
                self._tell_once("turn", f"schedules wait: {error}")
            except Exception:
                log.exception("schedules were not looked at; it is tried again")
            else:
                self._waiting.discard("turn")
            try:
                async with asyncio.timeout(PAUSE_S):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()

    async def _leads(self, now_ns: int) -> bool:
        until_ns = now_ns + self._lease_ns
        return await self._database.write(
            lambda connection: take_lease(connection, LEASE, self._holder, now_ns, until_ns)
        )

    async def _fire(self, row: ScheduleRow, now_ns: int) -> None:
        """Start what is due of a schedule, in order, and note how far it is."""
        schedule = schedule_in(row)
        times = sound_times(schedule)
        if not row.done_at:  # It was active before there was a scheduler: it fires from now on.
            await self._moved(row, replace(row, done_at=now_ns, next_at=_first(next_times(times, now_ns, 1))), ())
            return
        found = due(times, row.done_at, now_ns, CATCH_UP_MAX)
        plan = Identifier(ResourceKind.LAUNCH_PLAN, row.project, row.domain, row.name, row.version)
        runs, done_ns = [], row.done_at
        for at_ns in found.times:
            name = run_name(row.place, at_ns)
            try:
                fault = await self._starting.start(Planned(plan, schedule, at_ns, name, row.user))
            except Later as error:
                self._tell_once(name, f"{plan} at {at_ns}: {error}")
                break
            self._waiting.discard(name)
            runs.append(RunRow(at_ns, row.version, name, fault, self._clock.now_ns()))
            done_ns = at_ns
        if not runs:
            return
        after = replace(row, done_at=done_ns, next_at=_first(next_times(times, done_ns, 1)))
        if found.missed_to_ns:
            after = replace(after, missed_from=found.missed_from_ns, missed_to=found.missed_to_ns)
            log.warning("%s: more than %d times were missed; the latest are started", plan, CATCH_UP_MAX)
        await self._moved(row, after, runs)

    async def _moved(self, before: ScheduleRow, after: ScheduleRow, runs: Sequence[RunRow]) -> None:
        def note(connection: Connection) -> None:
            move_schedule(connection, before, after)
            add_runs(connection, before.place, runs)

        await self._database.write(note)

    def _tell_once(self, what: str, text: str) -> None:
        if what not in self._waiting:
            self._waiting.add(what)
            log.warning("%s", text)


def _first(times: Sequence[int]) -> int:
    return times[0] if times else 0


async def _some_at_once(work: Sequence[Awaitable[None]]) -> None:
    """Do all of it, not all at once; what fails is told when the rest is done."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: Awaitable[None]) -> None:
        async with gate:
            await item

    results = await asyncio.gather(*map(one, work), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
