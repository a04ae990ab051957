"""Counts and rankings over many rows, so that no page has to ask for each of them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from flytelike.controlplane.errors import Faults
from flytelike.controlplane.listing import Filter
from flytelike.controlplane.repository.entities import ACTIVE, TABLES
from flytelike.controlplane.repository.executions import EXECUTION_FIELDS, TAG, TAG_FIELDS, TERMINAL
from flytelike.controlplane.repository.pages import where
from flytelike.controlplane.repository.rows import ExecutionRow, GateRow
from flytelike.controlplane.schema import (
    execution_tags,
    executions,
    gates,
    launch_plans,
    named_entities,
    node_executions,
    projects,
)
from flytelike.model.ids import ResourceKind
from flytelike.model.phases import NodePhase, WorkflowPhase

FAILED = (WorkflowPhase.FAILED.value, WorkflowPhase.TIMED_OUT.value)
COUNTED_MAX = 10_000
"""How far the rows of a list are counted."""
LAST_RUNS = 10
WORKFLOWS_MAX = 12
SHOWN_FAILURES = 8
WAITING_MAX = 20

Place = tuple[str, str]
"""Project and domain."""

_RUN = select(*[executions.c[field.name] for field in fields(ExecutionRow)])


@dataclass(frozen=True, slots=True)
class PlaceCounts:
    """How it goes in a domain of a project; `last_at` is 0 where nothing was ever executed."""

    project: str
    domain: str
    running: int
    failed: int
    recent: int
    last_at: int


@dataclass(frozen=True, slots=True)
class Health:
    """How the executions of a workflow went; `mean_ns` is that of those that succeeded."""

    name: str
    runs: int
    failed: int
    mean_ns: float


@dataclass(frozen=True, slots=True)
class NameRow:
    """A name with its versions; `latest` is the newest one."""

    name: str
    description: str
    versions: int
    latest: str
    registered_at: int
    active: str = ""


@dataclass(frozen=True, slots=True)
class RunPage:
    """Which executions are wanted: filters, a text in the name, and behind which row (creation, id)."""

    place: Place
    filters: tuple[Filter, ...]
    text: str
    limit: int
    behind: tuple[int, int] | None


def count_places(connection: Connection, since_ns: int) -> list[PlaceCounts]:
    """Return the counts of each domain in which something was executed."""
    row = executions.c
    recent = row.created_at >= since_ns
    statement = (
        select(
            row.project,
            row.domain,
            _count(row.phase.not_in(TERMINAL)),
            _count(and_(recent, row.phase.in_(FAILED))),
            _count(recent),
            func.max(row.created_at),
        )
        .where(row.deleting_at == 0)
        .group_by(row.project, row.domain)
    )
    return [PlaceCounts(*found) for found in connection.execute(statement)]


def count_bars(connection: Connection, place: Place, since_ns: int, bar_ns: int) -> list[tuple[int, int, int]]:
    """Return how many executions there are by bar (counted from `since_ns`) and phase."""
    # Integer division in SQLite and PostgreSQL alike; SQLAlchemy's own `//` adds a FLOOR that SQLite lacks.
    bar = executions.c.created_at.op("-")(since_ns).op("/")(bar_ns).label("bar")
    statement = (
        select(bar, executions.c.phase, func.count())
        .where(*_in(place), executions.c.created_at >= since_ns)
        .group_by(bar, executions.c.phase)
    )
    return [(int(found[0]), found[1], found[2]) for found in connection.execute(statement)]


def count_running(connection: Connection, place: Place) -> int:
    """Return how many executions have not ended."""
    statement = select(func.count()).where(*_in(place), executions.c.phase.not_in(TERMINAL))
    return connection.execute(statement).scalar_one()


def rank_workflows(connection: Connection, place: Place, since_ns: int) -> list[Health]:
    """Return the workflows that were executed most."""
    row = executions.c
    took = case((row.phase == WorkflowPhase.SUCCEEDED.value, row.updated_at - row.started_at))
    runs = func.count()
    statement = (
        select(row.launched_name, runs, _count(row.phase.in_(FAILED)), func.avg(took))
        .where(*_in(place), row.created_at >= since_ns)
        .group_by(row.launched_name)
        .order_by(runs.desc(), row.launched_name)
        .limit(WORKFLOWS_MAX)
    )
    return [Health(name, runs, failed, float(mean or 0)) for name, runs, failed, mean in connection.execute(statement)]


def last_failures(connection: Connection, place: Place) -> list[ExecutionRow]:
    """Return the newest executions that failed."""
    statement = (
        _RUN.where(*_in(place), executions.c.phase.in_(FAILED))
        .order_by(executions.c.created_at.desc(), executions.c.id.desc())
        .limit(SHOWN_FAILURES)
    )
    return [ExecutionRow(*row) for row in connection.execute(statement)]


def waiting_anywhere(connection: Connection, place: Place) -> list[tuple[str, GateRow]]:
    """Return the gates of a domain that wait now, longest first, with the names of their executions."""
    node = node_executions.c
    names = [node.name if field.name == "name" else gates.c[field.name] for field in fields(GateRow)]
    statement = (
        select(executions.c.name.label("execution_name"), *names)
        .join(node_executions, and_(node.execution == gates.c.execution, node.path == gates.c.path))
        .join(executions, executions.c.id == gates.c.execution)
        .where(*_in(place), executions.c.phase.not_in(TERMINAL), node.phase == NodePhase.RUNNING.value)
        .order_by(gates.c.since, gates.c.path)
        .limit(WAITING_MAX)
    )
    return [(name, GateRow(*gate)) for name, *gate in connection.execute(statement)]


def page_of_runs(connection: Connection, page: RunPage) -> tuple[list[ExecutionRow], int]:
    """Return executions, newest first, and how many there are (counted up to COUNTED_MAX). Raises Refusal."""
    row = executions.c
    faults = Faults()
    tags = [item for item in page.filters if item.field.startswith(TAG)]
    conditions = [*_in(page.place), *where((f for f in page.filters if f not in tags), EXECUTION_FIELDS, faults)]
    if tags:
        conditions.append(row.id.in_(select(execution_tags.c.execution).where(*where(tags, TAG_FIELDS, faults))))
    faults.check()
    if page.text:
        conditions.append(or_(_has(row.name, page.text), _has(row.launched_name, page.text)))
    counted = select(func.count()).select_from(select(row.id).where(*conditions).limit(COUNTED_MAX).subquery())
    total = connection.execute(counted).scalar_one()
    if page.behind is not None:
        at, number = page.behind
        conditions.append(or_(row.created_at < at, and_(row.created_at == at, row.id < number)))
    statement = _RUN.where(*conditions).order_by(row.created_at.desc(), row.id.desc()).limit(page.limit)
    return [ExecutionRow(*found) for found in connection.execute(statement)], total


def page_of_names(
    connection: Connection, kind: ResourceKind, place: Place, text: str, offset: int, limit: int
) -> tuple[list[NameRow], int]:
    """Return names in their order, with their versions, and how many there are."""
    name = named_entities.c
    conditions: list[ColumnElement[bool]] = [
        name.kind == int(kind),
        name.project == place[0],
        name.domain == place[1],
        name.state == 0,
    ]
    if text:
        conditions.append(_has(name.name, text))
    total = connection.execute(select(func.count()).where(*conditions)).scalar_one()
    found = connection.execute(
        select(name.name, name.description).where(*conditions).order_by(name.name).offset(offset).limit(limit)
    ).all()
    versions = _versions(connection, kind, place, [row[0] for row in found])
    active = _active(connection, place, [row[0] for row in found]) if kind is ResourceKind.LAUNCH_PLAN else {}
    rows = []
    for called, description in found:
        count, latest, at, said = versions.get(called, (0, "", 0, ""))
        rows.append(NameRow(called, description or said, count, latest, at, active.get(called, "")))
    return rows, total


def last_runs(connection: Connection, place: Place, names: Sequence[str]) -> dict[str, list[ExecutionRow]]:
    """Return the newest executions of launch plans and tasks with these names."""
    row = executions.c
    place_in_line = (
        func.row_number()
        .over(partition_by=row.launched_name, order_by=(row.created_at.desc(), row.id.desc()))
        .label("place_in_line")
    )
    numbered = select(row.id, place_in_line).where(*_in(place), row.launched_name.in_(names)).subquery()
    statement = (
        _RUN.join(numbered, numbered.c.id == row.id)
        .where(numbered.c.place_in_line <= LAST_RUNS)
        .order_by(row.created_at.desc(), row.id.desc())
    )
    found: dict[str, list[ExecutionRow]] = {}
    for values in connection.execute(statement):
        run = ExecutionRow(*values)
        found.setdefault(run.launched_name, []).append(run)
    return found


def search_names(
    connection: Connection, text: str, limit: int, among: Collection[str] | None = None
) -> list[tuple[int, str, str, str]]:
    """Return kind, project, domain and name of entities with a text in their names, the shortest first.

    `among` are the projects that are looked at; None for all.
    """
    name = named_entities.c
    statement = (
        select(name.kind, name.project, name.domain, name.name)
        .where(_has(name.name, text), name.state == 0, *_among(name.project, among))
        .order_by(func.length(name.name), name.name)
        .limit(limit)
    )
    return [(kind, project, domain, called) for kind, project, domain, called in connection.execute(statement)]


def search_runs(
    connection: Connection, text: str, limit: int, among: Collection[str] | None = None
) -> list[ExecutionRow]:
    """Return executions with a text in their names, the newest first; `among` as in `search_names`."""
    statement = (
        _RUN.where(_has(executions.c.name, text), executions.c.deleting_at == 0, *_among(executions.c.project, among))
        .order_by(executions.c.created_at.desc())
        .limit(limit)
    )
    return [ExecutionRow(*row) for row in connection.execute(statement)]


def search_projects(connection: Connection, text: str, limit: int, among: Collection[str] | None = None) -> list[str]:
    """Return the ids of projects with a text in id or name; `among` as in `search_names`."""
    row = projects.c
    named = or_(_has(row.id, text), _has(row.name, text))
    statement = select(row.id).where(named, row.state == 0, *_among(row.id, among)).order_by(row.id)
    return [found[0] for found in connection.execute(statement.limit(limit))]


def _among(project: ColumnElement[str], among: Collection[str] | None) -> list[ColumnElement[bool]]:
    return [] if among is None else [project.in_(among)]


def derived_from(connection: Connection, place: Place, reference: str, limit: int) -> list[str]:
    """Return the names of executions that were made from another one (`reference`), the newest first."""
    statement = (
        select(executions.c.name)
        .where(*_in(place), executions.c.reference == reference)
        .order_by(executions.c.created_at.desc())
        .limit(limit)
    )
    return [row[0] for row in connection.execute(statement)]


def _versions(
    connection: Connection, kind: ResourceKind, place: Place, names: Sequence[str]
) -> dict[str, tuple[int, str, int, str]]:
    """Return for names how many versions there are, and the newest with its instant and description."""
    table = TABLES[kind].c
    conditions = (table.project == place[0], table.domain == place[1], table.name.in_(names))
    newest = (
        select(table.name, func.count().label("versions"), func.max(table.id).label("newest"))
        .where(*conditions)
        .group_by(table.name)
        .subquery()
    )
    statement = select(table.name, newest.c.versions, table.version, table.created_at, table.short_description).join(
        newest, newest.c.newest == table.id
    )
    return {name: (count, version, at, text) for name, count, version, at, text in connection.execute(statement)}


def _active(connection: Connection, place: Place, names: Sequence[str]) -> dict[str, str]:
    plan = launch_plans.c
    conditions = (plan.project == place[0], plan.domain == place[1], plan.name.in_(names), plan.state == ACTIVE)
    return {row[0]: row[1] for row in connection.execute(select(plan.name, plan.version).where(*conditions))}


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _has(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return func.lower(column).contains(text.lower(), autoescape=True)


def _in(place: Place) -> Iterable[ColumnElement[bool]]:
    return (executions.c.project == place[0], executions.c.domain == place[1], executions.c.deleting_at == 0)
