"""Executions that a limit on running ones holds back: kept and found."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select, text, update

from flytelike.controlplane.repository.executions import find_execution
from flytelike.controlplane.repository.rows import ExecutionRow
from flytelike.controlplane.schema import executions
from flytelike.model.ids import ExecutionId
from flytelike.model.phases import WorkflowPhase

_OPEN = [phase.value for phase in WorkflowPhase if not phase.terminal]
_ONE_AT_A_TIME = 7_461_923
"""The number of PostgreSQL's lock that whoever starts executions under a limit holds."""


def hold_starting(connection: Connection) -> None:
    """Let nobody else start executions under a limit until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ONE_AT_A_TIME})


def running_executions(connection: Connection) -> dict[tuple[str, str], int]:
    """Return how many run, by project and domain, of those that no other one started."""
    place = executions.c.project, executions.c.domain
    statement = (
        select(*place, func.count())
        .where(executions.c.phase.in_(_OPEN), executions.c.held_since == 0, executions.c.parent_name == "")
        .group_by(*place)
    )
    return {(project, domain): number for project, domain, number in connection.execute(statement)}


def held_executions(connection: Connection, most: int) -> Sequence[tuple[int, ExecutionId, int]]:
    """Return those held back, in the order in which they go on: their numbers, ids, and since when."""
    columns = executions.c.id, executions.c.project, executions.c.domain, executions.c.name, executions.c.held_since
    statement = (
        select(*columns)
        .where(executions.c.held_since != 0, executions.c.deleting_at == 0)
        .order_by(executions.c.held_order, executions.c.id)
        .limit(most)
    )
    return [
        (row.id, ExecutionId(row.project, row.domain, row.name), row.held_since)
        for row in connection.execute(statement)
    ]


def let_go(connection: Connection, numbers: Sequence[int], execution_ids: Sequence[ExecutionId]) -> list[ExecutionRow]:
    """Hold executions back no longer; return them."""
    connection.execute(update(executions).where(executions.c.id.in_(numbers)).values(held_since=0))
    return [row for execution in execution_ids if (row := find_execution(connection, execution)) is not None]


def place_in_line(connection: Connection, row: ExecutionRow) -> tuple[int, int]:
    """Return an execution's place among those held back in its project and domain, from 1, and how many there are."""
    held = (
        executions.c.held_since != 0,
        executions.c.project == row.project,
        executions.c.domain == row.domain,
    )
    order = select(executions.c.held_order).where(executions.c.id == row.id).scalar_subquery()
    before = (executions.c.held_order < order) | ((executions.c.held_order == order) & (executions.c.id < row.id))
    count = select(func.count()).select_from(executions)
    earlier = connection.execute(count.where(*held, before)).scalar_one()
    return earlier + 1, connection.execute(count.where(*held)).scalar_one()
