"""How it goes in projects, and finding one's way: what the console's first pages show."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from flytelike.codec.closures import closure_from_proto, task_closure_from_proto
from flytelike.codec.launch_plans import launch_plan_from_proto
from flytelike.codec.parse import parse
from flytelike.compiler.changes import Change, changes
from flytelike.controlplane.access.roles import PLATFORM, Action, Rights
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Faults, invalid
from flytelike.controlplane.finding import Finding
from flytelike.controlplane.listing import parse_filters
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository import overviews as repository
from flytelike.controlplane.repository.overviews import Health, NameRow, Place, PlaceCounts, RunPage
from flytelike.controlplane.repository.projects import project_ids
from flytelike.controlplane.repository.rows import ExecutionRow, GateRow
from flytelike.model.graph import Entity
from flytelike.model.ids import Identifier, ResourceKind
from flytelike_idl.admin import launch_plan_pb2
from flytelike_idl.core import compiler_pb2

HOUR_NS = 3600 * 1_000_000_000
DAY_NS = 24 * HOUR_NS
BARS = 48
HITS_MAX = 10
TEXT_MAX = 200


@dataclass(frozen=True, slots=True)
class Dashboard:
    """How it goes in a domain. `bars`: number of the bar, phase, executions; each bar is `bar_ns` long."""

    since_ns: int
    bar_ns: int
    bars: list[tuple[int, int, int]]
    running: int
    workflows: list[Health]
    failures: list[ExecutionRow]
    waiting: list[tuple[str, GateRow]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: entities by kind, project, domain and name."""

    projects: list[str]
    names: list[tuple[int, str, str, str]]
    runs: list[ExecutionRow]


class Overview:
    """The use cases of looking at many things at once."""

    def __init__(self, database: Database, finding: Finding, clock: Clock) -> None:
        """Count in `database`."""
        self._database = database
        self._finding = finding
        self._clock = clock

    async def places(self) -> list[PlaceCounts]:
        """Return how it goes in all domains."""
        since_ns = self._clock.now_ns() - DAY_NS
        return await self._database.read(lambda connection: repository.count_places(connection, since_ns))

    async def dashboard(self, place: Place, hours: int) -> Dashboard:
        """Return how it went in a domain for some hours."""
        bar_ns = hours * HOUR_NS // BARS
        since_ns = self._clock.now_ns() - hours * HOUR_NS

        def look(connection: Connection) -> Dashboard:
            return Dashboard(
                since_ns,
                bar_ns,
                repository.count_bars(connection, place, since_ns, bar_ns),
                repository.count_running(connection, place),
                repository.rank_workflows(connection, place, since_ns),
                repository.last_failures(connection, place),
                repository.waiting_anywhere(connection, place),
            )

        return await self._database.read(look)

    async def runs(
        self, place: Place, filters: str, text: str, limit: int, token: str
    ) -> tuple[list[ExecutionRow], int]:
        """Return a page of executions, newest first, and how many there are. Raises Refusal."""
        faults = Faults()
        parsed = parse_filters(filters, faults)
        faults.check()
        page = RunPage(place, parsed, text[:TEXT_MAX], limit, None if not token else behind(token))
        return await self._database.read(partial(repository.page_of_runs, page=page))

    async def names(
        self, kind: ResourceKind, place: Place, text: str, offset: int, limit: int
    ) -> tuple[list[NameRow], int, dict[str, list[ExecutionRow]]]:
        """Return a page of names, how many there are, and their last executions."""

        def look(connection: Connection) -> tuple[list[NameRow], int, dict[str, list[ExecutionRow]]]:
            rows, total = repository.page_of_names(connection, kind, place, text[:TEXT_MAX], offset, limit)
            return rows, total, repository.last_runs(connection, place, [row.name for row in rows])

        return await self._database.read(look)

    async def search(self, text: str, rights: Rights) -> Found:
        """Return what has a text in its name, in the projects that somebody with these rights may know of."""
        wanted = text.strip()[:TEXT_MAX]

        def look(connection: Connection) -> Found:
            seen = None
            if not rights.allows(Action.READ, PLATFORM):
                seen = [project for project in project_ids(connection) if rights.sees(project)]
            return Found(
                repository.search_projects(connection, wanted, HITS_MAX, seen),
                repository.search_names(connection, wanted, HITS_MAX, seen),
                repository.search_runs(connection, wanted, HITS_MAX, seen),
            )

        return await self._database.read(look) if wanted else Found([], [], [])

    async def compare(self, old: Identifier, new: Identifier) -> tuple[Change, ...]:
        """Return what changed between two versions of a task, workflow or launch plan. Raises Refusal."""
        if old.kind is not new.kind:
            raise invalid("wrong-resource-type", "versions of one kind of entity are compared")
        return changes(await self._entities(old), await self._entities(new))

    async def _entities(self, identifier: Identifier) -> tuple[Entity, ...]:
        """Return an entity with all it uses."""
        row = await self._finding.version(identifier)
        if identifier.kind is ResourceKind.TASK:
            return (task_closure_from_proto(parse(compiler_pb2.CompiledTask, row.body)),)
        if identifier.kind is ResourceKind.LAUNCH_PLAN:
            return (launch_plan_from_proto(identifier, parse(launch_plan_pb2.LaunchPlan, row.body).spec),)
        closure = closure_from_proto(parse(compiler_pb2.CompiledWorkflowClosure, await self._finding.closure(row)))
        inner = [workflow.template for workflow in closure.sub_workflows.values()]
        return (closure.primary.template, *inner, *closure.tasks.values())


def token_of(row: ExecutionRow) -> str:
    """Return the token of the page behind an execution."""
    return urlsafe_b64encode(f"{row.created_at}.{row.id}".encode()).decode().rstrip("=")


def behind(token: str) -> tuple[int, int]:
    """Return creation and id of the execution behind which a page begins; raises Refusal."""
    try:
        at, _, number = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii").partition(".")
        return int(at), int(number)
    except (ValueError, binascii.Error):
        raise invalid(
            "invalid-token", f"{token[:40]!r} is no page token", "pass the token of the page before"
        ) from None
