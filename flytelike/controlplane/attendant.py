"""What is written along with a call's change: in its transaction, so that neither is there without the other."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from flytelike.controlplane.group_commit import Work


class Attendant:
    """Work that goes with the first transaction that the call's own task writes; `done` once that is durable."""

    def __init__(self, work: Work[None]) -> None:
        """Belong to the current task: what it leaves to others, such as notes in the background, goes without."""
        self.work = work
        self.done = False
        self._task = asyncio.current_task()

    @property
    def waits(self) -> bool:
        """Whether the transaction that the current task writes now is the one."""
        return not self.done and asyncio.current_task() is self._task


_ATTENDANT: ContextVar[Attendant | None] = ContextVar("attendant", default=None)


@contextmanager
def attended(attendant: Attendant | None) -> Iterator[None]:
    """Let it go with what is written in the context."""
    token = _ATTENDANT.set(attendant)
    try:
        yield
    finally:
        _ATTENDANT.reset(token)


def attendant() -> Attendant | None:
    """Return what goes with the transaction that is written now, if anything."""
    found = _ATTENDANT.get()
    return found if found is not None and found.waits else None
