"""Writing the history of executions.

All entries of a batch are folded into one row for each thing that changed, and written with
one statement a table, so that the cost of an entry stays in the tens of microseconds.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Insert,
    LargeBinary,
    Table,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    update,
)

from flytelike.controlplane.repository.calls import end_calls
from flytelike.controlplane.repository.elements import write_arrays
from flytelike.controlplane.repository.history_fold import ExecutionFold
from flytelike.controlplane.repository.prepared import Prepared, upsert
from flytelike.controlplane.schema import executions, node_executions, task_executions
from flytelike.model.history import Gap, HistoryEntry, HistoryGap
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase

EMPTY: ColumnElement[str] = literal_column("''")
ZERO: ColumnElement[int] = literal_column("0")


@dataclass(frozen=True, slots=True)
class Change:
    """An execution about which something was recorded; `ended` when it reached its terminal phase now.

    `eager` tells that its parent is a task that called it. `ending` are calls of its own that are to
    end, since the tasks that made them have.
    """

    execution: ExecutionId
    ended: bool
    parent: NodeExecutionId | None
    parent_attempt: int
    eager: bool = False
    ending: tuple[ExecutionId, ...] = ()


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
    eager: bool
    calls: bool


def record_entries(connection: Connection, batch: Sequence[HistoryEntry]) -> list[Change]:
    """Take the entries over and return what changed; entries seen before change nothing.

    Entries of executions that are not known are dropped: there is no row they could be about.
    Raises `HistoryGap` with all there are; nothing is taken over then.
    """
    by_execution: dict[ExecutionId, list[HistoryEntry]] = defaultdict(list)
    for entry in batch:
        by_execution[entry.execution].append(entry)
    folds, changes, gaps = [], [], []
    for row in _locked(connection, by_execution):
        execution = ExecutionId(row.project, row.domain, row.name)
        fold = ExecutionFold(row.id, WorkflowPhase(row.phase), row.sequence)
        gap = _fold(fold, execution, by_execution[execution])
        if gap is not None:
            gaps.append(gap)
        if fold.sequence == row.sequence:
            continue
        folds.append(fold)
        parent = None
        if row.parent_name:
            parent_execution = ExecutionId(row.project, row.domain, row.parent_name)
            parent = NodeExecutionId(parent_execution, NodePath(row.parent_path))
        ending = _end_calls(connection, execution, fold) if row.calls else ()
        changes.append(Change(execution, fold.ended, parent, row.parent_attempt, row.eager, ending))
    if gaps:
        raise HistoryGap(gaps)
    _write(connection, folds)
    return changes


def _end_calls(connection: Connection, execution: ExecutionId, fold: ExecutionFold) -> tuple[ExecutionId, ...]:
    """Have the calls end of tasks that have ended, with the very commit that says so."""
    paths = [path for path, row in fold.nodes.items() if NodePhase(int(row["phase"] or 0)).terminal]
    if not paths and not fold.ended:
        return ()
    return tuple(end_calls(connection, execution, None if fold.ended else paths, time.time_ns()))


def _locked(connection: Connection, wanted: Iterable[ExecutionId]) -> Iterable[_Row]:
    # In one order for all writers, so that none waits for another in a circle.
    for execution in sorted(wanted):
        key = {"project": execution.project, "domain": execution.domain, "name": execution.name}
        for row in _LOCK.rows(connection, key):
            yield _Row(*row)


def _fold(fold: ExecutionFold, execution: ExecutionId, entries: list[HistoryEntry]) -> Gap | None:
    """Take the entries that are new, in order, up to a gap; return that."""
    for entry in sorted(entries, key=lambda entry: entry.sequence):
        if entry.sequence <= fold.sequence:
            continue
        if entry.sequence != fold.sequence + 1:
            return Gap(execution, fold.sequence + 1, entry.sequence)
        fold.take(entry)
    return None


def _write(connection: Connection, folds: Sequence[ExecutionFold]) -> None:
    _UPSERT_NODES.run(connection, [row for fold in folds for row in fold.nodes.values()])
    _UPDATE_WAITS.run(connection, [row for fold in folds for row in fold.waits.values()])
    write_arrays(connection, [array for fold in folds for array in fold.arrays.values()])
    _UPSERT_ATTEMPTS.run(connection, [row for fold in folds for row in fold.attempts.values()])
    _UPDATE_EXECUTIONS.run(connection, [fold.execution_params() for fold in folds])


def _upsert(dialect: Dialect, table: Table, phases: Iterable[NodePhase | TaskPhase]) -> Insert:
    """Return the statement that adds a row or merges it into the one there; terminal rows keep their phase."""
    insert = upsert(dialect, table)
    old, new = table.c, insert.excluded
    ended = or_(*(old.phase == literal_column(str(phase.value)) for phase in phases if phase.terminal))
    merged: dict[str, ColumnElement[Any]] = {"sequence": new.sequence}
    for column in ("phase", "updated_at"):
        merged[column] = case((ended, old[column]), else_=new[column])
    texts = ("inputs_uri", "output_uri", "log_uri", "child", "note", "graph", "cache_why", "cache_key", "cache_source")
    for column in texts:
        if column in old:
            merged[column] = _else(new[column], EMPTY, old[column])
    if "waits" in old:
        merged["waits"], merged["waits_until"] = new.waits, new.waits_until
    if "cache_status" in old:
        merged["cache_status"] = _else(new.cache_status, ZERO, old.cache_status)
    if "asked" in old:
        merged["asked"] = func.coalesce(new.asked, old.asked)
        for column in ("memory_peak_bytes", "processor_ns"):
            merged[column] = _else(new[column], ZERO, old[column])
    for column in ("is_parent", "is_child"):
        if column in old:
            merged[column] = or_(old[column], new[column])
    merged["error"] = case((ended, old.error), else_=func.coalesce(new.error, old.error))
    merged["started_at"] = _else(old.started_at, ZERO, new.started_at)
    statement: Insert = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=merged)
    return statement


def _else(value: ColumnElement[Any], nothing: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return `value` unless it is `nothing`, and `other` then."""
    return func.coalesce(func.nullif(value, nothing), other)


_LOCK = Prepared(
    lambda _: (
        select(*[executions.c[field.name] for field in fields(_Row)])
        .where(
            executions.c.project == bindparam("project"),
            executions.c.domain == bindparam("domain"),
            executions.c.name == bindparam("name"),
        )
        .with_for_update()
    )
)
_UPSERT_NODES = Prepared(lambda dialect: _upsert(dialect, node_executions, list(NodePhase)))
_UPDATE_WAITS = Prepared(
    lambda _: (
        update(node_executions)
        .where(
            node_executions.c.execution == bindparam("of_execution"),
            node_executions.c.path == bindparam("of_path"),
            *(node_executions.c.phase != literal_column(str(phase.value)) for phase in NodePhase if phase.terminal),
        )
        .values({name: bindparam(f"new_{name}") for name in ("waits", "waits_until", "updated_at", "sequence")})
    )
)
_UPSERT_ATTEMPTS = Prepared(lambda dialect: _upsert(dialect, task_executions, list(TaskPhase)))
_UPDATE_EXECUTIONS = Prepared(
    lambda _: (
        update(executions)
        .where(executions.c.id == bindparam("row_id"))
        .values(
            phase=bindparam("phase"),
            sequence=bindparam("sequence"),
            updated_at=_else(bindparam("updated_at"), ZERO, executions.c.updated_at),
            started_at=_else(executions.c.started_at, ZERO, bindparam("started_at")),
            error=func.coalesce(bindparam("error", type_=LargeBinary), executions.c.error),
            error_code=_else(bindparam("error_code"), EMPTY, executions.c.error_code),
            outputs_uri=_else(bindparam("outputs_uri"), EMPTY, executions.c.outputs_uri),
            # The cause given by who asked for the abort comes first.
            abort_cause=_else(executions.c.abort_cause, EMPTY, bindparam("abort_cause")),
        )
    )
)
