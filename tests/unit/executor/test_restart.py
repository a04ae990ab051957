"""Attempts that are started again: by an engine that repeats itself, after the platform was killed."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.executor.builders import Bench, alive, appears, gone

pytestmark = pytest.mark.anyio

PLATFORM = """
import asyncio, sys
from pathlib import Path
from tests.unit.executor.builders import Bench

async def main(root):
    bench = Bench(root)
    for task in ("daemon_and_wait", "ignore_sigterm"):
        await bench.executor.start(bench.site.attempt(task, {"pid_file": str(root / task)}))
    (root / "zygote").write_text("starting")
    while bench.executor._workers._zygote is None:
        await asyncio.sleep(0.01)
    (root / "zygote").write_text(str(bench.executor._workers._zygote.pid))
    (root / "scratch").write_text(bench.executor._workers._zygote.scratch)
    await asyncio.sleep(1000)

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_known_attempt_is_not_started_twice(bench: Bench, tmp_path: Path) -> None:
    spec = bench.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / "pid")})
    for _ in range(3):
        await bench.executor.start(spec)
    await appears(tmp_path / "pid")
    await bench.executor.start(spec)
    assert bench.listener.count("running", spec.key) == 1
    await bench.executor.abort(spec.key, "seen")


@pytest.mark.parametrize(
    ("task", "code"), [("double", None), ("fail", "USER:ValueError"), ("segfault", "KilledBySignal")]
)
async def test_an_ended_attempt_gives_the_same_news_again(bench: Bench, task: str, code: str | None) -> None:
    ended = await bench.run(task, {"n": 1, "text": "boom"})
    await bench.executor.start(ended.spec)
    assert bench.listener.count("ended", ended.spec.key) == 2
    assert bench.listener.count("running", ended.spec.key) == 1
    assert (ended.failure.code if ended.failure else None) == code


@pytest.mark.parametrize(
    ("task", "code"), [("double", None), ("fail", "USER:ValueError"), ("segfault", "KilledBySignal")]
)
async def test_a_new_platform_finds_what_was_stored(bench: Bench, tmp_path: Path, task: str, code: str | None) -> None:
    ended = await bench.run(task, {"n": 1, "text": "boom"})
    after = Bench(tmp_path)
    again = await after.end_of(ended.spec)
    assert (again.failure.code if again.failure else None) == code
    assert after.listener.count("running", ended.spec.key) == 0
    await after.close()


@pytest.mark.parametrize(("name", "content"), [("outputs.pb", b""), ("outputs.pb", b"\x0a\xff"), ("error.pb", b"")])
async def test_documents_that_a_power_cut_damaged_do_not_count(bench: Bench, name: str, content: bytes) -> None:
    spec = bench.site.attempt("double", {"n": 4}, outputs=True)
    Path(spec.output_prefix).mkdir()
    Path(spec.output_prefix, name).write_bytes(content)
    assert (await bench.end_of(spec)).output == 8
    assert bench.listener.count("running", spec.key) == 1


async def test_a_programs_half_written_outputs_do_not_count(bench: Bench) -> None:
    """Only our own entry point writes at once; others are believed once they ended well."""
    spec = bench.site.spec(("sh", "-c", "test ! -e {{.outputPrefix}}/outputs.pb"))
    Path(spec.output_prefix).mkdir()
    Path(spec.output_prefix, "outputs.pb").write_bytes(b"half")
    ended = await bench.end_of(spec)
    assert ended.failure is None
    assert bench.listener.count("running", spec.key) == 1


async def test_a_program_that_ended_well_is_not_run_again(bench: Bench, tmp_path: Path) -> None:
    spec = bench.site.spec(("sh", "-c", "mkdir -p {{.outputPrefix}}; : > {{.outputPrefix}}/outputs.pb"))
    await bench.end_of(spec)
    after = Bench(tmp_path)
    assert (await after.end_of(spec)).failure is None
    assert after.listener.count("running", spec.key) == 0
    await after.close()


async def test_nothing_survives_a_platform_that_is_killed(tmp_path: Path) -> None:
    """Though its tasks ignore SIGTERM and have children in other sessions."""
    platform = subprocess.Popen([sys.executable, "-c", PLATFORM, str(tmp_path)])
    try:
        pids = [int(await appears(tmp_path / name)) for name in ("daemon_and_wait", "ignore_sigterm")]
        async with asyncio.timeout(10):
            while not (tmp_path / "scratch").exists():
                await asyncio.sleep(0.002)
        pids.append(int((tmp_path / "zygote").read_text()))
    finally:
        platform.send_signal(signal.SIGKILL)
        platform.wait()
    for pid in pids:
        assert await gone(pid)
    assert not Path((tmp_path / "scratch").read_text()).exists()


async def test_a_killed_zygote_is_replaced_and_its_attempts_are_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    spec = bench.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / "pid")})
    await bench.executor.start(spec)
    pid = int(await appears(tmp_path / "pid"))
    zygote = bench.executor._workers._zygote
    assert zygote is not None
    zygote._process.kill()
    failure = await bench.listener.ended(spec.key)
    assert failure is not None
    assert (failure.code, failure.retryable) == ("Interrupted", True)
    assert await gone(pid)
    assert (await bench.run("double", {"n": 1})).output == 2
    await bench.close()
    assert not alive(zygote.pid)


async def test_a_zygote_that_cannot_start_fails_its_attempts(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bench = Bench(tmp_path, preload=("no_such_module",))
    failure = (await bench.run("nothing")).failure
    assert failure is not None
    assert (failure.code, failure.retryable) == ("ProcessNotStarted", True)
    await bench.close()
    assert "no_such_module" in capfd.readouterr().err
