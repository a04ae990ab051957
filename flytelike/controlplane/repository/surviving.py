"""What stays, as far as it tells which data must: executions, their documents, and what is registered."""

from collections.abc import Collection
from dataclasses import dataclass, fields

from sqlalchemy import Connection, Table, func, or_, select, union

from flytelike.controlplane.repository.collecting import batches
from flytelike.controlplane.schema import (
    catalog_entries,
    executions,
    launch_plans,
    node_executions,
    projects,
    signals,
    tasks,
    workflows,
)
from flytelike.model.ids import ExecutionId


@dataclass(frozen=True, slots=True)
class Survivor:
    """An execution that stays, and where its graph, inputs and outputs lie."""

    id: int
    project: str
    domain: str
    name: str
    closure_uri: str
    inputs_uri: str
    outputs_uri: str

    @property
    def execution(self) -> ExecutionId:
        """The execution's id."""
        return ExecutionId(self.project, self.domain, self.name)


_SURVIVOR = select(*[executions.c[field.name] for field in fields(Survivor)])


def survivors(connection: Connection, after: int, limit: int) -> list[Survivor]:
    """Return executions that are not being deleted, from number `after` on."""
    statement = _SURVIVOR.where(executions.c.deleting_at == 0, executions.c.id > after).order_by(executions.c.id)
    return [Survivor(*row) for row in connection.execute(statement.limit(limit))]


@dataclass(frozen=True, slots=True)
class NodeDocuments:
    """Where a node's inputs and outputs lie, and the digest of the graph that its task gave."""

    path: str
    inputs_uri: str
    output_uri: str
    graph: str


def node_documents(connection: Connection, execution: int, after: str, limit: int) -> list[NodeDocuments]:
    """Return the documents of an execution's nodes, from the path `after` on."""
    table = node_executions.c
    statement = (
        select(table.path, table.inputs_uri, table.output_uri, table.graph)
        .where(table.execution == execution, table.path > after)
        .order_by(table.path)
        .limit(limit)
    )
    return [NodeDocuments(*row) for row in connection.execute(statement)]


def executions_named(
    connection: Connection, place: tuple[str, str], names: Collection[str]
) -> dict[str, tuple[int, bool]]:
    """Return which executions of a project and domain there are of some names: their number, and whether they stay."""
    found: dict[str, tuple[int, bool]] = {}
    table = executions.c
    for some in batches(sorted(names)):
        statement = select(table.name, table.id, table.deleting_at).where(
            table.project == place[0], table.domain == place[1], table.name.in_(some)
        )
        found.update((name, (number, deleting == 0)) for name, number, deleting in connection.execute(statement))
    return found


def places_with_executions(connection: Connection) -> list[tuple[str, str]]:
    """Return the projects and domains in which anything ran."""
    statement = select(executions.c.project, executions.c.domain).distinct()
    return [(row[0], row[1]) for row in connection.execute(statement)]


def all_projects(connection: Connection) -> list[str]:
    """Return the ids of all projects."""
    return list(connection.execute(select(projects.c.id).order_by(projects.c.id)).scalars())


def began_ns(connection: Connection) -> int:
    """Return when the database was begun: what is older than that is none of its business."""
    return int(connection.execute(select(func.min(projects.c.created_at))).scalar() or 0)


def bodies(connection: Connection, table: Table, after: int, limit: int) -> list[tuple[int, str, bytes]]:
    """Return number, name with version, and body of registered tasks or launch plans, from number `after` on."""
    columns = table.c
    statement = select(columns.id, columns.name, columns.version, columns.body).where(columns.id > after)
    rows = connection.execute(statement.order_by(columns.id).limit(limit))
    return [(number, f"{name}@{version}", body) for number, name, version, body in rows]


def closures(connection: Connection, after: str, limit: int) -> list[str]:
    """Return where the graphs lie that are registered or were executed, in order, from the uri `after` on."""
    graphs = union(
        select(workflows.c.closure_uri.label("uri")),
        select(executions.c.closure_uri.label("uri")),
    ).subquery()
    statement = select(graphs.c.uri).where(graphs.c.uri > after).order_by(graphs.c.uri).limit(limit)
    return list(connection.execute(statement).scalars())


def graphs_named(connection: Connection, uris: Collection[str]) -> frozenset[str]:
    """Return which of these graphs are registered or were executed."""
    found: set[str] = set()
    for some in batches(sorted(uris)):
        for column in (workflows.c.closure_uri, executions.c.closure_uri):
            found.update(connection.execute(select(column).where(column.in_(some)).distinct()).scalars())
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class CachedResult:
    """A cached result as far as it refers to data; `uris` is a JSON list."""

    digest: str
    task: str
    outputs: bytes
    outputs_uri: str
    uris: str


def cached_results(connection: Connection, after: str, limit: int, since_ns: int) -> list[CachedResult]:
    """Return cached results that are there, or were at some time since an instant, from the digest `after` on."""
    table = catalog_entries.c
    statement = (
        select(*[table[field.name] for field in fields(CachedResult)])
        .where(table.digest > after, or_(table.gone == "", table.gone_at >= since_ns))
        .where(or_(table.expires_at == 0, table.expires_at >= since_ns))
        .order_by(table.digest)
        .limit(limit)
    )
    return [CachedResult(*row) for row in connection.execute(statement)]


def signal_values(connection: Connection, after: int, limit: int) -> list[tuple[int, str, bytes]]:
    """Return values that were given to gates of executions which stay: the execution's number and name, the value."""
    numbers = select(signals.c.execution).where(signals.c.value.is_not(None), signals.c.execution > after)
    some = list(connection.execute(numbers.distinct().order_by(signals.c.execution).limit(limit)).scalars())
    statement = (
        select(executions.c.id, executions.c.name, signals.c.value)
        .join(executions, executions.c.id == signals.c.execution)
        .where(signals.c.execution.in_(some), signals.c.value.is_not(None), executions.c.deleting_at == 0)
        .order_by(executions.c.id)
    )
    return [(number, name, value) for number, name, value in connection.execute(statement)]


ENTITIES = (tasks, launch_plans)
"""What is registered and may name uploads: code bundles of tasks, values of launch plans."""
