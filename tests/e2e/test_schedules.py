"""A schedule on a real platform that is killed and started again: no time is lost, none comes twice."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.e2e.cli import ROOT, Up, flytelike, query, start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

FLOW = """
from datetime import datetime

from flytelike import CronSchedule, LaunchPlan, task, workflow


@task
def note(when: datetime) -> str:
    return f"{when:%H:%M}"


@workflow
def each(when: datetime) -> str:
    return note(when=when)


minutely = LaunchPlan.create("minutely", each, schedule=CronSchedule("* * * * *", kickoff_time_input_arg="when"))
"""
SCHEDULED = "SELECT name, phase FROM executions WHERE mode = 1 AND launched_name = :name"
SUCCEEDED = 4
UNFINISHED = {"UNDEFINED", "QUEUED", "RUNNING", "SUCCEEDING"}


def test_a_platform_that_is_killed_again_and_again_starts_each_time_once(data: Path, tmp_path: Path) -> None:
    """Its minutes are three seconds long; it is killed three times, whatever it does, and is away for some of them."""
    (tmp_path / "flow.py").write_text(FLOW)
    env = {"PYTHONPATH": str(ROOT / "tests" / "e2e" / "faster"), "FASTER_SINCE_NS": str(time.time_ns())}
    for number in range(3):
        with killed(data, env) as running:
            if not number:
                tell(running, data, "register", "flow.py", cwd=tmp_path)
                tell(running, data, "schedule", "activate", "minutely")
            wait_for(running, data, 3 * (number + 1))
    with killed(data, env) as running:
        wait_for(running, data, 12)
        tell(running, data, "schedule", "deactivate", "minutely")
        runs = told(running, data)
        while {run["phase"] for run in runs} & UNFINISHED:
            runs = told(running, data)

    times = sorted(datetime.fromisoformat(run["at"]) for run in runs)
    assert [later - earlier for earlier, later in zip(times, times[1:], strict=False)] == [timedelta(minutes=1)] * (
        len(times) - 1
    )
    assert [run["fault"] for run in runs] == [""] * len(runs)
    kept = query(data, SCHEDULED, "minutely")
    assert sorted(name for name, _ in kept) == sorted(run["execution"] for run in runs)
    assert {phase for _, phase in kept} == {SUCCEEDED}


@contextmanager
def killed(data: Path, env: dict[str, str]) -> Iterator[Up]:
    """Run a platform, and kill it."""
    running = start(data, env=env)
    try:
        yield running
    finally:
        running.kill()


def tell(running: Up, data: Path, *words: str, cwd: Path | None = None) -> None:
    done = flytelike(data, *words, "--server", running.grpc, cwd=cwd)
    assert done.code == 0, done.stderr


def told(running: Up, data: Path) -> list[dict]:
    """Return what came of the last times, the latest first."""
    words = ("schedule", "next", "minutely", "--last", "100", "--json")
    done = flytelike(data, *words, "--server", running.grpc)
    assert done.code == 0, done.stderr
    runs: list[dict] = done.document["last"]
    return runs


def wait_for(running: Up, data: Path, number: int) -> list[dict]:
    """Ask until so many times have come."""
    while len(runs := told(running, data)) < number:
        pass
    return runs


def test_a_backfill_runs_past_times_once(data: Path, tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(FLOW)
    with killed(data, {}) as running:
        tell(running, data, "register", "flow.py", cwd=tmp_path)
        words = ("backfill", "minutely", "--from", "2024-01-01T00:00", "--to", "2024-01-01T00:05")
        server = ("--server", running.grpc)
        dry = flytelike(data, *words, "--dry-run", "--json", *server).document
        assert [run["state"] for run in dry["executions"]] == ["would start"] * 5
        tell(running, data, *words, "--parallel", "2", "--name", "first")
        while (found := flytelike(data, "get", "backfill", "first", "--json", *server).document)["phase"] == "running":
            pass
        assert (found["phase"], found["counts"]) == ("succeeded", {"succeeded": 5})
        names = [run["execution"] for run in found["executions"]]
        assert names == [run["execution"] for run in dry["executions"]]

        again = flytelike(data, *words, "--dry-run", *server)
        assert again.stdout.count("existed before, succeeded") == 5
        assert "would start 0 executions, 1 at once, 5 existed before" in again.stderr
        listed = flytelike(data, "get", "backfills", *server)
        assert "first  minutely@" in listed.stdout


def test_what_cannot_be_is_told_with_its_code(data: Path, tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(FLOW)
    with killed(data, {}) as running:
        tell(running, data, "register", "flow.py", cwd=tmp_path)
        for words, code in (
            (("backfill", "nothing", "--from", "2024-01-01"), "no-schedule"),
            (("backfill", "minutely", "--from", "2024-01-02", "--to", "2024-01-01"), "invalid-range"),
            (("backfill", "minutely", "--from", "2023-01-01", "--to", "2024-01-01"), "backfill-too-large"),
            (("backfill", "--cancel", "nothing"), "unknown-backfill"),
            (("schedule", "next", "nothing"), "unknown-schedule"),
            (("schedule", "deactivate", "minutely"), "unknown-active-launch-plan"),
        ):
            done = flytelike(data, *words, "--server", running.grpc)
            assert (done.code, f"error[{code}]" in done.stderr) == (2, True), done.stderr
    for words in (("backfill",), ("backfill", "minutely"), ("backfill", "minutely", "--from", "yesterday")):
        assert flytelike(data, *words).code == 2
    offline = flytelike(data, "backfill", "minutely", "--from", "2024-01-01")
    assert (offline.code, "no-server" in offline.stderr) == (3, True)
