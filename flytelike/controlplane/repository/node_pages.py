"""An execution's nodes: in pages, counted, and as far as they changed."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, func, or_, select

from flytelike.controlplane.repository.rows import AttemptRow, NodeRow
from flytelike.controlplane.schema import element_chunks, node_executions, task_executions
from flytelike.model.phases import NodePhase

HIDDEN = ("start-node", "end-node")
"""Nodes that every graph has and nobody wrote."""

_NODE = select(*[node_executions.c[field.name] for field in fields(NodeRow)])
_ATTEMPT = select(*[task_executions.c[field.name] for field in fields(AttemptRow)])
_SHOWN = node_executions.c.spec_node_id.not_in(HIDDEN)


@dataclass(frozen=True, slots=True)
class NodePage:
    """Which nodes are wanted: in these phases, with a text, and in this node (None: anywhere)."""

    phases: tuple[int, ...]
    text: str
    parent: str | None
    offset: int
    limit: int


def page_of_nodes(connection: Connection, execution: int, page: NodePage) -> tuple[list[NodeRow], int]:
    """Return nodes in the order in which they came about, and how many there are."""
    row = node_executions.c
    conditions: list[ColumnElement[bool]] = [row.execution == execution, _SHOWN]
    if page.parent is not None:
        conditions.append(row.parent == page.parent)
    if page.phases:
        conditions.append(row.phase.in_(page.phases))
    if page.text:
        wanted = page.text.lower()
        conditions.append(
            or_(
                func.lower(row.path).contains(wanted, autoescape=True),
                func.lower(row.name).contains(wanted, autoescape=True),
            )
        )
    total = connection.execute(select(func.count()).where(*conditions)).scalar_one()
    # Deeper ones of the same instant come behind what they lie in, and n2 before n10.
    order = (row.created_at, func.length(row.path), row.path)
    statement = _NODE.where(*conditions).order_by(*order).offset(page.offset).limit(page.limit)
    return [NodeRow(*found) for found in connection.execute(statement)], total


def first_runs(connection: Connection, rows: Sequence[NodeRow]) -> dict[str, int]:
    """Return by path when the first attempt of each of an execution's nodes began its work, of those that one did."""
    if not rows:
        return {}
    row = task_executions.c
    paths = [one.path for one in rows]
    statement = (
        select(row.path, func.min(row.started_at))
        .where(row.execution == rows[0].execution, row.path.in_(paths), row.started_at > 0)
        .group_by(row.path)
    )
    return {path: int(began) for path, began in connection.execute(statement)}


def count_nodes(connection: Connection, execution: int) -> list[tuple[int, int]]:
    """Return how many nodes are in which phase."""
    row = node_executions.c
    statement = select(row.phase, func.count()).where(row.execution == execution, _SHOWN).group_by(row.phase)
    return [(phase, number) for phase, number in connection.execute(statement)]


def count_by_parent(connection: Connection, execution: int, parents: Sequence[str]) -> list[tuple[str, str, str, int]]:
    """Return parent, path, id in the graph and phase of the nodes that lie in some nodes."""
    row = node_executions.c
    statement = select(row.parent, row.path, row.spec_node_id, row.phase).where(
        row.execution == execution, row.parent.in_(parents), _SHOWN
    )
    return [(parent, path, called, phase) for parent, path, called, phase in connection.execute(statement)]


def first_failed(connection: Connection, execution: int) -> str:
    """Return the path of the node that failed first, the innermost one; empty when none did."""
    row = node_executions.c
    statement = (
        select(row.path)
        .where(row.execution == execution, row.phase.in_((NodePhase.FAILED.value, NodePhase.TIMED_OUT.value)), _SHOWN)
        .order_by(row.updated_at, func.length(row.path).desc(), row.path)
        .limit(1)
    )
    return connection.execute(statement).scalar() or ""


def first_attempts(connection: Connection, execution: int, path: str, limit: int) -> list[AttemptRow]:
    """Return a node's attempts, the first one first."""
    row = task_executions.c
    statement = _ATTEMPT.where(row.execution == execution, row.path == path).order_by(row.attempt).limit(limit)
    return [AttemptRow(*found) for found in connection.execute(statement)]


def element_bytes(connection: Connection, execution: int, path: str, chunks: range) -> list[tuple[int, bytes, bytes]]:
    """Return number, phases and origins of chunks of an array's elements."""
    row = element_chunks.c
    statement = (
        select(row.number, row.phases, row.origins)
        .where(row.execution == execution, row.path == path, row.number >= chunks.start, row.number < chunks.stop)
        .order_by(row.number)
    )
    return [(number, phases, origins) for number, phases, origins in connection.execute(statement)]
