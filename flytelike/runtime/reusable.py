"""`flytelike-worker`: the program of a pod that is kept; it runs one attempt after another.

It runs no author's code itself: it forks a warm worker (`flytelike.runtime.worker`) and gives it what the mailbox
orders, one attempt at a time. A worker that dies, or cannot be made as it was, is buried with all that it started and
replaced by another fork, which takes milliseconds. What attempts print goes to this process's output, between marks
(`flytelike.codec.pod_orders`).

The platform ends it by deleting its pod. It ends by itself when there is no platform any more to do so.
"""

import contextlib
import gc
import importlib
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from flytelike.codec.pod_orders import (
    ORDER_BYTES_MAX,
    At,
    Begun,
    Ended,
    Order,
    OrderError,
    Used,
    mark_line,
    order_from_json,
)
from flytelike.codec.worker_frames import Done, FrameError, FrameReader, Run, RunElements, encode
from flytelike.model.usage import AttemptUse
from flytelike.runtime import courier
from flytelike.runtime.burying import bury_all
from flytelike.runtime.elements import element_that_ran
from flytelike.runtime.entrypoint import NOT_STORED, STORE_RETRY_S
from flytelike.runtime.mailbox import Mailbox
from flytelike.runtime.measuring import use_of
from flytelike.runtime.memory_events import kernel_kills
from flytelike.runtime.process import (
    adopt_orphans,
    descendant_pids,
    die_with_parent,
    prefer_for_oom_kill,
    signal_quietly,
)
from flytelike.runtime.worker import DURABLE, DURABLE_DOCUMENTS, STORE_RETRY, serve

PROGRAM = "flytelike-worker"

_PRELOAD = ("flytelike.sdk.task", "flytelike.sdk.workflow")
_ATTEMPTS_MAX = 1000
_RSS_GROWTH_BYTES = 256 << 20
"""A worker that has run so many, or grew by so much since its first one, is replaced."""

_DONE_MAX = 64
"""How many orders are remembered to be done; there is one in the mailbox."""


def main(argv: list[str] | None = None) -> int:
    """Run attempts until the pod is deleted. `argv` is the mailbox's path, and how many seconds an idle one waits."""
    args = sys.argv[1:] if argv is None else argv
    try:
        mailbox, idle_s = Path(args[0]), float(args[1])
    except (IndexError, ValueError):
        sys.stderr.write(f"usage: {PROGRAM} MAILBOX IDLE_SECONDS\n")
        return 2
    for name in _PRELOAD:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # as in a zygote: what is loaded stays shared
    adopt_orphans()
    os.dup2(1, 2)  # one pipe, so that what is printed and the marks stay in order
    keeper = _Keeper(Mailbox(mailbox), idle_s)
    try:
        return keeper.run()
    finally:
        bury_all()
        keeper.remove()


@dataclass(slots=True)
class _Child:
    """A warm worker. `attempts` it has run, `rss_bytes` is what it held after the first one.

    `processor_ns` is what they used together.
    """

    pid: int
    control: socket.socket
    reader: FrameReader
    attempts: int = 0
    rss_bytes: int = 0
    processor_ns: int = 0


class _Keeper:
    def __init__(self, mailbox: Mailbox, idle_s: float) -> None:
        self._mailbox = mailbox
        self._idle_s = idle_s
        self._scratch = Path(tempfile.mkdtemp(prefix="flytelike-"))
        self._child: _Child | None = None
        self._current: Order | None = None
        self._done: deque[str] = deque(maxlen=_DONE_MAX)
        self._kills = 0
        self._kill_at = 0.0
        self._idle_since = time.monotonic()
        self._leaving = False
        self._courier_pid, self._courier = courier.start()
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)

    def run(self) -> int:
        """Obey orders; return the exit code."""
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._leave)
        self._look()
        while True:
            if self._leaving and self._current is None:
                return 128 + signal.SIGTERM
            wait_s = self._wait_s()
            if wait_s is not None and wait_s <= 0 and self._current is None:
                return 0
            for fd in self._ready(wait_s):
                if fd == self._mailbox.fd:
                    self._look()
                elif fd == self._woken:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._woken, 4096)
                elif fd == self._courier.fileno():
                    self._fetched()
                elif self._child is not None and fd == self._child.control.fileno():
                    self._hear(self._child)
            self._reap()
            if self._kill_at and time.monotonic() >= self._kill_at:
                self._kill(signal.SIGKILL)

    def remove(self) -> None:
        """Remove what lies on disk."""
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _leave(self, _number: int, _frame: FrameType | None) -> None:
        """The pod is being deleted: whoever runs may finish within its grace, of which the kubelet sees the end."""
        self._leaving = True
        if self._child is not None and self._current is not None:
            self._kill(signal.SIGTERM)

    def _wait_s(self) -> float | None:
        now = time.monotonic()
        if self._current is None:
            return self._idle_since + self._idle_s - now
        return max(0.0, self._kill_at - now) if self._kill_at else None

    def _ready(self, wait_s: float | None) -> list[int]:
        poll = select.poll()
        ends = [self._courier, *([self._child.control] if self._child is not None else [])]
        for fd in (self._mailbox.fd, self._woken, *(end.fileno() for end in ends if end.fileno() >= 0)):
            poll.register(fd, select.POLLIN)
        return [fd for fd, _ in poll.poll(None if wait_s is None else wait_s * 1000 + 1)]

    # --- orders ---------------------------------------------------------------------------

    def _look(self) -> None:
        self._take_order(self._mailbox.read())

    def _fetched(self) -> None:
        """Take the copy of an order, of which the mailbox will tell soon."""
        try:
            data = self._courier.recv(ORDER_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:  # something killed it: the kubelet brings all orders
            self._courier.close()
            return
        with contextlib.suppress(OrderError, UnicodeDecodeError):
            order = order_from_json(data.decode())
            if self._current is None:
                self._take_order(order)

    def _ask_courier(self, uri: str) -> None:
        with contextlib.suppress(OSError):
            self._courier.send(uri.encode())

    def _take_order(self, order: Order | None) -> None:
        if order is None or order.mark in self._done or self._leaving:
            return
        current = self._current
        if current is not None:
            if order.mark == current.mark and order.stop and not self._kill_at:
                self._kill_at = time.monotonic() + order.grace_s
                self._kill(signal.SIGTERM)
        elif order.stop:  # it was not begun, and will not be
            self._done.append(order.mark)
            _say(mark_line(Ended(order.mark, time.time_ns(), 128 + signal.SIGTERM)))
        else:
            self._begin(order)

    def _begin(self, order: Order) -> None:
        self._ask_courier(".")
        self._current, self._kills, self._kill_at = order, kernel_kills(), 0.0
        child = self._child or self._fork()
        _say(mark_line(Begun(order.mark, time.time_ns())))
        child.attempts += 1
        with contextlib.suppress(ConnectionError):  # how it ended is told by the kernel
            child.control.sendall(encode(_frame_of(order)))

    def _end(self, code: int, *, out_of_memory: bool = False) -> None:
        order, self._current, self._kill_at = self._current, None, 0.0
        if order is not None:
            self._done.append(order.mark)
            _say(mark_line(Ended(order.mark, time.time_ns(), code, out_of_memory)))
        self._idle_since = time.monotonic()
        if not self._leaving:
            self._look()
            if order is not None and order.next_uri and self._current is None:
                self._ask_courier(order.next_uri)

    def _say_used(self, used: AttemptUse) -> None:
        if self._current is not None:
            _say(mark_line(Used(self._current.mark, used.memory_peak_bytes, used.processor_ns)))

    # --- the worker -----------------------------------------------------------------------

    def _hear(self, child: _Child) -> None:
        frames = []
        try:
            # Whoever the task forked may hold the other end, too: nobody waits for what may never come.
            data = child.control.recv(65536, socket.MSG_DONTWAIT)
            frames = child.reader.feed(data)
        except BlockingIOError:
            return
        except (ConnectionError, FrameError):
            data = b""
        if not data:  # it ends, or its author's code has closed what is not its own
            self._kill(signal.SIGKILL)
        for frame in frames:
            if isinstance(frame, Done) and self._current is not None:
                self._take(child, frame)

    def _take(self, child: _Child, done: Done) -> None:
        """An attempt has ended, as its documents tell; if they could not be stored, the code says so."""
        if done.used is not None:
            child.processor_ns += done.used.processor_ns
            self._say_used(done.used)
        if done.failure is not None:
            _say(f"{done.failure.message}\n".encode())
        if not child.rss_bytes:
            child.rss_bytes = done.rss_bytes
        grown = done.rss_bytes - child.rss_bytes > _RSS_GROWTH_BYTES
        if done.retire or grown or child.attempts >= _ATTEMPTS_MAX or self._kill_at:
            self._bury()
        self._end(0 if done.failure is None else NOT_STORED)

    def _reap(self) -> None:
        """Bury what has ended. Whoever lost its parent is nobody's any more."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._child
            if child is not None and pid == child.pid:
                self._hear(child)  # its last word may still be in the pipe
                if self._child is not child:
                    continue
                place = element_that_ran(self._worker_folder) if self._in_batch else -1
                self._bury()
                code = os.waitstatus_to_exitcode(status)
                memory = code == -signal.SIGKILL and kernel_kills() > self._kills
                if self._leaving and code < 0:
                    self._current = None  # not its own doing: the pod's status tells
                elif self._current is not None:
                    if place >= 0:
                        _say(mark_line(At(self._current.mark, place)))
                    used = use_of(usage)
                    self._say_used(replace(used, processor_ns=max(0, used.processor_ns - child.processor_ns)))
                    self._end(code if code >= 0 else 128 - code, out_of_memory=memory)

    @property
    def _worker_folder(self) -> Path:
        return self._scratch / "worker"

    @property
    def _in_batch(self) -> bool:
        return self._current is not None and self._current.batch is not None

    def _kill(self, number: int) -> None:
        if self._child is None:
            return
        below = descendant_pids(self._child.pid)
        # Asked to end, the task's process is; killed is all that it started.
        for pid in reversed(below) if number == signal.SIGKILL else []:
            signal_quietly(pid, number)
        signal_quietly(self._child.pid, number)

    def _bury(self) -> None:
        """End the worker and all that it started."""
        child, self._child = self._child, None
        if child is not None:
            child.control.close()
        bury_all(self._courier_pid)
        shutil.rmtree(self._worker_folder, ignore_errors=True)

    def _fork(self) -> _Child:
        ours, its = socket.socketpair()
        # A signal that comes before the child has handlers of its own would be lost on it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
        pid = os.fork()
        if pid == 0:
            self._become(ours, its)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        its.close()
        ours.setblocking(True)
        self._child = _Child(pid, ours, FrameReader())
        return self._child

    def _become(self, ours: socket.socket, its: socket.socket) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
            for fd in (self._woken, self._wake, self._mailbox.fd):
                os.close(fd)
            self._courier.close()
            ours.close()
            os.setsid()
            die_with_parent()
            prefer_for_oom_kill()
            adopt_orphans()
            folder = self._worker_folder
            folder.mkdir(parents=True, exist_ok=True)
            env = {DURABLE: "1", DURABLE_DOCUMENTS: "1", STORE_RETRY: str(STORE_RETRY_S)}
            serve(its, str(folder), env)
        finally:
            os._exit(127)


def _frame_of(order: Order) -> Run | RunElements:
    """Return what the worker is told."""
    batch = order.batch
    if batch is None:
        return Run(order.args, order.env)
    return RunElements(batch.args, order.env, batch.shared, batch.elements, results_uri=batch.results_uri)


def _say(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    sys.exit(main())
