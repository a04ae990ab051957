"""Executions that a limit on running ones holds back: kept and found."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Row, Subquery, func, select, text, update

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


@dataclass(frozen=True, slots=True)
class Held:
    """An execution that is held back: its place in the line of its project and domain, from 1, in which `of` wait.

    `order_ns` is when it would have come at without a priority.
    """

    execution: ExecutionId
    place: int
    of: int
    since_ns: int
    order_ns: int


def held_lines(connection: Connection, most: int) -> list[Held]:
    """Return the first `most` of each line of those held back."""
    held = _held()
    return [_held_from(row) for row in connection.execute(select(held).where(held.c.place <= most))]


def find_held(connection: Connection, row: ExecutionRow) -> Held | None:
    """Return an execution with its place among those held back in its project and domain; None if it is not held."""
    held = _held(executions.c.project == row.project, executions.c.domain == row.domain)
    found = connection.execute(select(held).where(held.c.id == row.id)).one_or_none()
    return None if found is None else _held_from(found)


def let_go(connection: Connection, numbers: Sequence[int], execution_ids: Sequence[ExecutionId]) -> list[ExecutionRow]:
    """Hold executions back no longer; return them."""
    connection.execute(update(executions).where(executions.c.id.in_(numbers)).values(held_since=0))
    return [row for execution in execution_ids if (row := find_execution(connection, execution)) is not None]


def _held(*where: ColumnElement[bool]) -> Subquery:
    columns = executions.c
    line = columns.project, columns.domain
    place = func.row_number().over(partition_by=line, order_by=(columns.held_order, columns.id)).label("place")
    length = func.count().over(partition_by=line).label("of")
    told = columns.id, *line, columns.name, columns.held_since, columns.held_order
    return select(*told, place, length).where(columns.held_since != 0, columns.deleting_at == 0, *where).subquery()


def _held_from(row: Row[tuple[object, ...]]) -> Held:
    execution = ExecutionId(row.project, row.domain, row.name)
    return Held(execution, row.place, row.of, row.held_since, row.held_order)
