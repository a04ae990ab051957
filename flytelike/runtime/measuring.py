"""What an attempt uses of its machine, measured inside of its process in a few microseconds.

The memory that a process has held at most is the kernel's own count, which Linux lets the process set back to what it
holds now (`clear_refs` in proc(5)): so each attempt of a warm worker has a peak of its own. Where the count cannot be
set back, as on macOS, only an attempt that goes beyond all those before it is known. The kernel keeps the largest of
the children that have been waited for, too, and never sets that back: of an attempt with children that did not go
beyond earlier ones' it is not known either, unless the process itself held more.
"""

import os
import resource
import subprocess
import sys
from typing import NamedTuple

from flytelike.model.usage import AttemptUse

_SELF, _CHILDREN = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
_PEAK = b"5"
"""What sets the peak back when written to `clear_refs`."""

PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""How many bytes `ru_maxrss` counts."""


class Begun(NamedTuple):
    """The counts as an attempt begins. `fresh` tells that the peak was set back."""

    own: resource.struct_rusage
    children: resource.struct_rusage
    fresh: bool


_largest_waited = 0
"""The most that one of the present attempt's children held that `wait` has waited for, in bytes."""


def begin() -> Begun:
    """Begin to measure an attempt of this process."""
    global _largest_waited  # noqa: PLW0603 - as the counts themselves, it is the process's own
    _largest_waited = 0
    fresh = _set_back()
    return Begun(resource.getrusage(_SELF), resource.getrusage(_CHILDREN), fresh)


def used_since(begun: Begun) -> AttemptUse:
    """Return what was used since an attempt began; children count once they have been waited for."""
    own, children = resource.getrusage(_SELF), resource.getrusage(_CHILDREN)
    seconds = _seconds(own) - _seconds(begun.own) + _seconds(children) - _seconds(begun.children)
    return AttemptUse(_peak(begun, own, children), max(0, int(seconds * 1e9)))


def used_so_far() -> AttemptUse:
    """Return what this process and its children have used since it began."""
    own, children = resource.getrusage(_SELF), resource.getrusage(_CHILDREN)
    peak = max(own.ru_maxrss, children.ru_maxrss) * PEAK_UNIT
    return AttemptUse(peak, int((_seconds(own) + _seconds(children)) * 1e9))


def use_of(usage: resource.struct_rusage) -> AttemptUse:
    """Return what a process used that was waited for, with all that it had waited for itself."""
    return AttemptUse(usage.ru_maxrss * PEAK_UNIT, int(_seconds(usage) * 1e9))


def wait(process: "subprocess.Popen[bytes]") -> int:
    """Wait for a child whose own peak shall be known; return its exit code, negative for a signal."""
    global _largest_waited  # noqa: PLW0603 - see `begin`
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    _largest_waited = max(_largest_waited, usage.ru_maxrss * PEAK_UNIT)
    return process.returncode


def _peak(begun: Begun, own: resource.struct_rusage, children: resource.struct_rusage) -> int:
    """Return the most that one process held; 0 if it cannot be told."""
    held_at_most = own.ru_maxrss * PEAK_UNIT
    of_children = _largest_waited
    if children.ru_maxrss > begun.children.ru_maxrss:
        of_children = max(of_children, children.ru_maxrss * PEAK_UNIT)
    if of_children > held_at_most:
        return of_children
    if not begun.fresh and own.ru_maxrss <= begun.own.ru_maxrss:
        return 0
    had_children = children.ru_minflt != begun.children.ru_minflt
    hidden = had_children and not of_children and children.ru_maxrss > own.ru_maxrss
    return 0 if hidden else held_at_most


def _set_back() -> bool:
    # Opened each time: the author's code may have closed, and used again, any descriptor that was left open.
    try:
        fd = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(fd, _PEAK)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _seconds(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime
