"""Writing the history of executions.

All entries of a batch are folded into one row for each thing that changed, and written with
one statement a table, so that the cost of an entry stays in the tens of microseconds.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, Table, bindparam, case, func, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from flytelike.controlplane.repository.history_fold import ExecutionFold
from flytelike.controlplane.schema import executions, node_executions, task_executions
from flytelike.model.history import HistoryEntry
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase

IDS_PER_QUERY = 200


class HistoryGap(Exception):
    """Entries are missing: what comes later cannot be taken over before them."""

    def __init__(self, execution: ExecutionId, expected: int, got: int) -> None:
        """Keep which execution, which sequence number was due and which came."""
        self.execution = execution
        self.expected = expected
        self.got = got
        super().__init__(f"history of {execution}: entry {expected} is due, {got} came")


@dataclass(frozen=True, slots=True)
class Change:
    """An execution about which something was recorded; `ended` when it reached its terminal phase now."""

    execution: ExecutionId
    ended: bool
    parent: NodeExecutionId | None
    parent_attempt: int


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    project: str
    domain: str
    name: str
    phase: int
    sequence: int
    parent_name: str
    parent_path: str
    parent_attempt: int


def record_entries(connection: Connection, batch: Sequence[HistoryEntry]) -> list[Change]:
    """Take the entries over and return what changed; entries seen before change nothing.

    Entries of executions that are not known are dropped: there is no row they could be about.
    Raises `HistoryGap`.
    """
    by_execution: dict[ExecutionId, list[HistoryEntry]] = defaultdict(list)
    for entry in batch:
        by_execution[entry.execution].append(entry)
    folds, changes = [], []
    for row in _locked(connection, by_execution):
        execution = ExecutionId(row.project, row.domain, row.name)
        fold = ExecutionFold(row.id, WorkflowPhase(row.phase), row.sequence)
        if not _folded(fold, execution, by_execution[execution]):
            continue
        folds.append(fold)
        parent = None
        if row.parent_name:
            parent_execution = ExecutionId(row.project, row.domain, row.parent_name)
            parent = NodeExecutionId(parent_execution, NodePath(row.parent_path))
        changes.append(Change(execution, fold.ended, parent, row.parent_attempt))
    _write(connection, folds)
    return changes


def _locked(connection: Connection, wanted: Iterable[ExecutionId]) -> Iterable[_Row]:
    keys = [(execution.project, execution.domain, execution.name) for execution in wanted]
    table = executions.c
    for start in range(0, len(keys), IDS_PER_QUERY):
        query = (
            select(
                table.id,
                table.project,
                table.domain,
                table.name,
                table.phase,
                table.sequence,
                table.parent_name,
                table.parent_path,
                table.parent_attempt,
            )
            .where(tuple_(table.project, table.domain, table.name).in_(keys[start : start + IDS_PER_QUERY]))
            .order_by(table.id)  # one order for all writers, so that none waits for another in a circle
            .with_for_update()
        )
        for row in connection.execute(query):
            yield _Row(*row)


def _folded(fold: ExecutionFold, execution: ExecutionId, entries: list[HistoryEntry]) -> bool:
    """Take the entries that are new, in order; tell whether there were any."""
    before = fold.sequence
    for entry in sorted(entries, key=lambda entry: entry.sequence):
        if entry.sequence <= fold.sequence:
            continue
        if entry.sequence != fold.sequence + 1:
            raise HistoryGap(execution, fold.sequence + 1, entry.sequence)
        fold.take(entry)
    return fold.sequence > before


def _write(connection: Connection, folds: Sequence[ExecutionFold]) -> None:
    dialect = connection.dialect.name
    for statement, rows in (
        (_UPSERTS[dialect, "nodes"], [row for fold in folds for row in fold.nodes.values()]),
        (_UPSERTS[dialect, "attempts"], [row for fold in folds for row in fold.attempts.values()]),
        (_UPDATE_EXECUTION, [fold.execution_params() for fold in folds]),
    ):
        if rows:
            connection.execute(statement, rows)


def _upsert(dialect: str, table: Table, terminal: Iterable[int]) -> Insert:
    """Return the statement that adds a row or merges it into the one there; terminal rows keep their phase."""
    insert = (sqlite if dialect == "sqlite" else postgresql).insert(table)
    old, new = table.c, insert.excluded
    # Not `IN`, which cannot be used in statements for many rows at once.
    ended = or_(*(old.phase == phase for phase in terminal))
    merged: dict[str, ColumnElement[Any]] = {"sequence": new.sequence}
    for column in ("phase", "updated_at"):
        merged[column] = case((ended, old[column]), else_=new[column])
    for column in ("inputs_uri", "output_uri", "log_uri", "child"):
        if column in old:
            merged[column] = func.coalesce(func.nullif(new[column], ""), old[column])
    for column in ("is_parent", "is_child"):
        if column in old:
            merged[column] = or_(old[column], new[column])
    merged["error"] = case((ended, old.error), else_=func.coalesce(new.error, old.error))
    merged["started_at"] = func.coalesce(func.nullif(old.started_at, 0), new.started_at)
    statement: Insert = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=merged)
    return statement


_UPSERTS = {
    (dialect, name): _upsert(dialect, table, [phase.value for phase in phases if phase.terminal])
    for dialect in ("sqlite", "postgresql")
    for name, table, phases in (
        ("nodes", node_executions, list(NodePhase)),
        ("attempts", task_executions, list(TaskPhase)),
    )
}

_UPDATE_EXECUTION = (
    update(executions)
    .where(executions.c.id == bindparam("row_id"))
    .values(
        phase=bindparam("phase"),
        sequence=bindparam("sequence"),
        updated_at=func.coalesce(func.nullif(bindparam("updated_at"), 0), executions.c.updated_at),
        started_at=func.coalesce(func.nullif(executions.c.started_at, 0), bindparam("started_at")),
        error=func.coalesce(bindparam("error", type_=executions.c.error.type), executions.c.error),
        error_code=func.coalesce(func.nullif(bindparam("error_code"), ""), executions.c.error_code),
        outputs_uri=func.coalesce(func.nullif(bindparam("outputs_uri"), ""), executions.c.outputs_uri),
        # The cause given by who asked for the abort comes first.
        abort_cause=func.coalesce(func.nullif(executions.c.abort_cause, ""), bindparam("abort_cause")),
    )
)
