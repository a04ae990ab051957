"""The use case of collecting: choose, look who refers to what, delete. In this order, so that a crash harms nothing.

1. Executions that go are marked: from then on nobody finds them, or goes on from them.
2. The references of all that stays are gathered.
3. Data that nobody refers to is deleted; what somebody refers to stays, and later collections look again.
4. Documents and logs, then the engine's states.
5. Rows, the execution's own last.

Each step may be made again, and the next collection begins with what is marked. Of an execution of which data
stays the name stays too, so that no other one writes there; both go once nobody refers to the data any more.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from flytelike.controlplane.cache_inspection import CacheInspection
from flytelike.controlplane.collecting.policy import CacheRule
from flytelike.controlplane.collecting.ports import Keepers
from flytelike.controlplane.collecting.report import Report
from flytelike.controlplane.collecting.selection import Selection
from flytelike.controlplane.collecting.sources import Cached, Executed, Registered, Signalled
from flytelike.controlplane.collecting.survey import Document, ReferenceSource, Survey, survey_of
from flytelike.controlplane.collecting.sweep import Ground, Sweep
from flytelike.controlplane.collecting.wish import Step, Wish
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Status, refusal
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository import collecting as rows
from flytelike.controlplane.repository import surviving
from flytelike.controlplane.repository.catalog_queries import Selection as Chosen
from flytelike.controlplane.repository.collecting import Member
from flytelike.controlplane.repository.leases import done_last, end_lease, take_lease
from flytelike.controlplane.settings import Settings
from flytelike.model.ids import ExecutionId
from flytelike.storage import Store

LEASE = "collecting"
LEASE_NS = 120 * 1_000_000_000
MEMBERS_AT_ONCE = 100
ROWS_AT_ONCE = 1_000
"""Few enough that a transaction takes some milliseconds: others write meanwhile."""
STEPS_TOLD = 50
"""After so many parts of a step it is told how far it is."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What collecting works with."""

    database: Database
    store: Store
    settings: Settings
    clock: Clock
    keepers: Keepers
    cache: CacheInspection


class Collector:
    """Collects for one server; of several, one at a time."""

    def __init__(self, tools: Tools) -> None:
        """Work with `tools`."""
        self._tools = tools
        self._database = tools.database
        self._executed = Executed(tools.database, tools.store, tools.keepers.layout, f"{tools.settings.base}/closures")
        self._sources: tuple[ReferenceSource, ...] = (
            Registered(tools.database),
            Cached(tools.database, tools.clock),
            Signalled(tools.database),
            self._executed,
        )

    async def done_ns(self) -> int:
        """Return when a collection was done last; 0 for never."""
        return await self._database.read(partial(done_last, name=LEASE))

    async def collect(self, wish: Wish) -> AsyncIterator[Step | Report]:
        """Do what is wished; the last thing told is the report.

        Raises:
            Refusal: FAILED_PRECONDITION when another collection goes on.
        """
        report = Report(dry_run=wish.dry_run)
        if wish.dry_run:
            async for step in self._collect(wish, report):
                yield step
        else:
            holder = secrets.token_hex(8)
            await self._hold(holder)
            holding = asyncio.create_task(self._keep_holding(holder))
            done = False
            try:
                async for step in self._collect(wish, report):
                    yield step
                done = True
            finally:
                holding.cancel()
                await asyncio.gather(holding, return_exceptions=True)
                done_ns = self._tools.clock.now_ns() if done else 0
                await self._database.write(partial(end_lease, name=LEASE, holder=holder, done_ns=done_ns))
        yield report

    async def _keep_holding(self, holder: str) -> None:
        # Should another one begin nevertheless, both are right: each looks for itself who refers to what.
        while True:
            await asyncio.sleep(LEASE_NS / 4e9)
            await self._hold(holder)

    async def _hold(self, holder: str) -> None:
        now_ns = self._tools.clock.now_ns()
        held = partial(take_lease, name=LEASE, holder=holder, now_ns=now_ns, until_ns=now_ns + LEASE_NS)
        if not await self._database.write(held):
            raise refusal(
                Status.FAILED_PRECONDITION,
                "collection-running",
                "another collection goes on",
                "wait for its end, or for two minutes if its server died",
            )

    async def _collect(self, wish: Wish, report: Report) -> AsyncIterator[Step]:
        now_ns = self._tools.clock.now_ns()
        yield Step("choosing executions")
        selection = Selection(self._database, wish.rules, wish.only, now_ns, report)
        await selection.choose()
        for rule in wish.cache:
            await self._evict(rule, now_ns, report)
        yield Step("looking for references")
        survey = survey_of(self._tools.store, self._tools.settings.raw_prefix, self._uploads)
        going = frozenset(selection.going)
        for source in self._sources:
            await source.tell(survey, going)
        ground = await self._ground(now_ns - wish.grace_ns, await self._strangers(survey))
        sweep = Sweep(self._database, self._tools.store, ground, survey, report, selection.going)
        parts = (
            ("data", sweep.data()),
            ("documents", sweep.documents()),
            ("inputs", sweep.inputs()),
            ("uploads", sweep.uploads()),
            ("graphs", sweep.graphs()),
        )
        for name, part in parts:
            yield Step(name)
            done = 0
            async for _ in part:
                # What was created meanwhile may refer to what is swept next.
                await self._executed.tell_newer(survey, going)
                done += 1
                if done % STEPS_TOLD == 0:
                    yield Step(name, done)
        await sweep.unfinished()
        yield Step("records")
        async for step in self._records(selection, report, sweep.kept):
            yield step
        if not wish.dry_run:
            report.database_bytes = await give_back(self._database)

    async def _evict(self, rule: CacheRule, now_ns: int, report: Report) -> None:
        """Take cached results out; an hour later their data goes, unless somebody else refers to it."""
        wanted = []
        if rule.unused_ns:
            wanted.append((Chosen(rule.project, rule.domain, used_before_ns=now_ns - rule.unused_ns), 0))
        if rule.max_bytes:
            wanted.append((Chosen(rule.project, rule.domain), rule.max_bytes))
        for chosen, keep_bytes in wanted:
            count, size = await self._tools.cache.evict(chosen, keep_bytes, dry_run=report.dry_run)
            report.cache.count += count
            report.cache.size_bytes += size

    @property
    def _uploads(self) -> str:
        settings = self._tools.settings
        return f"{settings.base}/{settings.upload_prefix}"

    async def _strangers(self, survey: Survey) -> frozenset[str]:
        """Note what executions of others refer to; return the folders of their documents, which stay."""
        layout = self._tools.keepers.layout
        folders = set()
        for stranger in await self._tools.keepers.strangers.strangers():
            execution = stranger.execution
            if await self._database.read(partial(rows.find_member, execution=execution)) is None:
                folder = layout.document_folder(execution)
                heads = await self._tools.store.list_async(f"{layout.documents}/{folder}")
                named = [Document(uri, str(execution)) for uri in (stranger.inputs_uri, *(head.uri for head in heads))]
                await asyncio.to_thread(survey.read, named)
                folders.add(folder)
        return frozenset(folders)

    async def _ground(self, old_ns: int, strangers: frozenset[str]) -> Ground:
        settings = self._tools.settings

        def look(connection: Connection) -> Ground:
            found = surviving.places_with_executions(connection)
            projects = frozenset([*surviving.all_projects(connection), *(project for project, _ in found)])
            domains = tuple(
                dict.fromkeys([*(known for known, _ in settings.domains), *(domain for _, domain in found)])
            )
            began_ns = surviving.began_ns(connection)
            return Ground(settings, self._tools.keepers.layout, projects, domains, began_ns, old_ns, strangers)

        return await self._database.read(look)

    async def _records(
        self, selection: Selection, report: Report, kept: Collection[ExecutionId]
    ) -> AsyncIterator[Step]:
        """Delete logs, the engine's states, then rows; of executions of which anything is kept the names stay."""
        after = 0
        while batch := await self._database.read(partial(self._next, selection, after)):
            after = batch[-1].id
            if report.dry_run:
                for member in batch:
                    report.log_bytes += await self._tools.keepers.logs.log_bytes(member.execution)
            else:
                await self._drop(batch, report, kept)
            yield Step("records", report.executions)

    def _next(self, selection: Selection, after: int, connection: Connection) -> list[Member]:
        if not selection.report.dry_run:
            return rows.marked(connection, after, MEMBERS_AT_ONCE)
        numbers = sorted(number for number in selection.going if number > after)[:MEMBERS_AT_ONCE]
        return rows.members(connection, numbers)

    async def _drop(self, batch: Sequence[Member], report: Report, kept: Collection[ExecutionId]) -> None:
        for member in batch:
            report.log_bytes += await self._tools.keepers.logs.delete_logs(member.execution)
        held = await self._held([member.execution for member in batch])
        free = [member for member in batch if member.execution not in held]
        stay = {member.id for member in free if member.execution in kept}
        # Those of which only the name was left are told no second time.
        numbers = [member.id for member in free if not (member.deleted_at and member.id in stay)]
        report.waiting += len(held)
        report.executions += sum(not member.deleted_at for member in free)
        report.nodes += await self._database.read(partial(rows.count_parts, numbers=numbers))
        now_ns = self._tools.clock.now_ns()
        while numbers:
            work = partial(rows.delete_rows, numbers=numbers, rows_max=ROWS_AT_ONCE, names_stay=stay, now_ns=now_ns)
            numbers = numbers[await self._database.write(work) :]

    async def _held(self, executions: Sequence[ExecutionId]) -> set[ExecutionId]:
        """Have the engine forget executions; return those that it holds on to although it was given a moment."""
        keepers = self._tools.keepers
        held = set(await keepers.states.forget(executions))
        for _ in range(keepers.looks if held else 0):
            await asyncio.sleep(keepers.look_s)
            held = set(await keepers.states.forget(sorted(held, key=str)))
            if not held:
                break
        return held


async def give_back(database: Database) -> int:
    """Give the space of deleted rows back to the disk, some pages at a time; return how many bytes that was.

    SQLite only, and only of files that were made with room for it (those of this version): others use the
    space again for what comes.
    """
    if not database.sqlite:
        return 0
    freed = 0
    while pages := await database.write(_vacuumed):
        freed += pages
    return freed


VACUUM_PAGES = 500


def _vacuumed(connection: Connection) -> int:
    if connection.exec_driver_sql("PRAGMA auto_vacuum").scalar() != 2:  # not incremental
        return 0
    before = int(connection.exec_driver_sql("PRAGMA freelist_count").scalar() or 0)
    if not before:
        return 0
    # One step of the statement gives back one page: the driver's own cursor takes them all.
    connection.connection.cursor().execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
    after = int(connection.exec_driver_sql("PRAGMA freelist_count").scalar() or 0)
    size = int(connection.exec_driver_sql("PRAGMA page_size").scalar() or 0)
    return (before - after) * size
