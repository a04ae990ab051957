"""Collecting on demand, and by itself once the platform's owner has given rules for it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

from sqlalchemy import Connection

from flytelike.controlplane.cache_inspection import CacheInspection
from flytelike.controlplane.collecting.collector import Collector, Tools
from flytelike.controlplane.collecting.policy import Policies, Rule
from flytelike.controlplane.collecting.ports import Keepers
from flytelike.controlplane.collecting.report import Report
from flytelike.controlplane.collecting.wish import Step, Wish
from flytelike.controlplane.errors import Faults, Refusal, Status, not_found, refusal
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository.collecting import find_member
from flytelike.controlplane.repository.projects import find_project
from flytelike.controlplane.settings import Settings
from flytelike.model.ids import ExecutionId
from flytelike.model.phases import WorkflowPhase
from flytelike.storage import Store

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 60.0
"""How long after its start the platform is left alone."""
PAUSE_S_MAX = 3600.0


class Maintenance:
    """The use cases of keeping a platform tidy."""

    def __init__(
        self, cache: CacheInspection, store: Store, settings: Settings, clock: Clock, keepers: Keepers | None
    ) -> None:
        """Collect in `store` and the database of `cache`, and with `keepers`; without them nothing is collected."""
        database = self._database = cache.database
        self._settings = settings
        self._clock = clock
        self.policies = keepers.policies if keepers else Policies()
        self._collector = None
        if keepers is not None:
            tools = Tools(database, store, settings, clock, keepers, cache)
            self._collector = Collector(tools)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Collect now and then, if there are rules for it."""
        if self._collector is not None and self.policies and self._task is None:
            self._task = asyncio.create_task(self._now_and_then(self._collector), name="collecting")

    async def close(self) -> None:
        """Stop; what is half deleted is deleted by the next collection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def collect(self, wish: Wish) -> AsyncIterator[Step | Report]:
        """Do what is wished; the owner's rules hold where the wish has none.

        Raises:
            Refusal: INVALID_ARGUMENT for unknown places, FAILED_PRECONDITION when there are no rules, when an
                execution has not ended, or when another collection goes on; NOT_FOUND.
        """
        if self._collector is None:
            raise refusal(Status.UNIMPLEMENTED, "no-collector", "this server cannot collect")
        wish = await self._complete(wish)
        async for told in self._collector.collect(wish):
            yield told

    async def _complete(self, wish: Wish) -> Wish:
        if wish.only:
            await self._database.read(lambda connection: check_executions(connection, wish.only))
            return replace(wish, rules=(Rule(0),))
        if wish.rules:
            await self._database.read(lambda connection: check_places(connection, self._settings, wish.rules))
            return wish
        if not self.policies:
            raise refusal(
                Status.FAILED_PRECONDITION,
                "no-retention-rules",
                "nobody has said how long executions stay",
                "say it now: `flytelike gc --older-than 30d`",
                "or once and for all, in `retention.yaml` (docs/retention.md)",
            )
        return replace(wish, rules=self.policies.rules, cache=self.policies.cache)

    async def _now_and_then(self, collector: Collector) -> None:
        every_s = self.policies.every_ns / 1e9
        pause_s = min(FIRST_PAUSE_S, every_s)
        while True:
            await asyncio.sleep(min(pause_s, PAUSE_S_MAX))
            since_s = (self._clock.now_ns() - await collector.done_ns()) / 1e9
            pause_s = max(every_s - since_s, 1.0)
            if since_s >= every_s:
                await self._once(collector)

    async def _once(self, collector: Collector) -> None:
        try:
            async for told in collector.collect(Wish(self.policies.rules, self.policies.cache)):
                if isinstance(told, Report) and (told.executions or told.freed_bytes):
                    log.info("collected %d executions and %d bytes", told.executions, told.freed_bytes)
        except Refusal as error:
            log.info("not collected: %s", error)
        except Exception:
            log.exception("collecting failed; it is tried again later")


def check_places(connection: Connection, settings: Settings, rules: tuple[Rule, ...]) -> None:
    """Refuse rules for projects and domains that are not there: whoever mistypes one expects something to go."""
    faults = Faults()
    domains = [known for known, _ in settings.domains]
    for rule in rules:
        if is_plain(rule.project) and find_project(connection, rule.project) is None:
            faults.add("unknown-project", f"there is no project {rule.project!r}")
        if is_plain(rule.domain) and rule.domain not in domains:
            faults.add("unknown-domain", f"there is no domain {rule.domain!r}", f"choose from {', '.join(domains)}")
    faults.check()


def check_executions(connection: Connection, executions: tuple[ExecutionId, ...]) -> None:
    """Refuse executions that are not there, have not ended, or belong to another one."""
    for execution in executions:
        member = find_member(connection, execution)
        if member is None or member.deleted_at:
            raise not_found("execution", execution)
        if not WorkflowPhase(member.phase).terminal:
            raise refusal(
                Status.FAILED_PRECONDITION,
                "execution-not-ended",
                f"the execution {execution} has not ended",
                "abort it first: `flytelike abort`",
            )
        parent = ExecutionId(execution.project, execution.domain, member.parent_name)
        if member.parent_name and find_member(connection, parent) is not None:
            raise refusal(
                Status.FAILED_PRECONDITION,
                "execution-of-parent",
                f"a node of {member.parent_name} started the execution {execution}",
                "delete that one: what its nodes started goes with it",
            )


def is_plain(pattern: str) -> bool:
    """Tell whether a pattern names one thing."""
    return not any(character in "*?[" for character in pattern)
