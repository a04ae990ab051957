"""The executor's end of the zygote: starts it, asks it for processes, hears of their ends."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from flytelike.codec.worker_frames import (
    PROTOCOL_VERSION,
    Exec,
    Exited,
    Fork,
    Forked,
    Frame,
    Hello,
    NotForked,
    Signal,
)
from flytelike.model.usage import AttemptUse
from propeller.executors.process import scratch
from propeller.executors.process.channel import FrameChannel

_MODULE = "flytelike.runtime.zygote"
_END_S = 10.0


class ZygoteListener(Protocol):
    """Told about the zygote's processes."""

    def forked(self, worker: int, pid: int) -> None:
        """Tell that the process lives."""

    def not_forked(self, worker: int, error: int, message: str) -> None:
        """Tell that it could not be made."""

    def exited(self, worker: int, status: int, used: AttemptUse) -> None:
        """Tell that it ended, and what it used since it began; everything it started is being killed."""

    def lost(self) -> None:
        """Tell that the zygote is gone, and all its processes with it."""


class ZygoteFailed(Exception):
    """The zygote ended before it could take orders; its own output tells why."""


@dataclass(frozen=True, slots=True)
class _Launched:
    """A process that is about to become a zygote: our end of its socket, its folder, and the lock on that."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    scratch: str
    lock: int


def _launched(preload: tuple[str, ...], env: Mapping[str, str]) -> _Launched:
    """Start the process, or leave nothing open. Blocks."""
    folder, lock = scratch.make()
    ours, theirs = socket.socketpair()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno()), folder, *preload],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            env=dict(env),
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        os.close(lock)  # Nobody lives in the folder: it goes with the next sweep.
        raise
    finally:
        theirs.close()
    return _Launched(process, ours, folder, lock)


class Zygote:
    """A running zygote. Make it with `start`."""

    def __init__(self, launched: "_Launched", listener: ZygoteListener) -> None:
        self._process = launched.process
        self._listener = listener
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._channel = FrameChannel(launched.control, self._hear, self._gone)
        self.scratch = launched.scratch
        self._lock = launched.lock

    @classmethod
    async def start(cls, preload: tuple[str, ...], env: Mapping[str, str], listener: ZygoteListener) -> "Zygote":
        """Start a zygote with an environment; return once it takes orders.

        Raises:
            ZygoteFailed: It ended at once.
        """
        launching = asyncio.ensure_future(asyncio.to_thread(_launched, preload, env))
        try:
            zygote = cls(await asyncio.shield(launching), listener)
        except asyncio.CancelledError:
            # The thread goes on, and nobody else would end what it makes.
            with contextlib.suppress(OSError):
                await cls(await launching, listener).close()
            raise
        try:
            await zygote._ready
        except BaseException:
            await zygote.close()
            raise
        return zygote

    @property
    def pid(self) -> int:
        """The zygote's own pid."""
        return self._process.pid

    def fork(self, worker: int, env: Mapping[str, str]) -> tuple[socket.socket, int, str]:
        """Ask for a warm worker.

        Returns:
            Its control socket, the reading end of its output, and its scratch folder. Orders
            can be sent at once; they wait in the socket until the worker lives.
        """
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        scratch = f"{self.scratch}/{worker}"
        self._send(Fork(worker, scratch, env), (theirs.detach(), write))
        return ours, read, scratch

    def execute(self, worker: int, argv: tuple[str, ...], env: Mapping[str, str], cwd: str) -> int:
        """Ask for a program of its own; return the reading end of its output."""
        read, write = os.pipe()
        self._send(Exec(worker, argv, env, cwd), (write,))
        return read

    def signal(self, worker: int, number: int) -> None:
        """Send a signal to a process and everything below it."""
        self._send(Signal(worker, number), ())

    async def close(self) -> None:
        """End the zygote with everything below it, and wait until it has ended."""
        self._channel.close()
        await asyncio.to_thread(self._bury)

    def _bury(self) -> None:
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        scratch.remove(self.scratch)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _send(self, frame: Frame, fds: tuple[int, ...]) -> None:
        self._channel.send(frame, fds)

    def _hear(self, frame: Frame) -> None:
        match frame:
            case Exited(worker, status, used):
                self._listener.exited(worker, status, used)
            case Forked(worker, pid):
                self._listener.forked(worker, pid)
            case NotForked(worker, error, message):
                self._listener.not_forked(worker, error, message)
            case Hello(version) if version == PROTOCOL_VERSION:
                self._ready.set_result(None)
            case Hello():
                self._process.kill()
            case _:
                pass

    def _gone(self) -> None:
        self._process.kill()
        if self._ready.done():
            self._listener.lost()
        else:
            self._ready.set_exception(ZygoteFailed("the process that makes workers ended as it started"))
