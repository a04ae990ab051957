"""Every way in which an attempt can go wrong: its code, whose fault it is, whether trying again may help."""

import re
from pathlib import Path

import pytest

from flytelike.codec.failures import failure_from_document
from flytelike.model.failure import Fault
from flytelike_idl.core import errors_pb2
from tests.unit.executor.builders import Bench

pytestmark = pytest.mark.anyio

USER, SYSTEM = Fault.USER, Fault.SYSTEM

FAILURES = [
    ("fail", {"text": "boom"}, "USER:ValueError", USER, False, "ValueError: boom"),
    ("fail", {"text": "boom"}, "USER:ValueError", USER, False, 'File "chores.py"'),
    ("fail", {"text": "boom"}, "USER:ValueError", USER, False, "raise ValueError(text)"),
    ("fail_recoverably", {}, "USER:FlyteRecoverableException", USER, True, "try again"),
    ("fail_in_system", {}, "SYSTEM", SYSTEM, False, "the other side is gone"),
    ("leave", {"code": 3}, "USER:SystemExit", USER, False, "sys.exit(3)"),
    ("leave", {"code": 0}, "USER:SystemExit", USER, False, "instead of returning"),
    ("interrupt", {}, "USER:KeyboardInterrupt", USER, False, "interrupted"),
    ("recurse", {}, "USER:RecursionError", USER, False, "recursion without an end"),
    ("no_memory", {}, "USER:MemoryError", USER, False, "Resources(mem=...)"),
    ("wrong_output", {}, "OutputTypeMismatch", USER, False, "output o0: expected `int`, got str 'seven'"),
    ("strange_output", {}, "OutputNotEncodable", USER, False, "output o0, a Thread, cannot be stored"),
    ("double", {}, "InputNotDecodable", USER, False, "input n is not given"),
    ("double", {"n": "seven"}, "InputNotDecodable", USER, False, "input n cannot be turned into int"),
    ("not_there", {}, "TaskNotFound", USER, False, "module chores has no task not_there"),
    ("doubel", {}, "TaskNotFound", USER, False, "did you mean double?"),
    ("not_a_task", {}, "TaskNotFound", USER, False, "not_a_task in chores is a int, not a task"),
    ("exit_at_once", {"code": 7}, "NonZeroExit", USER, True, "exit code 7"),
    ("exit_at_once", {"code": 7}, "NonZeroExit", USER, True, "last words"),
    ("exit_at_once", {"code": 0}, "ProcessEndedEarly", USER, True, "os._exit"),
    ("exit_at_once", {"code": 137}, "NonZeroExit", USER, True, "likely it ran out of memory"),
    ("segfault", {}, "KilledBySignal", USER, True, "signal 11 (SIGSEGV)"),
    ("segfault", {}, "KilledBySignal", USER, True, "in segfault"),
    ("kill_self", {}, "Interrupted", SYSTEM, True, "signal 9 (SIGKILL)"),
]


@pytest.mark.parametrize(("task", "inputs", "code", "fault", "retryable", "text"), FAILURES)
async def test_a_failure_says_what_is_wrong(
    bench: Bench, task: str, inputs: dict[str, object], code: str, fault: Fault, retryable: bool, text: str
) -> None:
    failure = (await bench.run(task, inputs)).failure
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == (code, fault, retryable)
    assert text in failure.message


@pytest.mark.parametrize("task", ["fail", "segfault"])
async def test_a_failure_is_stored_too(bench: Bench, task: str) -> None:
    """Later readers, and the engine after a restart, find what the listener was told."""
    ended = await bench.run(task, {"text": "boom"})
    document = errors_pb2.ErrorDocument.FromString(Path(ended.spec.output_prefix, "error.pb").read_bytes())
    assert ended.failure is not None
    stored = failure_from_document(document)
    assert (stored.code, stored.message, stored.retryable) == (
        ended.failure.code,
        ended.failure.message,
        ended.failure.retryable,
    )
    assert document.error.timestamp.seconds > 0


async def test_tracebacks_hold_no_frames_of_the_platform(bench: Bench) -> None:
    failure = (await bench.run("fail", {"text": "boom"})).failure
    assert failure is not None
    assert "runtime" not in failure.message
    assert re.findall(r'File "(.*?)", line \d+, in (\w+)', failure.message) == [
        ("chores.py", "call"),
        ("chores.py", "fail"),
    ]


@pytest.mark.parametrize(
    ("source", "code", "text"),
    [
        ("import no_such_package\n", "ModuleNotFound", "imports no_such_package, which is not installed"),
        ("1 / 0\n", "ImportFailed", "ZeroDivisionError: division by zero"),
        ("def broken(:\n", "ImportFailed", "SyntaxError"),
        ("import sys\nsys.exit(4)\n", "ImportFailed", "SystemExit: 4"),
    ],
)
async def test_code_that_cannot_be_imported(bench: Bench, tmp_path: Path, source: str, code: str, text: str) -> None:
    (tmp_path / "broken.py").write_text(source)
    failure = (await bench.run("t", module="broken", code=bench.site.add_bundle(tmp_path))).failure
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == (code, USER, False)
    assert text in failure.message


async def test_a_module_that_is_not_in_the_bundle(bench: Bench) -> None:
    failure = (await bench.run("t", module="pipelines.train")).failure
    assert failure is not None
    assert failure.code == "ModuleNotFound"
    assert "`pipelines.train` is not in the code bundle" in failure.message


async def test_inputs_that_are_damaged_or_gone(bench: Bench) -> None:
    spec = bench.site.attempt("double", {"n": 1})
    Path(spec.inputs_uri).write_bytes(b"\xff\xff\xff")
    failure = (await bench.end_of(spec)).failure
    assert failure is not None
    assert (failure.code, failure.retryable) == ("InputNotDecodable", False)
    spec = bench.site.attempt("double", {"n": 1})
    Path(spec.inputs_uri).unlink()
    failure = (await bench.end_of(spec)).failure
    assert failure is not None
    assert (failure.code, failure.fault, failure.retryable) == ("InputsNotFound", SYSTEM, True)


async def test_code_that_is_gone_or_is_not_what_it_says(bench: Bench) -> None:
    gone = f"sha256:{'0' * 64}"
    failure = (await bench.run("nothing", code=gone)).failure
    assert failure is not None
    assert failure.code == "CodeNotFound"
    forged = bench.site.add_archive(b"something else", "1" * 64)
    failure = (await bench.run("nothing", code=forged)).failure
    assert failure is not None
    assert failure.code == "CodeCorrupt"
    assert "has digest sha256:" in failure.message


async def test_arguments_that_are_not_understood(bench: Bench) -> None:
    spec = bench.site.spec(("flytelike-execute", "--inputs", "{{.input}}", "--surprise", "1"))
    failure = (await bench.end_of(spec)).failure
    assert failure is not None
    assert failure.code == "InvalidArguments"
    assert "'--surprise'" in failure.message
    assert "--output-prefix is missing" in failure.message


@pytest.mark.parametrize("task", ["no_memory", "segfault", "exit_at_once", "leave_thread", "leave_daemon"])
async def test_after_every_failure_the_next_attempt_runs(bench: Bench, task: str, tmp_path: Path) -> None:
    await bench.run(task, {"code": 1, "pid_file": str(tmp_path / "pid")})
    assert (await bench.run("double", {"n": 4})).output == 8
