"""Schedules of launch plans: which are active, when they fire next, what came of the last times."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from flytelike.codec.parse import parse, serialise
from flytelike.codec.schedules import fill_schedule, schedule_from_proto
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import not_found
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository.backfills import phases_of
from flytelike.controlplane.repository.schedules import (
    Place,
    RunRow,
    ScheduleRow,
    find_schedule,
    last_scheduled,
    list_schedules,
    put_schedule,
)
from flytelike.controlplane.schedule_rules import sound_times
from flytelike.model.ids import Identifier
from flytelike.model.schedule import Schedule
from flytelike.schedules.times import next_times
from flytelike_idl.admin import launch_plan_pb2, schedule_pb2


@dataclass(frozen=True, slots=True)
class Listed:
    """A schedule with its next times and what came of the last ones, and the phases of those executions by name."""

    row: ScheduleRow
    schedule: Schedule
    next: Sequence[int]
    last: Sequence[RunRow]
    phases: dict[str, int]


class Schedules:
    """The use cases of looking at schedules."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Look into `database`; what comes next is what comes after `clock`'s time."""
        self._database = database
        self._clock = clock

    async def page(self, place: Place, limit: int, offset: int, ahead: int, behind: int) -> list[Listed]:
        """Return a page of schedules, with `ahead` next times and `behind` last ones each."""
        now_ns = self._clock.now_ns()

        def look(connection: Connection) -> list[Listed]:
            rows = list_schedules(connection, place, limit, offset)
            return [_listed(connection, row, now_ns, ahead, behind) for row in rows]

        return await self._database.read(look)

    async def one(self, place: Place, ahead: int, behind: int) -> Listed:
        """Return the schedule of a launch plan; raises Refusal NOT_FOUND."""
        now_ns = self._clock.now_ns()

        def look(connection: Connection) -> Listed | None:
            row = find_schedule(connection, place)
            return None if row is None else _listed(connection, row, now_ns, ahead, behind)

        found = await self._database.read(look)
        if found is None:
            raise not_found(
                "schedule",
                f"of a launch plan {'/'.join(place)}",
                "give the launch plan a `schedule` and register it (docs/schedules.md)",
            )
        return found


def _listed(connection: Connection, row: ScheduleRow, now_ns: int, ahead: int, behind: int) -> Listed:
    schedule = schedule_in(row)
    last = last_scheduled(connection, row.place, behind) if behind else []
    names = [run.execution_name for run in last if not run.fault]
    phases = phases_of(connection, row.project, row.domain, names)
    return Listed(row, schedule, next_times(sound_times(schedule), now_ns, ahead), last, phases)


def schedule_in(row: ScheduleRow) -> Schedule:
    """Return the schedule of a row."""
    found = schedule_from_proto(parse(schedule_pb2.Schedule, row.body))
    assert found is not None, "rows are of launch plans with schedules"
    return found


def schedule_of_plan(body: bytes) -> Schedule | None:
    """Return the schedule in a serialised `admin.LaunchPlan`."""
    plan = parse(launch_plan_pb2.LaunchPlan, body)
    return schedule_from_proto(plan.spec.entity_metadata.schedule)


def note_registered(connection: Connection, plan: Identifier, schedule: Schedule) -> None:
    """Let a schedule that was registered be known; it is not active. The active one of the name stays the one."""
    row = find_schedule(connection, _place(plan))
    if row is None or not row.active:
        put_schedule(connection, _idle(plan, schedule))


def note_switched(
    connection: Connection, plan: Identifier, schedule: Schedule | None, user: str, now_ns: int, *, active: bool
) -> None:
    """Let the schedule of a launch plan's version fire from now on, or no more.

    The version that is active already goes on where it was, and another one where the active one was: what came and
    was not started yet is started with the new version.
    """
    row = find_schedule(connection, _place(plan))
    if not active or schedule is None:
        if row is not None and row.active and (active or row.version == plan.version):
            put_schedule(connection, replace(row, active=False, next_at=0))
        return
    if row is not None and row.active and row.version == plan.version:
        return
    done_ns = row.done_at if row is not None and row.active and row.done_at else now_ns
    coming = next_times(sound_times(schedule), done_ns, 1)
    put_schedule(
        connection,
        replace(
            _idle(plan, schedule),
            active=True,
            user=user,
            since=now_ns,
            done_at=done_ns,
            next_at=coming[0] if coming else 0,
        ),
    )


def _idle(plan: Identifier, schedule: Schedule) -> ScheduleRow:
    message = schedule_pb2.Schedule()
    fill_schedule(schedule, message)
    return ScheduleRow(*_place(plan), plan.version, serialise(message), False, "", 0, 0, 0, 0, 0)


def _place(plan: Identifier) -> Place:
    return plan.project, plan.domain, plan.name
