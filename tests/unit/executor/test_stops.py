"""Attempts that must be stopped: late, unwanted, too large. Nothing of them stays."""

from pathlib import Path

import pytest

from flytelike.model.failure import Fault
from tests.unit.executor.builders import Bench, appears, gone

pytestmark = pytest.mark.anyio


async def test_a_late_attempt_is_stopped(bench: Bench, tmp_path: Path) -> None:
    failure = (await bench.run("wait_for_ever", {"pid_file": str(tmp_path / "pid")}, timeout_ms=50)).failure
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == ("TimeoutExpired", Fault.USER, True)
    assert "timeout of 0.05 s" in failure.message


async def test_a_task_that_ignores_sigterm_is_killed_after_the_grace(bench: Bench, tmp_path: Path) -> None:
    ended = await bench.run("ignore_sigterm", {"pid_file": str(tmp_path / "pid")}, timeout_ms=300)
    assert ended.failure is not None
    assert ended.failure.code == "TimeoutExpired"
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_a_task_may_clean_up_on_sigterm(bench: Bench, tmp_path: Path) -> None:
    ended = await bench.run("clean_up_on_sigterm", {"file": str(tmp_path / "file")}, timeout_ms=300)
    assert ended.failure is not None
    assert ended.failure.code == "TimeoutExpired"
    assert (tmp_path / "file").read_text() == "cleaned"


async def test_stopping_takes_grandchildren_of_other_sessions_along(bench: Bench, tmp_path: Path) -> None:
    spec = bench.site.attempt("daemon_and_wait", {"pid_file": str(tmp_path / "pid")})
    await bench.executor.start(spec)
    daemon = int(await appears(tmp_path / "pid"))
    await bench.executor.abort(spec.key, "enough")
    assert await gone(daemon)


async def test_an_aborted_attempt_ends_without_news(bench: Bench, tmp_path: Path) -> None:
    spec = bench.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / "pid")})
    await bench.executor.start(spec)
    pid = int(await appears(tmp_path / "pid"))
    await bench.executor.abort(spec.key, "enough")
    assert await gone(pid)
    await bench.run("nothing")
    assert spec.key not in bench.listener.ends


async def test_a_waiting_attempt_can_be_aborted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, slots=1)
    first = bench.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / "pid")})
    second = bench.site.attempt("nothing")
    await bench.executor.start(first)
    await bench.executor.start(second)
    await bench.executor.abort(second.key, "enough")
    await bench.executor.abort(first.key, "enough")
    assert (await bench.run("nothing")).failure is None
    assert bench.listener.count("running", second.key) == 0
    await bench.close()


async def test_a_task_above_its_memory_is_killed(bench: Bench) -> None:
    failure = (await bench.run("eat", {"mebibytes": 300}, memory="200Mi")).failure
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == ("OOMKilled", Fault.USER, True)
    assert "its limit is 200 MiB" in failure.message
    assert "Resources(mem=...)" in failure.message


async def test_a_task_below_its_memory_runs(bench: Bench) -> None:
    assert (await bench.run("double", {"n": 1}, memory="1Gi")).output == 2


@pytest.mark.parametrize("memory", ["much", "1 potato"])
async def test_memory_that_is_no_quantity_is_refused(bench: Bench, memory: str) -> None:
    failure = (await bench.run("nothing", memory=memory)).failure
    assert failure is not None
    assert (failure.code, failure.retryable) == ("BadTaskFormat", False)
    assert memory in failure.message


async def test_the_slot_of_a_stopped_attempt_is_free_again(bench: Bench, tmp_path: Path) -> None:
    for number in range(4):
        await bench.run("wait_for_ever", {"pid_file": str(tmp_path / str(number))}, timeout_ms=20)
    assert (await bench.run("double", {"n": 1})).output == 2
