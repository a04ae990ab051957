"""What newcomers get wrong, and what they are told. Nobody sees a traceback of ours."""

import contextlib
import os
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import Outcome, flytelike, up

Run = Callable[..., Outcome]

HEAD = "from flytelike import Resources, task, workflow\n\n\n"


def told(done: Outcome, code: int, *texts: str) -> None:
    """Assert the exit code, the texts on stderr, and that no frame of ours is shown.

    The interpreter's own account of a crash has them all: it is written where nothing can be sorted out any more.
    """
    assert done.code == code, done.stderr
    for text in texts:
        assert text in done.stderr
    assert "flytelike/sdk" not in done.stderr or "Fatal Python error" in done.stderr
    assert "Traceback" not in done.stderr or "flytelike/" not in done.stderr


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        ((), ("missing-input", "`name`")),
        (("--name", "a", "--nam", "b"), ("unknown-input", "did you mean `name`")),
        (("--name", "a", "--times", "many"), ("times", "int", "many")),
        (("--name", "a", "--times"), ("missing-value", "--times")),
        (("--times", "x", "--bad", "1"), ("missing-input", "unknown-input", "int")),
    ],
)
def test_inputs(run: Run, words: tuple[str, ...], texts: tuple[str, ...]) -> None:
    told(run("execute", "hello.py", "hello", *words), 2, *texts)


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        (
            "@task\ndef t(x) -> int:\n    return 1\n\n@workflow\ndef w() -> int:\n    return t(x=1)\n",
            ("`x`", "bad.py:5"),
        ),
        (
            (
                "@task\ndef a() -> str:\n    return ''\n\n@task\ndef b(x: int) -> int:\n    return x\n\n"
                "@workflow\ndef w() -> int:\n    return b(x=a())\n"
            ),
            ("mismatching-types", "`x`", "int", "str", "bad.py"),
        ),
        ("import nowhere_to_be_found\n", ("nowhere_to_be_found", "bad.py:4")),
        ("@workflow\ndef w( -> int:\n", ("bad.py:5",)),
        ("1 / 0\n", ("ZeroDivisionError", "bad.py:4")),
    ],
)
def test_code_that_does_not_compile(run: Run, project: Path, source: str, texts: tuple[str, ...]) -> None:
    (project / "bad.py").write_text(HEAD + source)
    told(run("execute", "bad.py"), 2, *texts)


FAILING = (
    HEAD
    + """
@task
def fails(how: str) -> int:
    import ctypes, os, signal, time
    if how == "raise":
        raise ValueError("that went wrong")
    if how == "signal":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "exit":
        os._exit(3)
    if how == "type":
        return "not a number"
    return 0


@task(timeout=1)
def sleeps() -> int:
    import time
    time.sleep(60)
    return 0


@task(limits=Resources(mem="150Mi"))
def eats() -> int:
    kept = []
    while True:
        kept.append(b"x" * 10_000_000)


@workflow
def w(how: str) -> int:
    return fails(how=how)


@workflow
def slow() -> int:
    return sleeps()


@workflow
def hungry() -> int:
    return eats()
"""
)


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (("w", "--how", "raise"), ("ValueError", "that went wrong", "bad.py")),
        (("w", "--how", "signal"), ("SIGSEGV",)),
        (("w", "--how", "exit"), ("3",)),
        (("w", "--how", "type"), ("int", "str")),
        (("slow",), ("TimeoutExpired",)),
        (("hungry",), ("OOMKilled", "150")),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_tasks_that_fail(run: Run, project: Path, words: tuple[str, ...], texts: tuple[str, ...]) -> None:
    (project / "bad.py").write_text(FAILING)
    told(run("execute", "bad.py", *words), 1, *texts)


def test_no_such_file(run: Run) -> None:
    told(run("execute", "absent.py", "w"), 2, "absent.py")


def test_no_such_entity_names_those_there_are(run: Run) -> None:
    told(run("execute", "hello.py", "helo"), 2, "helo", "hello")


def test_nothing_registered_under_the_name(run: Run) -> None:
    told(run("execute", "no.such.workflow"), 2, "no.such.workflow")


def test_no_server(run: Run) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    told(run("get", "executions", "--server", address), 3, "no-server", address)


def test_port_in_use(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        told(flytelike(data, "up", "--port", port, "--http-port", "0"), 3, "port-in-use", port)


def test_a_folder_that_is_in_use(data: Path) -> None:
    with up(data):
        told(flytelike(data, "up", "--port", "0", "--http-port", "0"), 3, "data-folder-busy")


def test_a_folder_of_a_newer_version(data: Path) -> None:
    data.mkdir()
    (data / "format").write_text("99\n")
    told(flytelike(data, "get", "projects"), 3, "newer-data-folder")


@pytest.mark.parametrize("name", ["controlplane.db", "propeller.db"])
def test_a_corrupt_database(data: Path, run: Run, name: str) -> None:
    assert run("execute", "hello.py", "--name", "a").code == 0
    for left in data.glob(f"{name}-*"):
        left.unlink()
    (data / name).write_bytes(b"this is no database" * 1000)
    told(flytelike(data, "get", "projects"), 3, "corrupt-database", name)


def test_a_database_of_a_newer_version(data: Path, run: Run) -> None:
    assert run("get", "projects").code == 0
    with sqlite3.connect(data / "controlplane.db") as connection:
        connection.execute("update alembic_version set version_num = 'from-the-future'")
    connection.close()
    told(flytelike(data, "get", "projects"), 3, "newer-database")


ELSEWHERE = (
    HEAD
    + """
import os

if "FLYTE_INTERNAL_EXECUTION_ID" in os.environ:
    import only_on_the_authors_machine


@task
def t() -> int:
    return 1
"""
)


def test_code_that_cannot_be_imported_on_the_worker(run: Run, project: Path) -> None:
    """The module imports where it was written, and fails where it runs."""
    (project / "bad.py").write_text(ELSEWHERE)
    told(run("execute", "bad.py", "t"), 1, "only_on_the_authors_machine", "bad.py")


def test_code_that_was_not_sent_along(run: Run, project: Path) -> None:
    (project / "alone.py").write_text(HEAD + "@task\ndef t() -> int:\n    return 1\n")
    told(run("execute", "alone.py", "t", "--copy", "none"), 1, "`alone`", "--copy none")


STATEFUL = (
    HEAD
    + """
import threading

lock = threading.Lock()
words = (word for word in ["a", "b"])
file = open(__file__)
thread = threading.Thread(target=lambda: None)
compute = lambda x: x + 1


@task
def t(x: int) -> int:
    with lock:
        return compute(x) + len(file.name.split()) + (next(words, "") in ("a", "b", ""))


@workflow
def w(x: int) -> int:
    return t(x=t(x=x))
"""
)


def test_module_state_that_cannot_be_pickled_needs_no_pickling(run: Run, project: Path) -> None:
    """Workers import the module; locks, handles, generators and lambdas in it are made there anew."""
    (project / "stateful.py").write_text(STATEFUL)
    done = run("execute", "stateful.py", "w", "--x", "1")
    assert (done.code, done.stdout) == (0, "o0 = 7\n"), done.stderr


def mounted(folder: Path, size: str) -> None:
    """Mount a file system of a few megabytes; a machine where that is forbidden skips the test, CI fails."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = f"a small file system cannot be mounted here: {done.stderr.strip()}"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of three megabytes."""
    folder = tmp_path / "small"
    mounted(folder, "3m")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


WRITES = (
    HEAD
    + """
@task(retries=0)
def t(kilobytes: int) -> str:
    return "x" * (kilobytes * 1000)
"""
)


def test_a_full_disk(small_disk: Path, project: Path) -> None:
    """A task's output that does not fit fails the task; a database that cannot grow is told before anything starts."""
    (project / "writes.py").write_text(WRITES)
    data = small_disk / "data"

    def run(kilobytes: int) -> Outcome:
        return flytelike(data, "execute", "writes.py", "t", "--kilobytes", str(kilobytes), cwd=project)

    assert run(1).code == 0
    told(run(9_000), 1, "DiskFull", "no space left")
    fill = small_disk / "fill"
    with contextlib.suppress(OSError), fill.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 1000)
    told(run(1), 3, "disk-full")
    fill.unlink()
    assert run(1).code == 0, "nothing was damaged"


def test_images_that_stand_for_no_environment(run: Run, data: Path) -> None:
    """Told before anything starts, all at once; `execute` brings the same platform up."""
    data.mkdir()
    (data / "images.yaml").write_text("some/image: nowhere\n")
    texts = ("error[environment-not-found]", str(data / "nowhere"), "python -m venv")
    told(run("up", "--image", "word", "--port", "0", "--http-port", "0"), 2, "error[invalid-image-map]", *texts)
    told(run("execute", "hello.py", "hello", "--name", "a"), 2, *texts)
    assert not (data / "controlplane.db").exists()
