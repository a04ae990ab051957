"""Schedules of launch plans and what came of their times: kept and found."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, Table, delete, select, update

from flytelike.controlplane.repository.prepared import upsert
from flytelike.controlplane.schedule_tables import schedule_runs, schedules

RUNS_KEPT = 200
"""Of how many times of a schedule it is kept what came of them."""

Place = tuple[str, str, str]
"""Project, domain and name of a launch plan; of a list, the name may be empty."""


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A row of `schedules`."""

    project: str
    domain: str
    name: str
    version: str
    body: bytes
    active: bool
    user: str
    since: int
    done_at: int
    next_at: int
    missed_from: int
    missed_to: int

    @property
    def place(self) -> Place:
        """The launch plan's project, domain and name."""
        return self.project, self.domain, self.name


@dataclass(frozen=True, slots=True)
class RunRow:
    """A row of `schedule_runs`, without the launch plan."""

    at: int
    version: str
    execution_name: str
    fault: str
    decided_at: int


_SCHEDULE = select(*[schedules.c[field.name] for field in fields(ScheduleRow)])
_RUN = select(*[schedule_runs.c[field.name] for field in fields(RunRow)])


def find_schedule(connection: Connection, place: Place) -> ScheduleRow | None:
    """Return the schedule of a launch plan."""
    row = connection.execute(_SCHEDULE.where(*_of(schedules, place))).first()
    return None if row is None else ScheduleRow(*row)


def put_schedule(connection: Connection, row: ScheduleRow) -> None:
    """Keep a schedule in the place of what was there."""
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    statement = upsert(connection.dialect, schedules).values(**values)
    keys = ("project", "domain", "name")
    changed = {key: value for key, value in values.items() if key not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


def list_schedules(connection: Connection, place: Place, limit: int, offset: int) -> list[ScheduleRow]:
    """Return a page of a domain's schedules: the active ones by their next time, then the others by name."""
    idle = schedules.c.next_at == 0
    statement = _SCHEDULE.where(*_of(schedules, place)).order_by(idle, schedules.c.next_at, schedules.c.name)
    return [ScheduleRow(*row) for row in connection.execute(statement.limit(limit).offset(offset))]


def due_schedules(connection: Connection, now_ns: int, limit: int) -> list[ScheduleRow]:
    """Return active schedules with times that have come, those waiting for longest first."""
    statement = _SCHEDULE.where(schedules.c.next_at > 0, schedules.c.next_at <= now_ns)
    return [ScheduleRow(*row) for row in connection.execute(statement.order_by(schedules.c.next_at).limit(limit))]


def move_schedule(connection: Connection, before: ScheduleRow, after: ScheduleRow) -> bool:
    """Note how far a schedule is, unless it was changed meanwhile; tell whether it was noted."""
    same = (schedules.c.done_at == before.done_at, schedules.c.version == before.version, schedules.c.active)
    statement = update(schedules).where(*_of(schedules, before.place), *same)
    changed = {name: getattr(after, name) for name in ("done_at", "next_at", "missed_from", "missed_to")}
    return connection.execute(statement.values(**changed)).rowcount > 0


def add_runs(connection: Connection, place: Place, rows: Sequence[RunRow]) -> None:
    """Keep what came of times, and forget what came of those long ago; what is known of a time stays."""
    project, domain, name = place
    of_plan = {"project": project, "domain": domain, "name": name}
    for row in rows:
        values = of_plan | {field.name: getattr(row, field.name) for field in fields(row)}
        connection.execute(upsert(connection.dialect, schedule_runs).values(**values).on_conflict_do_nothing())
    kept = select(schedule_runs.c.at).where(*_of(schedule_runs, place)).order_by(schedule_runs.c.at.desc())
    oldest = connection.execute(kept.limit(1).offset(RUNS_KEPT - 1)).scalar()
    if oldest is not None:
        connection.execute(delete(schedule_runs).where(*_of(schedule_runs, place), schedule_runs.c.at < oldest))


def last_scheduled(connection: Connection, place: Place, limit: int) -> list[RunRow]:
    """Return what came of the last times of a schedule, the latest first."""
    statement = _RUN.where(*_of(schedule_runs, place)).order_by(schedule_runs.c.at.desc()).limit(limit)
    return [RunRow(*row) for row in connection.execute(statement)]


def _of(table: Table, place: Place) -> list[ColumnElement[bool]]:
    project, domain, name = place
    conditions = [table.c.project == project, table.c.domain == domain]
    return [*conditions, table.c.name == name] if name else conditions
