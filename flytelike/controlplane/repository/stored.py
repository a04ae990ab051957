"""How much executions have stored: what was not looked at yet, and sums."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, bindparam, func, select, union_all, update
from sqlalchemy.sql.expression import literal_column

from flytelike.controlplane.repository.executions import TERMINAL
from flytelike.controlplane.schema import executions, node_executions, task_executions
from flytelike.model.ids import ExecutionId, NodePath


def unmeasured(connection: Connection, projects: Collection[str] | None, most: int) -> list[tuple[int, ExecutionId]]:
    """Return executions that have ended and were not looked at; those of some projects, or of all."""
    columns = executions.c
    statement = (
        select(columns.id, columns.project, columns.domain, columns.name)
        .where(columns.stored_bytes < 0, columns.phase.in_(TERMINAL), columns.deleted_at == 0)
        .limit(most)
    )
    if projects is not None:
        statement = statement.where(columns.project.in_(sorted(projects)))
    return [(row.id, ExecutionId(row.project, row.domain, row.name)) for row in connection.execute(statement)]


def attempts_of(connection: Connection, execution: int) -> Sequence[tuple[NodePath, int]]:
    """Return the attempts that may have stored data, by node; an array's attempts hold its elements."""
    attempts, nodes = task_executions.c, node_executions.c
    statement = union_all(
        select(attempts.path, attempts.attempt).where(attempts.execution == execution),
        select(nodes.path, literal_column("0")).where(nodes.execution == execution, nodes.is_array),
    )
    return [(NodePath(path), attempt) for path, attempt in connection.execute(statement)]


def note_stored(connection: Connection, sizes: Mapping[int, int]) -> None:
    """Keep how much executions have stored, by their numbers."""
    statement = update(executions).where(executions.c.id == bindparam("of")).values(stored_bytes=bindparam("size"))
    connection.execute(statement, [{"of": number, "size": size} for number, size in sizes.items()])


def stored_by_place(connection: Connection) -> dict[tuple[str, str], int]:
    """Return how much the executions that are there have stored, by project and domain."""
    place = executions.c.project, executions.c.domain
    statement = select(*place, func.sum(executions.c.stored_bytes)).where(executions.c.stored_bytes > 0)
    return {(project, domain): int(size) for project, domain, size in connection.execute(statement.group_by(*place))}
