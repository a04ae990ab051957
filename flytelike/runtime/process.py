"""What the operating system offers to keep hold of processes: death signals, reaping, children.

Linux gives all of it. Elsewhere the parts that are missing do nothing, and the executor's own
killing by process group is what remains.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_LINUX = sys.platform.startswith("linux")
_libc = ctypes.CDLL(None, use_errno=True) if _LINUX else None

OOM_SCORE_ADJUSTMENT = "600"
"""When the machine itself runs out of memory, the kernel shall take a task, not the platform."""


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that forked it ends."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (kept across `exec`)."""
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def prefer_for_oom_kill() -> None:
    """Offer this process to the kernel's out-of-memory killer before others."""
    if _LINUX:
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(OOM_SCORE_ADJUSTMENT)


def has_children() -> bool:
    """Tell whether this process has children, dead ones included. One system call."""
    try:
        os.waitid(os.P_ALL, 0, os.WNOHANG | os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def child_pids(pid: int | None = None) -> list[int]:
    """Return the pids of the direct children of `pid` (default: this process)."""
    found: list[int] = []
    try:
        if pid is None and threading.active_count() == 1:
            return _children_of_thread(os.getpid(), threading.get_native_id())
        owner = os.getpid() if pid is None else pid
        for thread in os.listdir(f"/proc/{owner}/task"):  # noqa: PTH208 - names, not paths
            found += _children_of_thread(owner, int(thread))
    except FileNotFoundError:
        return _child_pids_by_scan(os.getpid() if pid is None else pid)
    except ProcessLookupError:
        return found
    return found


def descendant_pids(pid: int) -> list[int]:
    """Return the pids below `pid`, parents before children."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = child_pids(waiting.pop())
        found += children
        waiting += children
    return found


def _children_of_thread(pid: int, thread: int) -> list[int]:
    fd = os.open(f"/proc/{pid}/task/{thread}/children", os.O_RDONLY)
    try:
        text = b""
        while chunk := os.read(fd, 65536):
            text += chunk
    finally:
        os.close(fd)
    return [int(word) for word in text.split()]


def _child_pids_by_scan(pid: int) -> list[int]:
    import psutil  # noqa: PLC0415 - needed only where the kernel lists no children

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def signal_quietly(pid: int, number: int) -> None:
    """Send a signal; a process that is gone or not ours is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def rss_bytes() -> int:
    """Return this process's resident memory now; where the kernel does not tell, its peak."""
    try:
        fd = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        import resource  # noqa: PLC0415 - absent on some systems

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        return int(os.read(fd, 128).split()[1]) * os.sysconf("SC_PAGE_SIZE")
    finally:
        os.close(fd)
