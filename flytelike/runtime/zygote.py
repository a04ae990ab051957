"""The zygote: a small process that forks warm workers in a millisecond and buries them.

It has one thread, has loaded what every worker needs, and runs no author's code; so forking it
is safe and cheap, which forking the platform (threads, open databases) or a worker that has
loaded an author's libraries (BLAS pools, say) would not be. It is the reaper of everything
below it: a process that loses its parent falls to the zygote and is killed, and once the
platform is gone (its socket closes, however it died) the zygote kills all and goes too.

Run as `python -m flytelike.runtime.zygote <socket fd> <scratch folder> <module to preload>...`.
"""

import contextlib
import fcntl
import gc
import importlib
import os
import select
import shutil
import signal
import socket
import sys
import traceback
from collections import deque
from dataclasses import dataclass
from typing import NoReturn, assert_never

from flytelike.codec.worker_frames import (
    PROTOCOL_VERSION,
    Done,
    ElementsDone,
    Exec,
    Exited,
    Fork,
    Forked,
    Frame,
    FrameReader,
    Hello,
    NotForked,
    Run,
    RunElements,
    Signal,
    encode,
)
from flytelike.runtime.burying import bury_all
from flytelike.runtime.measuring import use_of
from flytelike.runtime.process import (
    adopt_orphans,
    child_pids,
    descendant_pids,
    die_with_parent,
    has_children,
    prefer_for_oom_kill,
    signal_quietly,
)
from flytelike.runtime.worker import serve

_MAX_FDS = 16


@dataclass(slots=True)
class _Child:
    worker: int
    pid: int


def main(argv: list[str]) -> int:
    """Serve the executor at the other end of the socket until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt_orphans()
    prefer_for_oom_kill()
    control = socket.socket(fileno=int(argv[1]))
    scratch_root = argv[2]
    # Held for as long as this process or one below it lives: a folder that nobody holds is swept away.
    fcntl.flock(os.open(scratch_root, os.O_RDONLY | os.O_CLOEXEC), fcntl.LOCK_SH)
    for name in argv[3:]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is loaded stays shared: a collection in a worker shall not copy its pages
    try:
        _Zygote(control).run()
    finally:
        bury_all()
        shutil.rmtree(scratch_root, ignore_errors=True)
    return 0


class _Zygote:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._reader = FrameReader()
        self._fds: deque[int] = deque()
        self._by_worker: dict[int, _Child] = {}
        self._by_pid: dict[int, _Child] = {}
        self._wakeup_read, wakeup_write = os.pipe()
        os.set_blocking(self._wakeup_read, False)
        os.set_blocking(wakeup_write, False)
        self._wakeup_write = wakeup_write

    def run(self) -> None:
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wakeup_read, select.POLLIN)
        self._send(Hello(PROTOCOL_VERSION))
        while True:
            for fd, _ in poll.poll():
                if fd == self._wakeup_read:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wakeup_read, 4096)
                    self._reap()
                elif not self._receive():
                    return

    def _receive(self) -> bool:
        try:
            data, fds, _, _ = socket.recv_fds(self._control, 65536, _MAX_FDS)
        except ConnectionError:
            return False
        if not data:
            return False
        self._fds.extend(fds)
        for frame in self._reader.feed(data):
            self._obey(frame)
        return True

    def _obey(self, frame: Frame) -> None:
        match frame:
            case Fork():
                self._start(frame, (self._fds.popleft(), self._fds.popleft()))
            case Exec():
                self._start(frame, (self._fds.popleft(),))
            case Signal(worker, number):
                self._signal(worker, number)
            case Run() | Done() | RunElements() | ElementsDone() | Hello() | Forked() | NotForked() | Exited():
                raise ValueError(f"a zygote takes no {type(frame).__name__}")
            case _:
                assert_never(frame)

    def _start(self, frame: Fork | Exec, fds: tuple[int, ...]) -> None:
        # The pipe tells what went wrong before `exec`; it closes by itself once that succeeds.
        tell_read, tell_write = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(tell_write)
            self._send(NotForked(frame.worker, error.errno or 0, str(error)))
        else:
            if pid == 0:
                os.close(tell_read)
                self._become(frame, fds, tell_write)
            os.close(tell_write)
            self._started(frame.worker, pid, tell_read)
        finally:
            os.close(tell_read)
            for fd in fds:
                os.close(fd)

    def _started(self, worker: int, pid: int, tell_read: int) -> None:
        complaint = os.read(tell_read, 4096)
        if complaint:
            os.waitpid(pid, 0)
            number, _, message = complaint.decode(errors="replace").partition(" ")
            self._send(NotForked(worker, int(number), message))
            return
        child = _Child(worker, pid)
        self._by_worker[worker] = self._by_pid[pid] = child
        self._send(Forked(worker, pid))

    def _become(self, frame: Fork | Exec, fds: tuple[int, ...], tell: int) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.close(self._wakeup_read)
            os.close(self._wakeup_write)
            self._control.close()
            for fd in self._fds:
                os.close(fd)
            os.setsid()
            die_with_parent()
            adopt_orphans()
            if isinstance(frame, Fork):
                control_fd, output_fd = fds
                os.close(tell)
                _take_output(output_fd)
                serve(socket.socket(fileno=control_fd), frame.scratch, frame.env)
            else:
                _take_output(fds[0])
                _execute(frame)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.write(tell, f"{error.errno or 0} {error}".encode()[:4096])
        except BaseException:  # noqa: BLE001 - a fork must never return into the zygote's loop
            traceback.print_exc()
        finally:
            os._exit(127)

    def _signal(self, worker: int, number: int) -> None:
        child = self._by_worker.get(worker)
        if child is None:
            return
        # Children first: the parent's end would make them the zygote's, out of this list.
        for pid in reversed(descendant_pids(child.pid)):
            signal_quietly(pid, number)
        signal_quietly(child.pid, number)

    def _reap(self) -> None:
        ended = False
        while has_children():
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                break
            ended = True
            child = self._by_pid.pop(pid, None)
            if child is not None:
                del self._by_worker[child.worker]
                code = os.waitstatus_to_exitcode(status)
                self._kill_orphans()
                self._send(Exited(child.worker, code, use_of(usage)))
        if ended:
            self._kill_orphans()

    def _kill_orphans(self) -> None:
        if len(self._by_pid) == 0 and not has_children():
            return
        for pid in child_pids():
            if pid not in self._by_pid:
                signal_quietly(pid, signal.SIGKILL)

    def _send(self, frame: Frame) -> None:
        with contextlib.suppress(ConnectionError):  # the platform is gone: the loop learns it too
            self._control.sendall(encode(frame))


def _take_output(output_fd: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output_fd, 1)
    os.dup2(output_fd, 2)
    for fd in (nothing, output_fd):
        if fd > 2:
            os.close(fd)


def _execute(frame: Exec) -> NoReturn:
    os.chdir(frame.cwd)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them; a program must not inherit that
        signal.signal(number, signal.SIG_DFL)
    program = shutil.which(frame.argv[0], path=frame.env.get("PATH"))
    if program is None:
        raise FileNotFoundError(2, "no such program on PATH", frame.argv[0])
    os.execve(program, list(frame.argv), dict(frame.env))  # noqa: S606 - a task's own command


if __name__ == "__main__":
    os.chdir("/")
    sys.exit(main(sys.argv))
