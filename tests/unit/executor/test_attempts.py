"""Attempts that go well, and what one leaves to the next."""

import asyncio
from pathlib import Path

import pytest

from tests.unit.executor.builders import Bench, alive, gone, output, retried

pytestmark = pytest.mark.anyio


async def test_outputs_are_stored_before_success_is_told(bench: Bench) -> None:
    assert (await bench.run("double", {"n": 21})).output == 42


async def test_a_task_without_outputs_stores_an_empty_document(bench: Bench) -> None:
    ended = await bench.run("nothing")
    assert ended.failure is None
    assert Path(ended.spec.output_prefix, "outputs.pb").read_bytes() == b""


async def test_ignored_outputs_are_not_stored(bench: Bench) -> None:
    ended = await bench.run("ignore_outputs")
    assert ended.failure is None
    assert not Path(ended.spec.output_prefix, "outputs.pb").exists()


async def test_running_is_told_before_the_end_and_once(bench: Bench) -> None:
    ended = await bench.run("nothing")
    events = [event for event, key in bench.listener.events if key == ended.spec.key]
    assert events == ["running", "ended"]


async def test_attempts_share_a_warm_worker(bench: Bench) -> None:
    first = (await bench.run("pid")).output
    assert (await bench.run("pid")).output == first


async def test_a_worker_serves_one_set_of_variables_only(bench: Bench) -> None:
    """Libraries read their settings when they are imported: another setting, another process."""
    first = (await bench.run("pid", env={"OMP_NUM_THREADS": "1"})).output
    assert (await bench.run("env", {"name": "OMP_NUM_THREADS"}, env={"OMP_NUM_THREADS": "1"})).output == "1"
    assert (await bench.run("env", {"name": "OMP_NUM_THREADS"})).output == ""
    assert (await bench.run("pid", env={"OMP_NUM_THREADS": "2"})).output != first


async def test_variables_for_the_interpreter_get_one_of_their_own(bench: Bench) -> None:
    ended = await bench.run("env", {"name": "PYTHONHASHSEED"}, env={"PYTHONHASHSEED": "7"})
    assert ended.output == "7"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FLYTE_INTERNAL_EXECUTION_PROJECT", "p"),
        ("FLYTE_INTERNAL_EXECUTION_DOMAIN", "development"),
        ("FLYTE_INTERNAL_EXECUTION_WORKFLOW", "p:development:flows.main"),
        ("FLYTE_INTERNAL_EXECUTION_LAUNCHPLAN", "p:development:nightly"),
        ("FLYTE_INTERNAL_TASK_NAME", "env"),
        ("FLYTE_INTERNAL_TASK_VERSION", "v1"),
        ("FLYTE_ATTEMPT_NUMBER", "0"),
    ],
)
async def test_a_task_knows_its_execution(bench: Bench, name: str, value: str) -> None:
    assert (await bench.run("env", {"name": name})).output == value


async def test_what_a_task_leaves_untidy_is_put_back(bench: Bench) -> None:
    """Environment, directory, temporary files, signals, logging, standard streams."""
    assert (await bench.run("litter")).failure is None
    ended = await bench.run("report")
    assert ended.output == ""
    assert await bench.log(ended.spec.key) == b"printed\ncomplained\n"


async def test_relative_paths_find_the_bundle_and_a_folder_of_the_attempts_own(bench: Bench) -> None:
    assert "Tasks that behave" in str((await bench.run("read_file", {"name": "chores.py"})).output)
    assert (await bench.run("write_here", {"name": "new.txt"})).output == "chores.py,new.txt"
    assert (await bench.run("write_here", {"name": "other.txt"})).output == "chores.py,other.txt"


@pytest.mark.parametrize("task", ["leave_thread", "leave_daemon", "fork_and_return"])
async def test_a_worker_with_leftovers_is_not_used_again(bench: Bench, task: str, tmp_path: Path) -> None:
    before = (await bench.run("pid")).output
    assert (await bench.run(task, {"pid_file": str(tmp_path / "pid")})).failure is None
    assert (await bench.run("pid")).output != before
    assert isinstance(before, int)
    assert await gone(before)


async def test_a_process_left_behind_is_killed(bench: Bench, tmp_path: Path) -> None:
    """Though it left its parent and its session and ignores SIGTERM."""
    assert (await bench.run("leave_daemon", {"pid_file": str(tmp_path / "pid")})).failure is None
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_a_forked_child_is_not_heard_of(bench: Bench) -> None:
    assert (await bench.run("fork_and_return")).output == 1


async def test_no_more_attempts_run_than_there_are_slots_first_come_first_served(tmp_path: Path) -> None:
    bench = Bench(tmp_path, slots=1)
    specs = [bench.site.attempt("double", {"n": n}) for n in range(5)]
    for spec in specs:
        await bench.executor.start(spec)
    for spec in specs:
        assert await bench.listener.ended(spec.key) is None
    assert bench.listener.events == [(event, spec.key) for spec in specs for event in ("running", "ended")]
    await bench.close()


async def test_a_worker_is_replaced_after_its_number_of_attempts(tmp_path: Path) -> None:
    bench = Bench(tmp_path, slots=1, attempts_per_worker=2)
    pids = [(await bench.run("pid")).output for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]
    await bench.close()


async def test_a_worker_that_grew_is_replaced(tmp_path: Path) -> None:
    bench = Bench(tmp_path, slots=1, rss_growth_bytes=-1)
    pids = [(await bench.run("pid")).output for _ in range(2)]
    assert pids[0] != pids[1]
    await bench.close()


async def test_idle_workers_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path, idle_s=0.01)
    pid = (await bench.run("pid")).output
    assert isinstance(pid, int)
    assert await gone(pid)
    await bench.close()


async def test_idle_workers_of_other_code_make_room(tmp_path: Path) -> None:
    bench = Bench(tmp_path, idle_workers=1)
    first = (await bench.run("pid", env={"A": "1"})).output
    await bench.run("pid", env={"A": "2"})
    assert isinstance(first, int)
    assert await gone(first)
    await bench.close()


async def test_a_retry_has_documents_of_its_own(bench: Bench) -> None:
    first = await bench.run("double", {"n": 1})
    second = await bench.end_of(retried(first.spec))
    assert second.spec.output_prefix != first.spec.output_prefix
    assert output(second.spec) == output(first.spec)


async def test_closing_leaves_no_process_no_descriptor_and_no_file(tmp_path: Path) -> None:
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    bench = Bench(tmp_path)
    pids = [(await bench.run("pid")).output, (await bench.run("pid", env={"A": "1"})).output]
    waiting = bench.site.attempt("wait_for_ever", {"pid_file": str(tmp_path / "pid")})
    await bench.executor.start(waiting)
    await bench.listener.ran(waiting.key)
    zygote = bench.executor._workers._zygote
    assert zygote is not None
    scratch = Path(zygote.scratch)
    assert scratch.exists()
    await bench.close()
    assert not any(alive(int(str(pid))) for pid in [*pids, zygote.pid])
    assert not scratch.exists()
    assert waiting.key not in bench.listener.ends
    await asyncio.sleep(0)
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors


async def test_among_crashes_every_attempt_ends_once_and_rightly(bench: Bench) -> None:
    kinds = [
        ("double", None),
        ("fail", "USER:ValueError"),
        ("segfault", "KilledBySignal"),
        ("kill_self", "Interrupted"),
    ]
    chosen = [kinds[number % 4] for number in range(40)]
    specs = [bench.site.attempt(task, {"n": 1, "text": "boom"}) for task, _ in chosen]
    await asyncio.gather(*(bench.executor.start(spec) for spec in specs))
    for spec, (_, code) in zip(specs, chosen, strict=True):
        failure = await bench.listener.ended(spec.key)
        assert (failure.code if failure else None) == code
        assert bench.listener.count("ended", spec.key) == 1


async def test_it_can_be_made_ready_ahead(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.executor.warm_up()
    assert (await bench.run("double", {"n": 1})).output == 2
    await bench.close()
