"""Backfills: executions of a launch plan for past times of its schedule, some at once.

A time has one execution, whoever starts it: what the schedule or another backfill has started is not started again.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Faults, Refusal, Status, invalid, not_found, refusal
from flytelike.controlplane.executions import Executions
from flytelike.controlplane.naming import EXECUTION_NAME_MAX, generated_execution_name
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.repository.backfills import (
    BackfillKey,
    BackfillRow,
    BackfillRun,
    add_backfill,
    backfill_page,
    count_runs,
    end_backfill,
    find_backfill,
    list_backfills,
    move_backfill_runs,
    phases_of,
    set_backfill_run,
)
from flytelike.controlplane.repository.entities import find_entity
from flytelike.controlplane.repository.schedules import Place, find_schedule
from flytelike.controlplane.schedule_rules import (
    BACKFILL_RUNS_MAX,
    PARALLEL_MAX,
    BackfillPhase,
    RunPhase,
    run_name,
    sound_times,
)
from flytelike.controlplane.schedules import schedule_of_plan
from flytelike.controlplane.scheduling.starting import Later, Planned, Starting
from flytelike.model.ids import ExecutionId, Identifier, ResourceKind
from flytelike.model.phases import WorkflowPhase
from flytelike.model.schedule import Schedule
from flytelike.schedules.times import times_between

AGAIN_MAX = 100
"""How often a time can be started anew."""
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?\Z")
_PHASES = {WorkflowPhase.SUCCEEDED: RunPhase.SUCCEEDED}


@dataclass(frozen=True, slots=True)
class Wish:
    """A backfill that somebody wants: times from `from_ns` on and before `to_ns`.

    Without a version, that of the schedule counts. With `again`, executions that failed are made anew.
    """

    plan: Place
    from_ns: int
    to_ns: int
    version: str = ""
    name: str = ""
    parallel: int = 1
    newest_first: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A backfill and how many of its times are in which phase."""

    row: BackfillRow
    counts: Mapping[int, int]


class Backfills:
    """The use cases of backfills."""

    def __init__(self, database: Database, clock: Clock, executions: Executions, starting: Starting) -> None:
        """Keep them in `database`; executions are started by `starting` and ended through `executions`."""
        self._database = database
        self._clock = clock
        self._executions = executions
        self._starting = starting
        self._listeners: list[Callable[[], None]] = []

    def on_work(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop when a backfill has something to start."""
        self._listeners.append(listener)

    async def create(self, wish: Wish, user: str, *, dry_run: bool) -> tuple[Told, Sequence[BackfillRun]]:
        """Begin a backfill, or (`dry_run`) tell what it would be; return it with all its times.

        Raises:
            Refusal: INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, or FAILED_PRECONDITION for a plan without schedule.
        """
        _check(wish, self._clock.now_ns())
        name = wish.name or generated_execution_name()

        def make(connection: Connection) -> tuple[BackfillRow, list[BackfillRun]]:
            plan, schedule = _planned(connection, wish)
            row = self._row(wish, plan, name, user)
            if find_backfill(connection, row.key) is not None:
                raise refusal(Status.ALREADY_EXISTS, "backfill-exists", f"there is a backfill {name} already")
            runs = _runs(connection, row, schedule)
            if not dry_run:
                add_backfill(connection, row, runs)
            return row, runs

        row, runs = await (self._database.read(make) if dry_run else self._database.write(make))
        if not dry_run:
            self._tell()
        counts: dict[int, int] = {}
        for run in runs:
            counts[run.phase] = counts.get(run.phase, 0) + 1
        return Told(row, counts), runs

    async def page(self, place: tuple[str, str], launch_plan: str, limit: int, offset: int) -> list[Told]:
        """Return a page of a domain's backfills, newest first."""

        def look(connection: Connection) -> list[Told]:
            rows = list_backfills(connection, (*place, ""), launch_plan, limit, offset)
            counts = count_runs(connection, rows)
            return [Told(row, counts[row.key]) for row in rows]

        return await self._database.read(look)

    async def one(self, key: BackfillKey, limit: int, offset: int) -> tuple[Told, list[BackfillRun]]:
        """Return a backfill with a page of its times; raises Refusal NOT_FOUND."""

        def look(connection: Connection) -> tuple[Told, list[BackfillRun]]:
            row = _found(connection, key)
            runs = backfill_page(connection, key, (), limit, offset)
            return Told(row, count_runs(connection, [row])[key]), runs

        return await self._database.read(look)

    async def cancel(self, key: BackfillKey, user: str, *, abort: bool) -> Told:
        """Let a backfill start no more executions; with `abort`, end those that run.

        Raises:
            Refusal: NOT_FOUND, FAILED_PRECONDITION when it has ended.
        """
        now_ns = self._clock.now_ns()

        def end(connection: Connection) -> Sequence[BackfillRun]:
            row = _found(connection, key)
            if not end_backfill(connection, key, BackfillPhase.RUNNING, BackfillPhase.CANCELLED, user, now_ns):
                ended = BackfillPhase(row.phase).name
                raise refusal(
                    Status.FAILED_PRECONDITION, "backfill-ended", f"the backfill {row.name} has ended: {ended}"
                )
            move_backfill_runs(connection, key, RunPhase.WAITING, RunPhase.CANCELLED)
            return backfill_page(connection, key, [RunPhase.RUNNING], BACKFILL_RUNS_MAX)

        running = await self._database.write(end)
        for run in running if abort else ():
            await self._abort(
                ExecutionId(key[0], key[1], run.execution_name), f"the backfill {key[2]} was cancelled", user
            )
        told, _ = await self.one(key, 0, 0)
        return told

    async def advance(self, row: BackfillRow) -> None:
        """Note which executions of a backfill have ended, start further ones, and let it end with its last."""
        key = row.key

        def look(connection: Connection) -> tuple[int, list[BackfillRun], Schedule | None, bool]:
            going_on = backfill_page(connection, key, [RunPhase.RUNNING], PARALLEL_MAX)
            ended = [run for run in going_on if _ended(run)]
            for run in ended:
                set_backfill_run(connection, key, replace(run, phase=_phase_of(run)))
            free = max(0, row.parallel - len(going_on) + len(ended))
            waiting = backfill_page(connection, key, [RunPhase.WAITING], free, newest=row.newest_first)
            plan = find_entity(connection, _plan(row))
            schedule = None if plan is None else schedule_of_plan(plan.body)
            return len(going_on) - len(ended), waiting, schedule, bool(waiting) or not free

        running, waiting, schedule, more = await self._database.write(look)
        for run in waiting:
            assert schedule is not None, "its launch plan has one, and versions stay"
            planned = Planned(_plan(row), schedule, run.at, run.execution_name, row.user)
            try:
                fault = await self._starting.start(planned)
            except Later:
                return  # The next turn tries again.
            await self._note(key, replace(run, phase=RunPhase.REFUSED if fault else RunPhase.RUNNING, fault=fault))
            if fault:  # Its place is free.
                self._tell()
        if not (running or more):
            await self._database.write(lambda connection: self._end(connection, row))

    async def _note(self, key: BackfillKey, run: BackfillRun) -> None:
        await self._database.write(lambda connection: set_backfill_run(connection, key, run))

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _end(self, connection: Connection, row: BackfillRow) -> None:
        counts = count_runs(connection, [row])[row.key]
        bad = counts.get(RunPhase.FAILED, 0) + counts.get(RunPhase.REFUSED, 0)
        phase = BackfillPhase.FAILED if bad else BackfillPhase.SUCCEEDED
        end_backfill(connection, row.key, BackfillPhase.RUNNING, phase, "", self._clock.now_ns())

    async def _abort(self, execution: ExecutionId, cause: str, user: str) -> None:
        try:
            await self._executions.terminate(execution, cause, user)
        except Refusal as error:
            if error.status not in {Status.FAILED_PRECONDITION, Status.NOT_FOUND}:  # it has ended, or is gone
                raise

    def _row(self, wish: Wish, plan: Identifier, name: str, user: str) -> BackfillRow:
        return BackfillRow(
            project=plan.project,
            domain=plan.domain,
            name=name,
            launch_plan=plan.name,
            version=plan.version,
            from_at=wish.from_ns,
            to_at=wish.to_ns,
            parallel=wish.parallel,
            newest_first=wish.newest_first,
            again=wish.again,
            phase=BackfillPhase.RUNNING,
            user=user,
            ended_by="",
            created_at=self._clock.now_ns(),
            ended_at=0,
        )


def _check(wish: Wish, now_ns: int) -> None:
    faults = Faults()
    if wish.name and (not _NAME.match(wish.name) or len(wish.name) > EXECUTION_NAME_MAX):
        faults.add(
            "invalid-name",
            f"{wish.name[:80]!r} cannot be a backfill's name",
            f"use at most {EXECUTION_NAME_MAX} lower-case letters, digits and dashes, beginning with a letter",
        )
    if not 0 < wish.from_ns < wish.to_ns:
        faults.add("invalid-range", "the range has no times: its end does not come after its beginning")
    elif wish.to_ns > now_ns:
        faults.add("invalid-range", "the range reaches into the future", "let it end now or earlier")
    if not 1 <= wish.parallel <= PARALLEL_MAX:
        faults.add("invalid-parallelism", f"{wish.parallel} executions at once", f"choose from 1 to {PARALLEL_MAX}")
    faults.check()


def _planned(connection: Connection, wish: Wish) -> tuple[Identifier, Schedule]:
    """Return the launch plan's version that is run, and its schedule; raises Refusal."""
    project, domain, name = wish.plan
    version = wish.version
    if not version:
        known = find_schedule(connection, wish.plan)
        if known is None:
            raise _without_schedule(f"{project}/{domain}/{name}")
        version = known.version
    plan = Identifier(ResourceKind.LAUNCH_PLAN, project, domain, name, version)
    row = find_entity(connection, plan)
    if row is None:
        raise not_found("launch plan", plan)
    schedule = schedule_of_plan(row.body)
    if schedule is None:
        raise _without_schedule(str(plan))
    return plan, schedule


def _without_schedule(plan: str) -> Refusal:
    return refusal(
        Status.FAILED_PRECONDITION,
        "no-schedule",
        f"the launch plan {plan} has no schedule that would say for which times to run",
        "give it a `schedule` and register it; it need not be active",
    )


def _runs(connection: Connection, row: BackfillRow, schedule: Schedule) -> list[BackfillRun]:
    """Return the times of a backfill with the executions that are there, or would be made."""
    times = times_between(sound_times(schedule), row.from_at, row.to_at, BACKFILL_RUNS_MAX + 1)
    if len(times) > BACKFILL_RUNS_MAX:
        raise invalid(
            "backfill-too-large",
            f"the range has more than {BACKFILL_RUNS_MAX} times of the schedule",
            "take several backfills of shorter ranges",
        )
    plan = row.project, row.domain, row.launch_plan
    runs = {at: BackfillRun(at, run_name(plan, at), RunPhase.WAITING, "") for at in times}
    looked_at = list(runs.values())
    for again in range(1, AGAIN_MAX + 1):
        phases = phases_of(connection, row.project, row.domain, [run.execution_name for run in looked_at])
        there = [run for run in looked_at if run.execution_name in phases]
        for run in there:
            runs[run.at] = replace(run, phase=RunPhase.EXISTING, execution_phase=phases[run.execution_name])
        # What was made anew before goes by a name of its own.
        later = [
            replace(run, execution_name=run_name(plan, run.at, again))
            for run in there
            if _failed(phases[run.execution_name])
        ]
        if row.again:
            runs.update((run.at, run) for run in later)
        if not later:
            break
        looked_at = later
    return list(runs.values())


def _failed(phase: int) -> bool:
    return WorkflowPhase(phase).terminal and phase != WorkflowPhase.SUCCEEDED


def _ended(run: BackfillRun) -> bool:
    """Tell whether an execution has ended; one that is gone was deleted since."""
    return not run.execution_phase or WorkflowPhase(run.execution_phase).terminal


def _phase_of(run: BackfillRun) -> RunPhase:
    if not run.execution_phase:
        return RunPhase.FAILED
    return _PHASES.get(WorkflowPhase(run.execution_phase), RunPhase.FAILED)


def _plan(row: BackfillRow) -> Identifier:
    return Identifier(ResourceKind.LAUNCH_PLAN, row.project, row.domain, row.launch_plan, row.version)


def _found(connection: Connection, key: BackfillKey) -> BackfillRow:
    row = find_backfill(connection, key)
    if row is None:
        raise not_found("backfill", "/".join(key), "`flytelike get backfills` shows those there are")
    return row
