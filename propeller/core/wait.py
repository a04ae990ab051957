"""What a node waits for, in words for people: the same in the history, the API and on the command line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wait:
    """What completes "waits for ...", and until when at most; 0 for as long as it takes."""

    what: str
    until_ns: int = 0


NO_WAIT = Wait("")


def for_signal(name: str, *, approval: bool, until_ns: int = 0) -> Wait:
    """Return a gate's wait for a value from outside."""
    return Wait(f'{"approval" if approval else "signal"} "{name}"', until_ns)


def for_time(until_ns: int) -> Wait:
    """Return a sleep."""
    return Wait("its time", until_ns)


def for_equal_work(until_ns: int) -> Wait:
    """Return the wait for somebody else who computes an equal result."""
    return Wait("an equal task that runs already", until_ns)


def for_room(what: str) -> Wait:
    """Return an attempt's wait for what others use; what that is says whoever runs attempts."""
    return Wait(what)


def for_place(limit: int) -> Wait:
    """Return the wait for other nodes of the execution, of which only so many may run at once."""
    return Wait(f"one of {limit} places (max_parallelism)")
