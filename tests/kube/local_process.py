"""Programs of containers as processes of this machine, for the kubelet of the tests."""

import asyncio
import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Protocol

OURS = ("flytelike-execute", "flytelike-worker")

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.kube.preloaded"])
"""What our own program needs is loaded once: a test has dozens of pods."""


class Process(Protocol):
    """A program that runs. `pid` leads a group of its own."""

    pid: int

    async def ended(self) -> int:
        """Return its exit code once it has ended; negative for a signal."""


class NoProgram(Exception):
    """There is no such program."""


async def started(command: Sequence[str], env: Mapping[str, str], folder: Path, log: Path) -> Process:
    """Start a program. Raises `NoProgram`."""
    if Path(command[0]).name in OURS:
        forked = _FORKS.Process(target=_perform, args=(list(command), dict(env), str(folder), str(log)))
        await asyncio.to_thread(forked.start)
        return _Forked(forked)
    program = shutil.which(command[0], path=env["PATH"])
    if program is None:
        raise NoProgram(command[0])
    with log.open("ab") as out:
        made = await asyncio.create_subprocess_exec(
            program,
            *command[1:],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=dict(env),
            cwd=folder,
            start_new_session=True,
        )
    return _Executed(made)


def kill(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and what it started."""
    for send in (os.killpg, os.kill):  # one that has just begun leads no group yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(pid, number)


class _Executed:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self._process = process

    async def ended(self) -> int:
        return await self._process.wait()


class _Forked:
    def __init__(self, process: ForkServerProcess) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self._process = process

    async def ended(self) -> int:
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        loop.add_reader(self._process.sentinel, over.set)
        try:
            await over.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode


def _perform(args: list[str], env: dict[str, str], folder: str, log: str) -> None:
    """Be the program, in a process that was forked for it."""
    from flytelike.runtime import entrypoint, reusable

    os.setsid()
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.path[:0] = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))  # as if Python had just been started
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    program = entrypoint if Path(args[0]).name == "flytelike-execute" else reusable
    code = program.main(args[1:])
    sys.stdout.flush()
    os._exit(code)
