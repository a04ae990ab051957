"""Backfills and their times: kept and found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, Table, and_, func, insert, select, tuple_, update

from flytelike.controlplane.schedule_tables import backfill_runs, backfills
from flytelike.controlplane.schema import executions

BackfillKey = tuple[str, str, str]
"""Project, domain and name of a backfill; of a list, the name may be empty."""

NAMES_AT_ONCE = 500
"""How many names one statement asks for."""


@dataclass(frozen=True, slots=True)
class BackfillRow:
    """A row of `backfills`."""

    project: str
    domain: str
    name: str
    launch_plan: str
    version: str
    from_at: int
    to_at: int
    parallel: int
    newest_first: bool
    again: bool
    phase: int
    user: str
    ended_by: str
    created_at: int
    ended_at: int

    @property
    def key(self) -> BackfillKey:
        """What names it."""
        return self.project, self.domain, self.name


@dataclass(frozen=True, slots=True)
class BackfillRun:
    """A row of `backfill_runs`, without the backfill, and the phase of its execution (0: there is none)."""

    at: int
    execution_name: str
    phase: int
    fault: str
    execution_phase: int = 0


_BACKFILL = select(*[backfills.c[field.name] for field in fields(BackfillRow)])
_RUN = select(
    backfill_runs.c.at,
    backfill_runs.c.execution_name,
    backfill_runs.c.phase,
    backfill_runs.c.fault,
    func.coalesce(executions.c.phase, 0),
).join_from(
    backfill_runs,
    executions,
    and_(
        executions.c.project == backfill_runs.c.project,
        executions.c.domain == backfill_runs.c.domain,
        executions.c.name == backfill_runs.c.execution_name,
        executions.c.deleting_at == 0,
    ),
    isouter=True,
)


def add_backfill(connection: Connection, row: BackfillRow, runs: Iterable[BackfillRun]) -> None:
    """Keep a new backfill; a name that is taken is the database's IntegrityError."""
    connection.execute(insert(backfills), {field.name: getattr(row, field.name) for field in fields(row)})
    of_row = {"project": row.project, "domain": row.domain, "backfill": row.name}
    values = [
        of_row | {"at": run.at, "execution_name": run.execution_name, "phase": run.phase, "fault": run.fault}
        for run in runs
    ]
    if values:
        connection.execute(insert(backfill_runs), values)


def find_backfill(connection: Connection, key: BackfillKey) -> BackfillRow | None:
    """Return a backfill."""
    row = connection.execute(_BACKFILL.where(*_of(backfills, "name", key))).first()
    return None if row is None else BackfillRow(*row)


def list_backfills(
    connection: Connection, key: BackfillKey, launch_plan: str, limit: int, offset: int
) -> list[BackfillRow]:
    """Return a page of a domain's backfills, newest first; of one launch plan, if it is named."""
    conditions = _of(backfills, "name", key)
    if launch_plan:
        conditions.append(backfills.c.launch_plan == launch_plan)
    newest = _BACKFILL.where(*conditions).order_by(backfills.c.created_at.desc(), backfills.c.name)
    return [BackfillRow(*row) for row in connection.execute(newest.limit(limit).offset(offset))]


def backfills_in_phase(connection: Connection, phase: int, limit: int) -> list[BackfillRow]:
    """Return backfills of a phase, the oldest first."""
    statement = _BACKFILL.where(backfills.c.phase == phase).order_by(backfills.c.created_at, backfills.c.name)
    return [BackfillRow(*row) for row in connection.execute(statement.limit(limit))]


def count_runs(connection: Connection, rows: Sequence[BackfillRow]) -> Mapping[BackfillKey, Mapping[int, int]]:
    """Return how many times of each backfill are in each phase."""
    out: dict[BackfillKey, dict[int, int]] = {row.key: {} for row in rows}
    key = (backfill_runs.c.project, backfill_runs.c.domain, backfill_runs.c.backfill)
    counted = select(*key, backfill_runs.c.phase, func.count()).where(tuple_(*key).in_(list(out)))
    for project, domain, name, phase, count in connection.execute(counted.group_by(*key, backfill_runs.c.phase)):
        out[project, domain, name][phase] = count
    return out


def backfill_page(
    connection: Connection,
    key: BackfillKey,
    phases: Iterable[int],
    limit: int,
    offset: int = 0,
    *,
    newest: bool = False,
) -> list[BackfillRun]:
    """Return a page of the times of a backfill, in order; of some phases, if they are named."""
    conditions = _of(backfill_runs, "backfill", key)
    if wanted := list(phases):
        conditions.append(backfill_runs.c.phase.in_(wanted))
    order = backfill_runs.c.at.desc() if newest else backfill_runs.c.at
    statement = _RUN.where(*conditions).order_by(order).limit(limit).offset(offset)
    return [BackfillRun(*row) for row in connection.execute(statement)]


def set_backfill_run(connection: Connection, key: BackfillKey, run: BackfillRun) -> None:
    """Note what came of a time."""
    statement = update(backfill_runs).where(*_of(backfill_runs, "backfill", key), backfill_runs.c.at == run.at)
    connection.execute(statement.values(execution_name=run.execution_name, phase=run.phase, fault=run.fault))


def move_backfill_runs(connection: Connection, key: BackfillKey, before: int, after: int) -> None:
    """Let all times of one phase be in another."""
    statement = update(backfill_runs).where(*_of(backfill_runs, "backfill", key), backfill_runs.c.phase == before)
    connection.execute(statement.values(phase=after))


def end_backfill(
    connection: Connection, key: BackfillKey, running: int, phase: int, ended_by: str, now_ns: int
) -> bool:
    """Let a backfill that is in the phase `running` have ended; tell whether it was."""
    statement = update(backfills).where(*_of(backfills, "name", key), backfills.c.phase == running)
    return connection.execute(statement.values(phase=phase, ended_by=ended_by, ended_at=now_ns)).rowcount > 0


def phases_of(connection: Connection, project: str, domain: str, names: Sequence[str]) -> dict[str, int]:
    """Return the phases of those of the named executions that are there."""
    found: dict[str, int] = {}
    for begin in range(0, len(names), NAMES_AT_ONCE):
        statement = select(executions.c.name, executions.c.phase).where(
            executions.c.project == project,
            executions.c.domain == domain,
            executions.c.deleting_at == 0,
            executions.c.name.in_(names[begin : begin + NAMES_AT_ONCE]),
        )
        found.update((name, phase) for name, phase in connection.execute(statement))
    return found


def _of(table: Table, name: str, key: BackfillKey) -> list[ColumnElement[bool]]:
    project, domain, backfill = key
    conditions = [table.c.project == project, table.c.domain == domain]
    return [*conditions, table.c[name] == backfill] if backfill else conditions
