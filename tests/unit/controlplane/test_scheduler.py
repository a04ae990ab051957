"""Executions start when their times come: each once, whoever starts it, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert

from flytelike.codec.launch_plans import launch_plan_to_proto
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.database import Database
from flytelike.controlplane.errors import Status, refusal
from flytelike.controlplane.executions import Wanted
from flytelike.controlplane.migrations.upgrade import migrate
from flytelike.controlplane.repository.schedules import find_schedule, put_schedule
from flytelike.controlplane.schedule_rules import CATCH_UP_MAX
from flytelike.controlplane.schedules import schedule_in
from flytelike.controlplane.scheduling.scheduler import LEASE_NS, Scheduler
from flytelike.controlplane.scheduling.starting import TRIES_MAX, Starting
from flytelike.controlplane.schema import launch_plans
from flytelike.model.ids import ExecutionId
from flytelike.model.schedule import CronRule, RateRule, RateUnit, Schedule
from flytelike.storage import StorageError
from flytelike_idl.admin import execution_pb2, launch_plan_pb2
from tests.unit.controlplane.builders import DOMAIN, PROJECT, FakeLauncher, execution_id, register_request, succeeded
from tests.unit.controlplane.scheduled import (
    MINUTE_NS,
    MINUTELY,
    NOON_NS,
    HandClock,
    activate,
    launched,
    moment,
    register,
    scheduled,
    scheduling,
    tick,
    time_given,
    timed,
    told,
    turn,
)

pytestmark = pytest.mark.anyio


class KilledError(Exception):
    """Whoever worked is gone."""


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def plane(url: str, tmp_path: Path, clock: HandClock, launcher: FakeLauncher) -> AsyncIterator[ControlPlane]:
    async with scheduling(tmp_path, url, clock, launcher) as plane:
        yield plane


async def test_an_active_launch_plan_starts_an_execution_for_each_time(
    plane: ControlPlane, clock: HandClock, launcher: FakeLauncher
) -> None:
    """It is given the time, says that it was scheduled, and belongs to who activated it."""
    await register(plane, scheduled())
    clock.minutes(2)
    await turn(plane)
    assert launched(launcher) == [], "a launch plan that is registered is not active"

    await activate(plane)
    await turn(plane)
    assert launched(launcher) == [], "times before it was activated are not its business"

    clock.minutes(1)
    await turn(plane)
    await turn(plane)
    assert launched(launcher) == [tick(3)]
    assert await time_given(plane, tick(3)) == moment(3)
    row = await plane.executions.row(execution_id(tick(3)))
    metadata = execution_pb2.ExecutionSpec.FromString(row.spec).metadata
    assert metadata.mode == execution_pb2.ExecutionMetadata.SCHEDULED
    assert metadata.scheduled_at.ToNanoseconds() == NOON_NS + 3 * MINUTE_NS
    assert row.user == "ann"


async def test_what_came_of_times_and_what_comes_next_is_told(plane: ControlPlane, clock: HandClock) -> None:
    await register(plane, scheduled())
    await activate(plane)
    clock.minutes(2)
    assert (await told(plane)).late
    await turn(plane)
    await plane.record(succeeded(tick(1)))
    found = await told(plane)
    assert not found.late
    assert [at.ToNanoseconds() for at in found.next] == [NOON_NS + n * MINUTE_NS for n in (3, 4, 5)]
    assert [(run.execution, run.phase) for run in found.last] == [(tick(2), 1), (tick(1), 4)]
    assert found.words == "cron * * * * *"
    assert found.activated_by == "ann"


async def test_a_launch_plan_that_is_deactivated_starts_nothing_more(
    plane: ControlPlane, clock: HandClock, launcher: FakeLauncher
) -> None:
    await register(plane, scheduled())
    await activate(plane)
    clock.minutes(1)
    await activate(plane, active=False)
    await turn(plane)
    assert launched(launcher) == []
    clock.minutes(1)
    await activate(plane)
    clock.minutes(1)
    await turn(plane)
    assert launched(launcher) == [tick(3)], "what passed while it was not active is not caught up"


async def test_one_version_is_active_and_the_next_goes_on_where_it_was(
    plane: ControlPlane, clock: HandClock, launcher: FakeLauncher
) -> None:
    await register(plane, scheduled(), scheduled(version="v2"))
    await activate(plane)
    clock.minutes(1)
    await turn(plane)
    clock.minutes(2)
    await activate(plane, version="v2")
    await turn(plane)
    assert launched(launcher) == [tick(1), tick(2), tick(3)]
    assert [run.version for run in (await told(plane)).last] == ["v2", "v2", "v1"]

    await activate(plane, version="v1", active=False)
    clock.minutes(1)
    await turn(plane)
    assert launched(launcher)[3:] == [tick(4)], "to deactivate a version that is not active changes nothing"


async def test_a_version_without_a_schedule_ends_that_of_the_version_before(
    plane: ControlPlane, clock: HandClock, launcher: FakeLauncher
) -> None:
    await register(plane, scheduled(), scheduled(version="v2", schedule=None))
    await activate(plane)
    await activate(plane, version="v2")
    clock.minutes(1)
    await turn(plane)
    assert launched(launcher) == []
    assert not (await told(plane)).active


async def test_to_activate_what_is_active_loses_no_time(
    plane: ControlPlane, clock: HandClock, launcher: FakeLauncher
) -> None:
    await register(plane, scheduled())
    await activate(plane)
    clock.minutes(1)
    await activate(plane)
    await register(plane, scheduled(version="v2"))
    await turn(plane)
    assert launched(launcher) == [tick(1)]


async def test_times_that_passed_during_a_stop_are_caught_up_in_order(
    url: str, tmp_path: Path, clock: HandClock, launcher: FakeLauncher
) -> None:
    async with scheduling(tmp_path, url, clock) as plane:
        await register(plane, scheduled())
        await activate(plane)
        clock.minutes(1)
        await turn(plane)
    clock.minutes(3)
    async with scheduling(tmp_path, url, clock, launcher) as plane:
        await turn(plane)
        assert launched(launcher) == [tick(2), tick(3), tick(4)]
        assert not (await told(plane)).HasField("missed_to")


async def test_of_too_many_times_the_latest_are_caught_up_and_the_others_told(
    plane: ControlPlane, clock: HandClock, launcher: FakeLauncher
) -> None:
    await register(plane, scheduled())
    await activate(plane)
    clock.minutes(CATCH_UP_MAX + 7)
    await turn(plane)
    assert launched(launcher) == [tick(n) for n in range(8, CATCH_UP_MAX + 8)]
    found = await told(plane)
    missed = found.missed_from.ToNanoseconds(), found.missed_to.ToNanoseconds()
    assert missed == (NOON_NS + MINUTE_NS, NOON_NS + 7 * MINUTE_NS)
    await turn(plane)
    assert len(launcher.launched) == CATCH_UP_MAX


async def test_two_servers_start_each_time_once(url: str, tmp_path: Path, clock: HandClock) -> None:
    """Both look at the same moments; not even the lease, which is none here, keeps them apart."""
    one, other = FakeLauncher(), FakeLauncher()
    async with (
        scheduling(tmp_path, url, clock, one) as plane,
        scheduling(tmp_path, url, clock, other) as second,
    ):
        names = [f"plan{number}" for number in range(4)]
        await register(plane, *[scheduled(name) for name in names])
        for name in names:
            await activate(plane, name)
        hasty = [hasty_scheduler(server) for server in (plane, second)]
        for _ in range(5):
            clock.minutes(2)
            await asyncio.gather(*(scheduler.turn() for scheduler in hasty))
        expected = sorted(tick(n, name) for n in range(1, 11) for name in names)
        assert sorted(launched(one) + launched(other)) == expected
        for name in names:
            runs = (await told(plane, name)).last
            assert [run.execution for run in runs] == [tick(n, name) for n in range(10, 0, -1)]


def hasty_scheduler(plane: ControlPlane) -> Scheduler:
    parts = (plane.database, plane.clock, Starting(plane.executions), plane.scheduling.backfills)
    return Scheduler(*parts, lease_ns=0)


async def test_one_server_works_and_another_goes_on_when_it_is_gone(url: str, tmp_path: Path, clock: HandClock) -> None:
    one, other = FakeLauncher(), FakeLauncher()
    async with scheduling(tmp_path, url, clock, other) as second:
        async with scheduling(tmp_path, url, clock, one) as plane:
            await register(plane, scheduled())
            await activate(plane)
            clock.minutes(1)
            await turn(plane)
            clock.at_ns += LEASE_NS - 1
            await turn(second)
            clock.minutes(1)
            assert (launched(one), launched(other)) == ([tick(1)], [])
        await turn(second)
        assert launched(other) == [tick(2)]


async def test_who_is_killed_before_it_notes_a_start_starts_nothing_twice(
    plane: ControlPlane, clock: HandClock, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(plane, scheduled())
    await activate(plane)
    clock.minutes(2)

    async def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(plane.scheduling.scheduler, "_moved", killed)
        with pytest.raises(KilledError):
            await turn(plane)
    assert launched(launcher) == [tick(1), tick(2)]
    assert not (await told(plane)).last
    await turn(plane)
    assert launched(launcher) == [tick(1), tick(2)]
    assert [(run.execution, run.fault) for run in (await told(plane)).last] == [(tick(2), ""), (tick(1), "")]


async def test_what_cannot_be_started_is_told_and_holds_nothing_up(
    plane: ControlPlane, clock: HandClock, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(plane, scheduled(), scheduled("other"))
    await activate(plane)
    await activate(plane, "other")
    refuse(plane, monkeypatch, "flow", refusal(Status.RESOURCE_EXHAUSTED, "stored-quota", "the quota is used up"))
    clock.minutes(1)
    await turn(plane)
    assert launched(launcher) == [tick(1, "other")]
    monkeypatch.undo()
    clock.minutes(1)
    await turn(plane)
    runs = (await told(plane)).last
    assert [(run.execution, run.fault) for run in runs] == [
        (tick(2), ""),
        ("", "the quota is used up [stored-quota]"),
    ]


@pytest.mark.parametrize(
    "trouble",
    [
        refusal(Status.RESOURCE_EXHAUSTED, "disk-full", "the database's disk is full"),
        refusal(Status.UNAVAILABLE, "database-unavailable", "the database does not answer"),
        StorageError("s3://bucket/key", "the store does not answer"),
    ],
    ids=["disk", "database", "store"],
)
async def test_trouble_that_passes_loses_no_time(
    plane: ControlPlane,
    clock: HandClock,
    launcher: FakeLauncher,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Exception,
) -> None:
    await register(plane, scheduled(), scheduled("other"))
    await activate(plane)
    await activate(plane, "other")
    refuse(plane, monkeypatch, "flow", trouble)
    for _ in range(TRIES_MAX + 2):
        clock.minutes(1)
        await turn(plane)
    assert not (await told(plane)).last
    assert len(launcher.launched) == TRIES_MAX + 2, "other schedules go on"
    monkeypatch.undo()
    await turn(plane)
    assert launched(launcher)[-TRIES_MAX - 2 :] == [tick(n) for n in range(1, TRIES_MAX + 3)]


async def test_a_fault_that_nobody_foresaw_is_given_up_at_last(
    plane: ControlPlane, clock: HandClock, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(plane, scheduled())
    await activate(plane)
    refuse(plane, monkeypatch, "flow", RuntimeError("a fault of ours"))
    clock.minutes(1)
    for _ in range(TRIES_MAX - 1):
        await turn(plane)
    assert not (await told(plane)).last
    await turn(plane)
    assert [run.fault for run in (await told(plane)).last] == ["RuntimeError: a fault of ours"]


def refuse(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    """Let executions of a launch plan fail to start."""
    start = plane.executions.start

    async def refusing(wanted: Wanted) -> ExecutionId:
        if wanted.target.name == name:
            raise error
        return await start(wanted)

    monkeypatch.setattr(plane.executions, "start", refusing)


async def test_what_was_active_before_there_was_a_scheduler_fires_from_now_on(
    plane: ControlPlane, clock: HandClock, launcher: FakeLauncher
) -> None:
    """As the migration leaves it: active, and nobody has counted its times."""
    await register(plane, scheduled())
    row = await plane.database.read(lambda connection: find_schedule(connection, (PROJECT, DOMAIN, "flow")))
    assert row is not None
    adopted = replace(row, active=True, next_at=1)
    await plane.database.write(lambda connection: put_schedule(connection, adopted))
    await turn(plane)
    assert launched(launcher) == []
    clock.minutes(1)
    await turn(plane)
    assert launched(launcher) == [tick(1)]


def test_the_migration_takes_over_what_was_active(url: str) -> None:
    database = Database(url)
    plans = [scheduled("on"), scheduled("off"), scheduled("plain", schedule=None)]
    with database.engine.begin() as connection:
        migrate(connection, "0019")
        for plan in plans:
            body = launch_plan_pb2.LaunchPlan(spec=launch_plan_to_proto(plan)).SerializeToString()
            values = {"project": PROJECT, "domain": DOMAIN, "name": plan.id.name, "version": "v1", "digest": "d"}
            active = int(plan.id.name != "off")
            connection.execute(insert(launch_plans), {**values, "body": body, "state": active})
        migrate(connection, "head")
        kept = [find_schedule(connection, (PROJECT, DOMAIN, plan.id.name)) for plan in plans]
    database.close()
    told = [row and (row.name, row.active, row.done_at, row.next_at) for row in kept]
    assert told == [("on", True, 0, 1), ("off", False, 0, 0), None]
    assert kept[0] is not None
    assert schedule_in(kept[0]) == MINUTELY


async def test_a_fixed_rate_fires_at_its_multiples(
    plane: ControlPlane, clock: HandClock, launcher: FakeLauncher
) -> None:
    await register(plane, scheduled(schedule=Schedule(RateRule(2, RateUnit.MINUTE), "x")))
    await activate(plane)
    clock.minutes(4)
    await turn(plane)
    assert launched(launcher) == [tick(2), tick(4)]


async def test_the_running_scheduler_looks_by_itself(
    url: str, tmp_path: Path, clock: HandClock, launcher: FakeLauncher
) -> None:
    async with scheduling(tmp_path, url, clock, launcher) as plane:
        await register(plane, scheduled())
        await activate(plane)
        clock.minutes(1)
        await plane.reconcile()
        await asyncio.wait_for(launcher.told.wait(), 30)
        assert launched(launcher) == [tick(1)]


# --- what is registered ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "code"),
    [
        (Schedule(CronRule("61 * * * *"), "x"), "invalid-schedule"),
        (Schedule(RateRule(0, RateUnit.HOUR), "x"), "invalid-schedule"),
        (Schedule(CronRule("@daily", "P1M"), "x"), "invalid-schedule"),
        (Schedule(CronRule("@daily"), "y"), "unknown-input"),
        (Schedule(CronRule("@daily")), "schedule-lacks-input"),
    ],
)
async def test_a_schedule_that_cannot_be_is_not_registered(
    tmp_path: Path, clock: HandClock, schedule: Schedule, code: str
) -> None:
    async with scheduling(tmp_path, "", clock) as plane:
        registration = await plane.registry.register(register_request(*timed(), scheduled(schedule=schedule)))
        assert code in [found.code for found in registration.diagnostics]
