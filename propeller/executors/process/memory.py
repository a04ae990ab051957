"""How much memory an attempt's processes hold, and whether the kernel ran out of it."""

import contextlib
import os
import re
from pathlib import Path

import psutil

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process and everything below it; shared pages count twice."""
    return sum(_resident(each) for each in _tree(pid))


def proportional_bytes(pid: int) -> int:
    """Return the memory of a process and everything below it, shared pages counted by share.

    Slower than `resident_bytes`, and the truth about processes that were forked from one another.
    Falls back to it where the kernel does not tell.
    """
    return sum(_proportional(each) for each in _tree(pid))


def kernel_kills() -> int:
    """Return how often the kernel has killed for memory in this process's memory group.

    0 where it does not tell. Only the difference of two readings means something.
    """
    for path in _EVENT_FILES:
        with contextlib.suppress(OSError):
            match = re.search(r"^oom_kill (\d+)$", path.read_text(), re.MULTILINE)
            if match is not None:
                return int(match[1])
    return 0


def _event_files() -> tuple[Path, ...]:
    try:
        groups = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return ()
    files: list[Path] = []
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            files.append(Path(f"/sys/fs/cgroup{path}/memory.events"))
        elif "memory" in controllers.split(","):
            files.append(Path(f"/sys/fs/cgroup/memory{path}/memory.oom_control"))
    return tuple(files)


_EVENT_FILES = _event_files()


def _tree(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        found += _children(each)
    return found


def _children(pid: int) -> list[int]:
    # psutil reads every process of the machine to find children; the kernel knows them.
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - names, not paths
            text = Path(f"/proc/{pid}/task/{thread}/children").read_text()
            found += [int(word) for word in text.split()]
    except FileNotFoundError:
        if not Path("/proc/self/task").exists():
            with contextlib.suppress(psutil.Error):
                return [child.pid for child in psutil.Process(pid).children()]
    except (ProcessLookupError, PermissionError):
        pass
    return found


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
    except (OSError, IndexError):
        with contextlib.suppress(psutil.Error):
            return psutil.Process(pid).memory_info().rss
    return 0


def _proportional(pid: int) -> int:
    try:
        match = re.search(rb"^Pss:\s+(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_bytes(), re.MULTILINE)
    except OSError:
        return _resident(pid)
    return int(match[1]) * 1024 if match else 0
