"""Brings a warm worker back to how a fresh process would find itself, attempt after attempt.

What can be put back is put back; what cannot (threads, processes, a grown heap) is a reason to
retire the worker. Module state of the author's own code stays: it is what being warm means.
"""

import logging
import os
import shutil
import signal
import sys
import threading
from _signal import getsignal as _handler_of  # type: ignore[import-not-found]  # the public one costs ten times as much
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from flytelike.runtime.process import has_children

_SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGALRM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGCHLD,
    signal.SIGPIPE,
)


class Environment:
    """The process's environment: a base that stays, and each attempt's own part."""

    def __init__(self) -> None:
        self._base = dict(os.environ)
        self._own: Mapping[str, str] = {}
        self._expected = _environment_now()
        self.whole: Mapping[str, str] = self._base
        """What is set for the present attempt: the same as in `os.environ`, and quicker to read."""

    def enter(self, own: Mapping[str, str]) -> None:
        """Replace the last attempt's own part by another."""
        last = self._own
        for name in last.keys() - own.keys():
            self._restore(name)
        for name, text in own.items():
            if last.get(name) != text:
                os.environ[name] = text
        self._own = own
        self._expected = _environment_now()
        self.whole = {**self._base, **own}

    def vary(self, names: Mapping[str, str]) -> bool:
        """Change some of the present attempt's own part; tell whether there is one."""
        if not self._own:
            return False
        os.environ.update(names)
        self._own = {**self._own, **names}
        self.whole = {**self.whole, **names}
        self._expected = _environment_now()
        return True

    def leave(self) -> None:
        """Undo what the attempt itself set or removed."""
        if _environment_now() == self._expected:
            return
        for name in os.environ.keys() | self._base.keys():
            self._restore(name)
        self._own = {}

    def _restore(self, name: str) -> None:
        if name in self._base:
            os.environ[name] = self._base[name]
        else:
            os.environ.pop(name, None)


def _environment_now() -> object:
    # Reading through os.environ decodes every name and value, which costs more than a no-op task.
    raw = getattr(os.environ, "_data", None)
    return dict(os.environ) if raw is None else dict(raw)


class WorkingFolder:
    """A private working directory that shows the code bundle's top level through links.

    An author's relative paths find the bundle's files, as they do in a container whose working
    directory is the code; what a task writes lands in a folder of its own.
    """

    def __init__(self, scratch: Path) -> None:
        self.path = scratch / "work"
        self.temporary = scratch / "tmp"
        self._shows = ""
        self._seen: tuple[int, int] = (0, 0)
        self.temporary.mkdir(parents=True, exist_ok=True)
        self.path.mkdir(parents=True, exist_ok=True)

    def enter(self, code_root: str) -> None:
        """Make the folder fresh and the process's working directory."""
        if code_root != self._shows or self._stamps() != self._seen:
            self._fill(code_root)
        os.chdir(self.path)

    def _fill(self, code_root: str) -> None:
        os.chdir("/")
        for folder in (self.path, self.temporary):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
        if code_root:
            for entry in os.scandir(code_root):
                if entry.name != "__pycache__":  # the interpreter's, not the author's: it comes and goes
                    (self.path / entry.name).symlink_to(entry.path)
        self._shows = code_root
        self._seen = self._stamps()

    def _stamps(self) -> tuple[int, int]:
        try:
            return os.stat(self.path).st_mtime_ns, os.stat(self.temporary).st_mtime_ns  # noqa: PTH116 - hot path
        except FileNotFoundError:
            return (-1, -1)


class Standards:
    """Standard streams, signal handlers and the root logger, as they were when first seen."""

    def __init__(self) -> None:
        self._output = os.dup(1)
        self._streams = _opened_streams()
        sys.stdin, sys.stdout, sys.stderr = self._streams
        self._place = _place(1)
        self._handlers = {number: _handler_of(number) for number in _SIGNALS}
        self._logging: tuple[list[logging.Handler], int, int] | None = None
        self._threads = threading.active_count()

    def note(self) -> None:
        """Remember what importing the author's module set up; it is part of the code."""
        root = logging.getLogger()
        self._logging = (list(root.handlers), root.level, logging.root.manager.disable)
        self._threads = threading.active_count()

    def restore(self) -> None:
        """Put everything back and send out what was printed."""
        sys.stdin, sys.stdout, sys.stderr = self._streams
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                self._reopen()
        if _place(1) != self._place or _place(2) != self._place:
            os.dup2(self._output, 1)
            os.dup2(self._output, 2)
        for number, handler in self._handlers.items():
            if _handler_of(number) is not handler:
                signal.signal(number, handler)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self._logging is not None:
            self._restore_logging(*self._logging)

    def redirect(self, target: int) -> int:
        """Let what is printed go to another descriptor from now on; return one for where it went, to be closed."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        before, self._output = self._output, os.dup(target)
        os.dup2(self._output, 1)
        os.dup2(self._output, 2)
        self._place = _place(1)
        return before

    def remains(self) -> str:
        """Return what the attempt left behind that cannot be put back; empty for nothing."""
        if threading.active_count() > self._threads:
            return "threads left behind"
        if has_children():
            return "processes left behind"
        return ""

    def _reopen(self) -> None:
        os.dup2(self._output, 1)
        os.dup2(self._output, 2)
        self._streams = _opened_streams()
        sys.stdin, sys.stdout, sys.stderr = self._streams

    @staticmethod
    def _restore_logging(handlers: list[logging.Handler], level: int, disable: int) -> None:
        root = logging.getLogger()
        if root.handlers != handlers:
            root.handlers[:] = handlers
        if root.level != level:
            root.setLevel(level)
        if logging.root.manager.disable != disable:
            logging.disable(disable)


def _opened_streams() -> tuple[TextIO, TextIO, TextIO]:
    """Return standard streams that send out each line as it is written, whatever it holds."""
    output, errors = (
        os.fdopen(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False) for fd in (1, 2)
    )
    return os.fdopen(0, encoding="utf-8", closefd=False), output, errors


def _place(fd: int) -> tuple[int, int]:
    try:
        status = os.fstat(fd)
    except OSError:
        return (-1, -1)
    return status.st_dev, status.st_ino
