"""The use cases of teams and quotas."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Faults, Status, refusal
from flytelike.controlplane.notifier import Notifier
from flytelike.controlplane.ports import Clock, Meter, NoMeter
from flytelike.controlplane.repository.tenancy import (
    TeamRow,
    add_default_team,
    hold_tenancy,
    list_teams,
    read_owners,
    read_quotas,
    read_tenancy,
    write_tenancy,
)
from flytelike.controlplane.settings import Settings
from flytelike.controlplane.tenancy.planning import Plan, planned
from flytelike.controlplane.tenancy.rules import Rules
from flytelike.controlplane.tenancy.wishes import Wanted
from flytelike.model.quota import QuotaPlace, QuotaTerms

log = logging.getLogger(__name__)


class TenancyCases:
    """Changes and tells of teams, projects' owners and quotas."""

    def __init__(self, database: Database, settings: Settings, clock: Clock, notifier: Notifier) -> None:
        """Keep them in `database`; other servers on it tell of changes through `notifier`."""
        self._database = database
        self._notifier = notifier
        self._refreshing: set[asyncio.Task[None]] = set()
        self._watchers: set[asyncio.Event] = set()
        notifier.on_rules(self._refresh_soon)
        self._clock = clock
        self._domains = [domain for domain, _ in settings.domains]
        self._listeners: list[Callable[[Rules], None]] = []
        self.meter: Meter = NoMeter()
        self.rules = Rules()
        """Those in force, as this server knows them."""

    def connect(self, meter: Meter) -> None:
        """Take who tells what attempts use."""
        self.meter = meter

    def on_changed(self, listener: Callable[[Rules], None]) -> None:
        """Call `listener` on the event loop when the rules have changed."""
        self._listeners.append(listener)

    def add_defaults(self, connection: Connection) -> None:
        """Make the team that is there from the start."""
        add_default_team(connection, self._clock.now_ns())

    def tell(self, connection: Connection) -> None:
        """Tell other servers, with the transaction that gives a project to a team."""
        self._notifier.tell_rules(connection)

    async def refresh(self) -> None:
        """Take in the rules as they are now, and tell of them if they are others."""
        rules = await self._database.read(_rules)
        if rules == self.rules:
            return
        self.rules = rules
        for listener in self._listeners:
            listener(rules)
        for event in self._watchers:
            event.set()

    @contextmanager
    def watching(self) -> Iterator[asyncio.Event]:
        """Yield an event that is set at each change of the rules from now on; the watcher clears it before it looks."""
        event = asyncio.Event()
        self._watchers.add(event)
        try:
            yield event
        finally:
            self._watchers.discard(event)

    def stop_watching(self) -> None:
        """Wake all watchers for the last time."""
        for event in self._watchers:
            event.set()

    async def close(self) -> None:
        """Look at no more changes."""
        for task in self._refreshing:
            task.cancel()
        await asyncio.gather(*self._refreshing, return_exceptions=True)

    async def apply(self, wanted: Sequence[Wanted], *, dry_run: bool, expected: str = "") -> Plan:
        """Carry wishes out, all or nothing, and return what changed.

        Args:
            wanted: What is wished.
            dry_run: Change nothing.
            expected: The digest of the plan that is to be carried out; empty for whatever comes out.

        Raises:
            Refusal: INVALID_ARGUMENT with all faults, or FAILED_PRECONDITION `plan-outdated`.
        """
        now_ns = self._clock.now_ns()

        def work(connection: Connection) -> Plan:
            if not dry_run:
                hold_tenancy(connection)
            before, faults = read_tenancy(connection), Faults()
            plan = planned(before, wanted, self._domains, faults)
            faults.check()
            if expected and plan.digest != expected:
                raise refusal(
                    Status.FAILED_PRECONDITION,
                    "plan-outdated",
                    "something else was changed since the plan was made",
                    "look at the plan as it is now, and apply that",
                )
            if not dry_run:
                write_tenancy(connection, before, plan.after, now_ns)
                self._notifier.tell_rules(connection)
            return plan

        if dry_run:
            return await self._database.read(work)
        plan = await self._database.write(work)
        await self.refresh()
        return plan

    async def teams(
        self, limit: int, offset: int, name: str, among: Collection[str] | None, *, archived: bool
    ) -> list[TeamRow]:
        """Return a page of teams, by name; None for `among` stands for all that there are."""
        return await self._database.read(
            lambda connection: list_teams(connection, limit, offset, name, archived=archived, among=among)
        )

    def quotas(
        self, team: str, project: str, more: Iterable[QuotaPlace] = ()
    ) -> list[tuple[str, QuotaPlace, QuotaTerms]]:
        """Return quotas with the teams they belong to: the platform's, then those of each team with its projects'.

        Args:
            team: Only those of this team; empty for all.
            project: Only those of this project; empty for all.
            more: Places that are told of, too, though they have no quota.
        """
        known = {**{place: QuotaTerms() for place in more}, **self.rules.quotas}
        found = [(self._owner(place), place, terms) for place, terms in known.items()]
        kept = [it for it in found if (not team or it[0] == team) and (not project or it[1].project == project)]
        return sorted(kept, key=lambda it: (it[0], not it[1].team, it[1]))

    def _refresh_soon(self) -> None:
        task = asyncio.get_running_loop().create_task(self._refreshed(), name="controlplane-rules")
        self._refreshing.add(task)
        task.add_done_callback(self._refreshing.discard)

    async def _refreshed(self) -> None:
        try:
            await self.refresh()
        except Exception:
            log.exception("quotas that another server has changed could not be read")

    def _owner(self, place: QuotaPlace) -> str:
        return place.team or (self.rules.team_of(place.project) if place.project else "")


def _rules(connection: Connection) -> Rules:
    return Rules(read_quotas(connection), read_owners(connection))
