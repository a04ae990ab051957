"""Timers and their stamps. A stamp names the very run it is for, so that an old timer is stale."""

from flytelike.model.failure import Failure, Fault
from flytelike.model.ids import ROOT, NodePath
from propeller.core.commands import SetTimer

GRACE_NS = 60_000_000_000
"""How long after an attempt's deadline the core still waits for the executor to enforce it."""

TIMEOUT_CODE = "TimeoutExpired"
"""Flyte's code for every deadline that passed."""

EXECUTION_STAMP = "timeout"


def stamp(attempt: int, started_ns: int) -> str:
    """Return the stamp of the deadline of the run that started then."""
    return f"{attempt}/deadline/{started_ns}"


def deadline(path: NodePath, attempt: int, started_ns: int, due_ns: int) -> SetTimer:
    """Return the command that watches over a run of a node."""
    name = stamp(attempt, started_ns)
    return SetTimer(f"{path}/{name}", path, name, due_ns)


def queued_stamp(attempt: int) -> str:
    """Return the stamp of the time by which an attempt must run."""
    return f"{attempt}/queued"


def queued(path: NodePath, attempt: int, due_ns: int) -> SetTimer:
    """Return the command that watches over an attempt that waits."""
    name = queued_stamp(attempt)
    return SetTimer(f"{path}/{name}", path, name, due_ns)


def graph_stamp(attempt: int, started_ns: int) -> str:
    """Return the stamp of the deadline of the nodes that an attempt gave."""
    return f"{attempt}/graph/{started_ns}"


def graph_deadline(path: NodePath, attempt: int, started_ns: int, due_ns: int) -> SetTimer:
    """Return the command that watches over the nodes that an attempt gave."""
    name = graph_stamp(attempt, started_ns)
    return SetTimer(f"{path}/{name}", path, name, due_ns)


def retry_stamp(attempt: int) -> str:
    """Return the stamp of the pause before an attempt."""
    return f"{attempt}/retry"


def retry(path: NodePath, attempt: int, due_ns: int) -> SetTimer:
    """Return the command that wakes a node from its back-off."""
    name = retry_stamp(attempt)
    return SetTimer(f"{path}/{name}", path, name, due_ns)


def cache_stamp(asked: int) -> str:
    """Return the stamp of the time at which a node that waits for another's result asks for it again."""
    return f"cache/{asked}"


def cache(path: NodePath, asked: int, due_ns: int) -> SetTimer:
    """Return the command that lets a node ask again for a result that another computes."""
    name = cache_stamp(asked)
    return SetTimer(f"{path}/{name}", path, name, due_ns)


def execution_timeout(due_ns: int) -> SetTimer:
    """Return the command that watches over the execution."""
    return SetTimer(f"/{EXECUTION_STAMP}", ROOT, EXECUTION_STAMP, due_ns)


def waited(timeout_ns: int) -> Failure:
    """Return the failure of an attempt that did not begin in time."""
    return Failure(
        TIMEOUT_CODE,
        f"The attempt waited longer than its queued timeout of {timeout_ns / 1e9:g} s",
        Fault.USER,
        retryable=True,
    )


def expired(what: str, timeout_ns: int) -> Failure:
    """Return the failure of something that ran out of its time."""
    return Failure(
        TIMEOUT_CODE,
        f"{what} took longer than its timeout of {timeout_ns / 1e9:g} s",
        Fault.USER,
        retryable=True,
    )
