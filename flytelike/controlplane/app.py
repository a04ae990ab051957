"""The control plane in one object: its use cases on one database and one store."""

import asyncio
from collections.abc import Sequence
from functools import cached_property

from flytelike.controlplane.access.attempts import Attempts
from flytelike.controlplane.access.audit import AuditLog
from flytelike.controlplane.access.book import AccessBook
from flytelike.controlplane.access.door import Door
from flytelike.controlplane.access.keys import Provider
from flytelike.controlplane.access.ports import AttemptTokens
from flytelike.controlplane.access.use_cases import Access
from flytelike.controlplane.attributes.attributes import Attributes
from flytelike.controlplane.cache_inspection import CacheInspection
from flytelike.controlplane.calls import Calls
from flytelike.controlplane.catalog import Catalog
from flytelike.controlplane.children import Children
from flytelike.controlplane.collecting.maintenance import Maintenance
from flytelike.controlplane.collecting.ports import Keepers
from flytelike.controlplane.database import Database
from flytelike.controlplane.datasets import Datasets
from flytelike.controlplane.dispatch import Dispatch
from flytelike.controlplane.executions import Executions, Tools
from flytelike.controlplane.finding import Finding
from flytelike.controlplane.graphs import Graphs
from flytelike.controlplane.history import History
from flytelike.controlplane.kept_results import KeptResults
from flytelike.controlplane.listening import ListeningNotifier
from flytelike.controlplane.migrations.upgrade import check, upgrade
from flytelike.controlplane.notifier import Notifier
from flytelike.controlplane.overview import Overview
from flytelike.controlplane.ports import Clock, Launcher, LogReader, NoLogs, SystemClock
from flytelike.controlplane.projects import Projects
from flytelike.controlplane.reading import Reading
from flytelike.controlplane.recovery import Recovery
from flytelike.controlplane.registry import Registry
from flytelike.controlplane.repository.tenancy import read_owners
from flytelike.controlplane.runs import Runs
from flytelike.controlplane.scheduling.scheduling import Scheduling
from flytelike.controlplane.secret_files import SecretFile
from flytelike.controlplane.settings import Settings
from flytelike.controlplane.signals import Signals
from flytelike.controlplane.tenancy.holding import Holding
from flytelike.controlplane.tenancy.stored import Stored
from flytelike.controlplane.tenancy.tenancy import TenancyCases
from flytelike.controlplane.tenancy.usage import Usage
from flytelike.controlplane.uploads import Uploads
from flytelike.controlplane.watch import Watch
from flytelike.model.history import HistoryEntry
from flytelike.storage import Store


class ControlPlane:
    """All use cases. Call `start` before anything else and `close` at the end.

    Propeller's side of it: `record` takes history, `children` starts executions for launch-plan
    nodes, `history.on_child_ended` tells of their end.
    """

    _door: Door | None = None

    def __init__(
        self,
        settings: Settings,
        store: Store,
        launcher: Launcher,
        *,
        logs: LogReader | None = None,
        keepers: Keepers | None = None,
        clock: Clock | None = None,
        attempt_tokens: AttemptTokens | None = None,
    ) -> None:
        """Compose; nothing is opened yet.

        Args:
            settings: how it is set up.
            store: the object store.
            launcher: starts and stops executions.
            logs: gives what attempts printed; without one, there are no logs.
            keepers: what else belongs to executions; without them nothing is ever collected.
            clock: the time; by default the machine's.
            attempt_tokens: knows the tokens of attempts; without it they have none of their own.
        """
        self.settings = settings
        self.store = store
        self.clock: Clock = clock or SystemClock()
        self.launcher = launcher
        self.logs: LogReader = logs or NoLogs()
        self.database = Database(settings.database_url)
        self.notifier = Notifier() if self.database.sqlite else ListeningNotifier(self.database.engine.url)
        self.history = History(self.database, self.notifier)
        self.tenancy = TenancyCases(self.database, settings, self.clock, self.notifier)
        self.projects = Projects(self.database, settings, self.clock, self.tenancy)
        self.attributes = Attributes(self.database, store, settings, self.clock)
        self.registry = Registry(self.database, store, settings, self.clock)
        self.graphs = Graphs(self.database, store, settings)
        self.finding = Finding(self.database, store, self.clock)
        self.dispatch = Dispatch(self.database, launcher, settings)
        self.holding = Holding(self.database, self.tenancy, self.dispatch, self.clock)
        self.stored = Stored(self.database, store, settings, self.tenancy, keepers.layout if keepers else None)
        parts = (self.registry, self.dispatch, self.notifier, self.holding, self.attributes, self.stored)
        tools = Tools(self.database, store, settings, self.clock, *parts)
        self.executions = Executions(tools)
        self.recovery = Recovery(tools, self.executions)
        self.children = Children(self.executions, self.recovery, store, settings.limits.launch_plan_depth)
        self.calls = Calls(self.executions, self.database, self.notifier, settings.limits.launch_plan_depth)
        self.history.on_calls_ending(self.dispatch.soon)
        self.history.on_ended(self.holding.soon)
        self.scheduling = Scheduling(self.database, self.clock, self.executions)
        self.history.on_ended(self.scheduling.scheduler.soon)
        self.usage = Usage(self.database, self.tenancy, self.clock, self.stored)
        self.history.on_recorded(self.usage.touched)
        self.signals = Signals(self.database, self.dispatch, self.clock)
        self.catalog = Catalog(self.database, self.clock, settings)
        self.datasets = Datasets(self.database, self.catalog, store, settings, self.clock)
        self.kept_results = KeptResults(self.database, self.catalog, store, settings, self.clock)
        self.cache = CacheInspection(self.database, self.catalog, self.clock)
        self.reading = Reading(self.database, store, settings)
        self.overview = Overview(self.database, self.finding, self.clock)
        self.runs = Runs(self.database, store, self.finding, self.graphs)
        self.uploads = Uploads(store, settings, self.clock)
        self.watch = Watch(self.database, self.notifier)
        self.book = AccessBook(self.database, self.clock, settings.access.admins, read_owners)
        self.audit = AuditLog(self.database, self.clock, settings.access.audit_ns)
        self._attempt_tokens = attempt_tokens
        self.access = Access(self.database, self.clock, self.book)
        self.maintenance = Maintenance(self.cache, store, settings, self.clock, keepers)

    @cached_property
    def provider(self) -> Provider | None:
        """The provider of identities; None without one."""
        oidc = self.settings.access.oidc
        return None if oidc is None else Provider(oidc)

    async def start(self, *, migrate: bool = True) -> None:
        """Open the database and bring its tables up to date; without `migrate`, they must be.

        Raises:
            DiagnosticError: `corrupt-database`, `newer-database`, `older-database` or `database-unavailable`.
        """
        await asyncio.to_thread(upgrade if migrate else check, self.database)
        await self.database.write(self.tenancy.add_defaults)
        await self.database.write(self.projects.add_defaults)
        await self.tenancy.refresh()
        await self.notifier.start()

    async def reconcile(self) -> None:
        """Hand over to the launcher what was decided before a crash; call it once the launcher works."""
        await self.holding.release()
        self.stored.touched()
        await self.dispatch.reconcile_or_retry()
        if self.settings.reconcile_s:
            self.dispatch.keep_looking(self.settings.reconcile_s)
        self.maintenance.start()
        if self.settings.schedules:
            self.scheduling.scheduler.start()

    def door(self) -> Door | None:
        """Return what calls come through; None where anybody may do everything.

        Raises:
            DiagnosticError: `unusable-secret-file`.
        """
        settings = self.settings
        if self._door is None and settings.guarded:
            root = None if settings.token_file is None else SecretFile(settings.token_file)
            tokens, oidc, provider = self._attempt_tokens, settings.access.oidc, self.provider
            attempts = None if tokens is None else Attempts(tokens, self.database, self.book)
            self._door = Door(self.book, self.audit, root_tokens=root, oidc=oidc, provider=provider, attempts=attempts)
        return self._door

    async def record(self, batch: Sequence[HistoryEntry]) -> None:
        """Take history over; see `History.record`."""
        await self.history.record(batch)

    async def close(self) -> None:
        """Stop watching and retrying, and close the database. What is under way is finished."""
        self.notifier.close()
        await self.maintenance.close()
        await self.scheduling.scheduler.close()
        await self.notifier.stop()
        await self.tenancy.close()
        await self.holding.close()
        await self.stored.close()
        await self.usage.close()
        await self.dispatch.close()
        await self.catalog.close()
        if self._door is not None:
            await self._door.close()
        await self.book.close()
        await asyncio.to_thread(self.database.close)
