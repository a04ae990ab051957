"""Backfills: each past time has one execution, so many run at once, and it goes on whoever is killed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Refusal, Status, refusal
from flytelike.controlplane.executions import Wanted
from flytelike.controlplane.repository.backfills import BackfillRun
from flytelike.controlplane.schedule_rules import BACKFILL_RUNS_MAX, BackfillPhase, RunPhase
from flytelike.controlplane.scheduling.backfills import Told, Wish
from flytelike.model.history import HistoryEntry
from flytelike.model.ids import ExecutionId
from flytelike.model.phases import WorkflowPhase
from flytelike.storage import StorageError
from tests.unit.controlplane.builders import DOMAIN, PROJECT, FakeLauncher, Story, execution_id, succeeded
from tests.unit.controlplane.scheduled import (
    MINUTE_NS,
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
    turn,
)

pytestmark = pytest.mark.anyio
PLACE = (PROJECT, DOMAIN, "flow")


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOON_NS + 60 * MINUTE_NS)


@pytest.fixture
async def plane(url: str, tmp_path: Path, clock: HandClock, launcher: FakeLauncher) -> AsyncIterator[ControlPlane]:
    async with scheduling(tmp_path, url, clock, launcher) as plane:
        await register(plane, scheduled())
        yield plane


def wish(begin: int = 1, end: int = 5, **options: object) -> Wish:
    """Return a wish for times from `begin` minutes after noon on and before `end`."""
    return replace(Wish(PLACE, NOON_NS + begin * MINUTE_NS, NOON_NS + end * MINUTE_NS, name="fill"), **options)


async def begin(plane: ControlPlane, wanted: Wish, *, dry_run: bool = False) -> tuple[Told, Sequence[BackfillRun]]:
    return await plane.scheduling.backfills.create(wanted, "ann", dry_run=dry_run)


async def told(plane: ControlPlane, name: str = "fill") -> tuple[BackfillPhase, list[RunPhase]]:
    found, runs = await plane.scheduling.backfills.one((PROJECT, DOMAIN, name), 1_000, 0)
    assert sum(found.counts.values()) == len(runs)
    return BackfillPhase(found.row.phase), [RunPhase(run.phase) for run in runs]


def failed(name: str) -> list[HistoryEntry]:
    return Story(execution_id(name)).run(WorkflowPhase.RUNNING).run(WorkflowPhase.FAILED).entries


async def run_all(plane: ControlPlane, launcher: FakeLauncher, fails: Sequence[str] = ()) -> None:
    """Let the backfill go on until nothing more is started; executions end as they are to."""
    ended = 0
    while True:
        await turn(plane)
        started = launched(launcher)[ended:]
        if not started:
            return
        for name in started:
            await plane.record(failed(name) if name in fails else succeeded(name))
        ended += len(started)


async def test_it_runs_each_time_of_the_range_some_at_once(plane: ControlPlane, launcher: FakeLauncher) -> None:
    await begin(plane, wish(parallel=2))
    await turn(plane)
    await turn(plane)
    assert launched(launcher) == [tick(1), tick(2)]
    assert await time_given(plane, tick(2)) == moment(2)

    await plane.record(succeeded(tick(1)))
    await turn(plane)
    assert launched(launcher) == [tick(1), tick(2), tick(3)]
    waiting, running, done = RunPhase.WAITING, RunPhase.RUNNING, RunPhase.SUCCEEDED
    assert await told(plane) == (BackfillPhase.RUNNING, [done, running, running, waiting])

    for n in (2, 3):
        await plane.record(succeeded(tick(n)))
    await turn(plane)
    await plane.record(succeeded(tick(4)))
    await turn(plane)
    assert await told(plane) == (BackfillPhase.SUCCEEDED, [done] * 4)
    row = await plane.executions.row(execution_id(tick(1)))
    assert row.user == "ann"


async def test_it_may_begin_with_the_latest(plane: ControlPlane, launcher: FakeLauncher) -> None:
    await begin(plane, wish(newest_first=True))
    await run_all(plane, launcher)
    assert launched(launcher) == [tick(n) for n in (4, 3, 2, 1)]


async def test_a_dry_run_tells_and_starts_nothing(plane: ControlPlane, launcher: FakeLauncher) -> None:
    found, runs = await begin(plane, wish(), dry_run=True)
    assert [(run.execution_name, RunPhase(run.phase)) for run in runs] == [
        (tick(n), RunPhase.WAITING) for n in (1, 2, 3, 4)
    ]
    assert found.counts == {RunPhase.WAITING: 4}
    await turn(plane)
    assert launched(launcher) == []
    assert await plane.scheduling.backfills.page((PROJECT, DOMAIN), "", 10, 0) == []


async def test_what_the_schedule_or_another_backfill_started_is_not_started_again(
    plane: ControlPlane, clock: HandClock, launcher: FakeLauncher
) -> None:
    await activate(plane)
    clock.minutes(2)
    await turn(plane)
    assert launched(launcher) == [tick(61), tick(62)]

    await begin(plane, wish(60, 62))
    await run_all(plane, launcher)
    assert launched(launcher)[2:] == [tick(60)]
    assert await told(plane) == (BackfillPhase.SUCCEEDED, [RunPhase.SUCCEEDED, RunPhase.EXISTING])

    await activate(plane, active=False)
    clock.minutes(1)
    await begin(plane, wish(60, 63, name="more"))
    await turn(plane)
    assert len(launcher.launched) == 3
    assert await told(plane, "more") == (BackfillPhase.SUCCEEDED, [RunPhase.EXISTING] * 3)


async def test_what_failed_is_made_anew_if_one_says_so(plane: ControlPlane, launcher: FakeLauncher) -> None:
    """As often as it failed; what succeeded stays."""
    await begin(plane, wish(1, 3))
    await run_all(plane, launcher, fails=[tick(1)])
    assert await told(plane) == (BackfillPhase.FAILED, [RunPhase.FAILED, RunPhase.SUCCEEDED])

    _, runs = await begin(plane, wish(1, 3, name="same"), dry_run=True)
    assert [run.phase for run in runs] == [RunPhase.EXISTING] * 2

    await begin(plane, wish(1, 3, name="second", again=True))
    await run_all_from(plane, launcher, 2, fails=[tick(1, again=1)])
    await begin(plane, wish(1, 3, name="third", again=True))
    await run_all_from(plane, launcher, 3)
    assert launched(launcher)[2:] == [tick(1, again=1), tick(1, again=2)]
    assert await told(plane, "third") == (BackfillPhase.SUCCEEDED, [RunPhase.SUCCEEDED, RunPhase.EXISTING])

    _, runs = await begin(plane, wish(1, 3, name="last", again=True), dry_run=True)
    assert [(run.execution_name, run.phase) for run in runs] == [
        (tick(1, again=2), RunPhase.EXISTING),
        (tick(2), RunPhase.EXISTING),
    ]


async def run_all_from(plane: ControlPlane, launcher: FakeLauncher, number: int, fails: Sequence[str] = ()) -> None:
    await turn(plane)
    for name in launched(launcher)[number:]:
        await plane.record(failed(name) if name in fails else succeeded(name))
    await turn(plane)


async def test_what_cannot_be_started_is_told_and_the_others_go_on(
    plane: ControlPlane, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(plane, monkeypatch, tick(1), refusal(Status.RESOURCE_EXHAUSTED, "stored-quota", "the quota is used up"))
    await begin(plane, wish(1, 3))
    await turn(plane)
    await run_all(plane, launcher)
    assert await told(plane) == (BackfillPhase.FAILED, [RunPhase.REFUSED, RunPhase.SUCCEEDED])
    _, runs = await plane.scheduling.backfills.one((PROJECT, DOMAIN, "fill"), 1, 0)
    assert runs[0].fault == "the quota is used up [stored-quota]"


async def test_trouble_that_passes_is_waited_out(
    plane: ControlPlane, launcher: FakeLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(plane, monkeypatch, tick(1), StorageError("s3://bucket", "the store does not answer"))
    await begin(plane, wish(1, 3))
    await turn(plane)
    assert await told(plane) == (BackfillPhase.RUNNING, [RunPhase.WAITING] * 2)
    monkeypatch.undo()
    await run_all(plane, launcher)
    assert launched(launcher) == [tick(1), tick(2)]


def refuse(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    start = plane.executions.start

    async def refusing(wanted: Wanted) -> ExecutionId:
        if wanted.id.name == name:
            raise error
        return await start(wanted)

    monkeypatch.setattr(plane.executions, "start", refusing)


async def test_a_cancelled_backfill_starts_nothing_more(plane: ControlPlane, launcher: FakeLauncher) -> None:
    await begin(plane, wish())
    await turn(plane)
    await plane.scheduling.backfills.cancel((PROJECT, DOMAIN, "fill"), "bob", abort=False)
    await run_all(plane, launcher)
    assert launched(launcher) == [tick(1)]
    assert launcher.aborted == []
    phase, runs = await told(plane)
    assert (phase, runs[1:]) == (BackfillPhase.CANCELLED, [RunPhase.CANCELLED] * 3)
    with pytest.raises(Refusal, match="has ended: CANCELLED"):
        await plane.scheduling.backfills.cancel((PROJECT, DOMAIN, "fill"), "bob", abort=False)


async def test_cancelling_may_end_what_runs(plane: ControlPlane, launcher: FakeLauncher) -> None:
    await begin(plane, wish(parallel=2))
    await turn(plane)
    await plane.scheduling.backfills.cancel((PROJECT, DOMAIN, "fill"), "bob", abort=True)
    cause = "the backfill fill was cancelled"
    assert launcher.aborted == [(execution_id(tick(n)), cause, "bob") for n in (1, 2)]


async def test_two_servers_start_each_time_once(
    url: str, tmp_path: Path, plane: ControlPlane, clock: HandClock, launcher: FakeLauncher
) -> None:
    other = FakeLauncher()
    async with scheduling(tmp_path, url, clock, other) as second:
        await begin(plane, wish(1, 21, parallel=5))
        row = (await plane.scheduling.backfills.page((PROJECT, DOMAIN), "", 1, 0))[0].row
        for _ in range(5):
            await asyncio.gather(*(it.scheduling.backfills.advance(row) for it in (plane, second)))
            for name in launched(launcher) + launched(other):
                await plane.record(succeeded(name))
        await asyncio.gather(*(it.scheduling.backfills.advance(row) for it in (plane, second)))
        assert sorted(launched(launcher) + launched(other)) == sorted(tick(n) for n in range(1, 21))
        assert await told(plane) == (BackfillPhase.SUCCEEDED, [RunPhase.SUCCEEDED] * 20)


async def test_a_range_without_times_has_succeeded_at_once(plane: ControlPlane) -> None:
    await begin(plane, replace(wish(), from_ns=NOON_NS + 1, to_ns=NOON_NS + 2))
    await turn(plane)
    assert await told(plane) == (BackfillPhase.SUCCEEDED, [])


async def test_the_newest_backfills_come_first(plane: ControlPlane, clock: HandClock) -> None:
    for name in ("one", "two"):
        await begin(plane, wish(name=name))
        clock.minutes(1)
    found = await plane.scheduling.backfills.page((PROJECT, DOMAIN), "flow", 10, 0)
    assert [it.row.name for it in found] == ["two", "one"]
    assert found[0].counts == {RunPhase.WAITING: 4}
    assert await plane.scheduling.backfills.page((PROJECT, DOMAIN), "nothing", 10, 0) == []


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (wish(5, 5), "invalid-range"),
        (wish(1, 90), "invalid-range"),
        (replace(wish(), from_ns=NOON_NS - (BACKFILL_RUNS_MAX + 1) * MINUTE_NS), "backfill-too-large"),
        (wish(parallel=0), "invalid-parallelism"),
        (wish(parallel=10_000), "invalid-parallelism"),
        (wish(name="No Name"), "invalid-name"),
        (wish(plan=(PROJECT, DOMAIN, "nothing")), "no-schedule"),
        (wish(version="v9"), "unknown-launch-plan"),
        (wish(plan=(PROJECT, DOMAIN, "plain"), version="v1"), "no-schedule"),
    ],
)
async def test_a_wish_that_cannot_be_is_told(plane: ControlPlane, wanted: Wish, code: str) -> None:
    await register(plane, scheduled("plain", schedule=None))
    with pytest.raises(Refusal) as refused:
        await begin(plane, wanted, dry_run=True)
    assert [found.code for found in refused.value.diagnostics] == [code]


async def test_a_name_is_taken_once(plane: ControlPlane) -> None:
    await begin(plane, wish())
    with pytest.raises(Refusal, match="there is a backfill fill already"):
        await begin(plane, wish())
