"""Ending all processes below this one."""

import os
import select
import signal

from flytelike.runtime.process import child_pids, descendant_pids, has_children, signal_quietly

_ROUNDS = 200
_WAIT_S = 0.005


def bury_all(kept: int = 0) -> None:
    """Kill everything below this process until nothing is left; new orphans keep falling to it.

    Args:
        kept: The pid of a child that lives on; 0 for none.
    """
    for _ in range(_ROUNDS):
        doomed = [pid for pid in child_pids() if pid != kept]
        for pid in doomed:
            for below in descendant_pids(pid):
                signal_quietly(below, signal.SIGKILL)
            signal_quietly(pid, signal.SIGKILL)
        while has_children() and os.waitpid(-1, os.WNOHANG)[0]:
            pass
        if not has_children() or (kept and not doomed):
            return
        select.poll().poll(_WAIT_S * 1000)
