"""Running the command line in tests, as people do: a process of its own."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT_S = 110


@dataclass(frozen=True)
class Outcome:
    """What a finished command printed and returned."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict:
        """The JSON on stdout."""
        return json.loads(self.stdout)


def environment(data: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment with a data folder of its own and no colours."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FLYTE")}
    return {**kept, "FLYTELIKE_HOME": str(data), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", **(extra or {})}


def command(*words: str) -> list[str]:
    """Return the command line of `flytelike words...`."""
    return [sys.executable, "-m", "flytelike", *words]


def flytelike(
    data: Path,
    *words: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Outcome:
    """Run `flytelike words...` to its end."""
    done = subprocess.run(
        command(*words),
        cwd=cwd,
        env=environment(data, env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@dataclass
class Up:
    """A running `flytelike up`."""

    process: subprocess.Popen[str]
    grpc: str
    http: str

    def kill(self) -> None:
        """Kill -9 the platform's whole process group."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def start(
    data: Path,
    words: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    *,
    port: int = 0,
    stderr: IO[str] | None = None,
) -> Up:
    """Start `flytelike up` in a process group of its own on free ports and wait until it is ready."""
    process = subprocess.Popen(
        command("up", "--port", str(port), "--http-port", "0", "--json", *words),
        env=environment(data, env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(f"flytelike up ended with {process.wait()} before it was ready")
    ready = json.loads(line)
    return Up(process, ready["grpc"], ready["http"])


@contextmanager
def up(data: Path, *words: str, env: Mapping[str, str] | None = None) -> Iterator[Up]:
    """Run `flytelike up` for as long as the block."""
    running = start(data, words, env)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.send_signal(signal.SIGTERM)
            running.process.wait(timeout=20)
        if running.process.stdout is not None:
            running.process.stdout.close()


def query(data: Path, sql: str, name: str) -> list[tuple[object, ...]]:
    """Read the control plane's database of a platform that may be down, with `name` as a parameter."""
    with sqlite3.connect(f"file:{data}/controlplane.db?mode=ro", uri=True) as connection:
        rows = connection.execute(sql, {"name": name}).fetchall()
    connection.close()
    return rows
