"""Programs that tests start, and that die with the process which started them, however it ends."""

import ctypes
import os
import signal
import subprocess

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class NotStarted(Exception):
    """A program ended instead of getting ready. Carries the end of what it logged."""


def die_with_parent() -> None:
    """Have the kernel end this process with the thread that started it; for `preexec_fn`."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end(process: "subprocess.Popen[bytes] | None") -> None:
    """End a program as a crash would, if it runs."""
    if process is not None and process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
