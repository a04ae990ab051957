"""What the end of a process means for its attempt."""

import signal
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from flytelike.model.failure import Failure, Fault
from propeller.executors.codes import (
    DISK_FULL,
    ENDED_EARLY,
    GRANT_LOST,
    INTERRUPTED,
    KILLED_BY_SIGNAL,
    NON_ZERO_EXIT,
    NOT_STARTED,
    OOM_KILLED,
    OUTPUTS_NOT_FOUND,
    PROGRAM_NOT_FOUND,
    TIMEOUT_EXPIRED,
)

_SHELL_SIGNAL_BASE = 128
_PYTHON_SIGNAL_BASE = 256
_KILLING = frozenset({signal.SIGABRT, signal.SIGBUS, signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM})
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Stopped because it ran longer than it may."""

    limit_ns: int


@dataclass(frozen=True, slots=True)
class Aborted:
    """Stopped because somebody asked."""

    reason: str


@dataclass(frozen=True, slots=True)
class OverMemory:
    """Stopped because it used more memory than its limit."""

    used_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class GrantLost:
    """Stopped because what it uses is somebody else's now."""


Stop: TypeAlias = TimedOut | Aborted | OverMemory | GrantLost


def failure_of_stop(stop: Stop) -> Failure:
    """Return the failure of an attempt that the executor stopped."""
    match stop:
        case TimedOut(limit_ns):
            text = (
                f"The attempt ran longer than its timeout of {limit_ns / 1e9:g} s and was stopped. "
                "Raise the task's timeout, or make it faster."
            )
            return Failure(TIMEOUT_EXPIRED, text, Fault.USER, retryable=True)
        case OverMemory(used, limit):
            text = (
                f"The attempt used {used / _MIB:.0f} MiB of memory; its limit is {limit / _MIB:.0f} MiB. "
                "Raise it with limits=Resources(mem=...), or hold less at once."
            )
            return Failure(OOM_KILLED, text, Fault.USER, retryable=True)
        case GrantLost():
            text = "Its part of the quota went to others while nothing was heard of this engine; it is run again."
            return Failure(GRANT_LOST, text, Fault.SYSTEM, retryable=True)
        case Aborted(reason):
            return Failure("Aborted", reason, Fault.USER, retryable=False)
        case _:
            assert_never(stop)


def failure_of_exit(status: int, *, memory_event: bool, tail: str = "") -> Failure:
    """Return the failure of a process that ended without saying how its attempt went.

    Args:
        status: The exit code; negative for a signal.
        memory_event: Whether the kernel killed something for memory while it ran.
        tail: The last of what it printed.
    """
    number = _signal_of(status)
    if number == signal.SIGKILL and memory_event:
        text = "It was killed by the kernel because the machine, or the platform's memory group, ran out of memory."
        return Failure(OOM_KILLED, _with_tail(text, tail), Fault.USER, retryable=True)
    if status == -signal.SIGKILL:
        text = (
            f"The process was killed by {_named(number)}, not by the platform. "
            "If the machine is short of memory, that is the likely cause."
        )
        return Failure(INTERRUPTED, _with_tail(text, tail), Fault.SYSTEM, retryable=True)
    if status < 0:
        return Failure(
            KILLED_BY_SIGNAL, _with_tail(f"The process was killed by {_named(number)}.", tail), Fault.USER, True
        )
    if status == 0:
        text = "The process ended (exit code 0) before the task returned: it, or a library, called os._exit."
        return Failure(ENDED_EARLY, _with_tail(text, tail), Fault.USER, retryable=True)
    text = f"The process ended with exit code {status}"
    if 0 < number < signal.NSIG:
        text += f", which means killed by {_named(number)}"
        text += "; likely it ran out of memory" if number == signal.SIGKILL else ""
    return Failure(NON_ZERO_EXIT, _with_tail(f"{text}.", tail), Fault.USER, retryable=True)


def failure_of_no_outputs(uri: str, tail: str = "") -> Failure:
    """Return the failure of a program that ended well but left no outputs."""
    text = f"The program ended with exit code 0 but there are no outputs at {uri}."
    return Failure(OUTPUTS_NOT_FOUND, _with_tail(text, tail), Fault.USER, retryable=True)


def failure_of_start(error: int, message: str, program: str, remedy: str = "") -> Failure:
    """Return the failure of a process that could not be made.

    Args:
        error: An errno.
        message: Its text.
        program: What should have run.
        remedy: What to do when the program is missing, as a sentence.
    """
    if error in {2, 13, 8, 20}:  # ENOENT, EACCES, ENOEXEC, ENOTDIR
        text = (
            f"{program} cannot be run: {message}. Tasks run as processes of this machine here and no image is "
            f"pulled. {remedy}".rstrip()
        )
        return Failure(PROGRAM_NOT_FOUND, text, Fault.USER, retryable=False)
    return Failure(NOT_STARTED, f"No process could be made for {program}: {message}", Fault.SYSTEM, retryable=True)


def failure_of_full_disk(error: Exception) -> Failure:
    """Return the failure of an attempt that could not be prepared since nothing more can be written."""
    return Failure(DISK_FULL, f"Nothing more can be written: {error}", Fault.SYSTEM, retryable=True)


def explained_failure(failure: Failure, tail: str, remedy: str) -> Failure:
    """Return the failure of a program that a worker ran, with what only the executor knows.

    Args:
        failure: What the worker tells.
        tail: The last of what the program printed.
        remedy: What to do when the program is missing, as a sentence.
    """
    match failure.code:
        case code if code == PROGRAM_NOT_FOUND:
            text = f"{failure.message}. Tasks run as processes of this machine here and no image is pulled. {remedy}"
            return replace(failure, message=text)
        case code if code == NON_ZERO_EXIT and tail:
            return replace(failure, message=_with_tail(failure.message, tail))
        case _:
            return failure


LOST = Failure(INTERRUPTED, "The process that keeps the workers was killed.", Fault.SYSTEM, retryable=True)


def _signal_of(status: int) -> int:
    """Return the signal that an exit status tells of; 0 or less, or beyond the last one, for none.

    A shell adds 128 to what killed the process it waited for. A Python program that exits with the
    negative status of one it started, as `pyflyte-fast-execute` does, ends with 256 less the signal.
    """
    if status < 0:
        return -status
    if (wrapped := _PYTHON_SIGNAL_BASE - status) in _KILLING:
        return wrapped
    return status - _SHELL_SIGNAL_BASE


def _named(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def _with_tail(text: str, tail: str) -> str:
    return f"{text}\n\nThe last it printed:\n{tail}" if tail else text
