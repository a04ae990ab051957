"""What executions wait for that is no fault of theirs: a full disk, a database that does not answer.

Whoever is held up notes why, and takes the note back once it goes on. Such a thing is waited out however long it
lasts; it is told once in the log when it begins and once when it is over, and to everybody who asks meanwhile.
"""

import logging
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from flytelike.model.diagnostic import DiagnosticError
from flytelike.model.ids import ExecutionId
from flytelike.model.trouble import EXPECTED, PASSING, Trouble
from flytelike.storage import OutOfSpace, Unavailable
from propeller.ports import BlobsAway, BlobsFull, Clock, Conflict, Owned, StoreError

_LOG = logging.getLogger(__name__)

PAUSE_NS_MAX = 3_000_000_000
"""The longest pause before what met a trouble is tried again: it costs little, and nobody is to wait in vain."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The code of a diagnostic, and one phrase."""

    code: str
    message: str


def cause_of(error: Exception) -> Cause | None:
    """Return the trouble that an error tells of; None if it may be the fault of what was asked."""
    match error:
        case Conflict() | Owned():
            return None
        case StoreError():
            return None if error.lasting else Cause(error.code, error.message)
        case BlobsFull() | OutOfSpace():
            return Cause("disk-full", str(error))
        case BlobsAway() | Unavailable():
            return Cause("object-store-unavailable", str(error))
        case DiagnosticError():
            found = next((it for it in error.diagnostics if it.code in PASSING), None)
            return None if found is None else Cause(found.code, found.headline)
        case _:
            return None


@dataclass(frozen=True, slots=True)
class _Note:
    cause: Cause
    since_ns: int
    execution: ExecutionId | None


class Troubles:
    """The notes of those who are held up now."""

    def __init__(self, clock: Clock) -> None:
        """Start without any."""
        self._clock = clock
        self._notes: dict[Hashable, _Note] = {}
        self._of: dict[ExecutionId, dict[Hashable, _Note]] = {}
        self._counts: Counter[str] = Counter()

    def note(self, who: Hashable, cause: Cause, execution: ExecutionId | None = None) -> bool:
        """Note that somebody is held up; `execution` waits for it. Tell whether that is news."""
        known = self._notes.get(who)
        if known is not None and known.cause.code == cause.code:
            return False
        if not self._counts[cause.code] and cause.code not in EXPECTED:
            _LOG.error("executions wait until this is over: %s [%s]", cause.message, cause.code)
        self._counts[cause.code] += 1
        self.over(who)
        note = self._notes[who] = _Note(cause, self._clock.now_ns(), execution)
        if execution is not None:
            self._of.setdefault(execution, {})[who] = note
        return True

    def over(self, who: Hashable) -> bool:
        """Take somebody's note back; tell whether there was one."""
        known = self._notes.pop(who, None) if self._notes else None
        if known is None:
            return False
        if known.execution is not None:
            notes = self._of[known.execution]
            del notes[who]
            if not notes:
                del self._of[known.execution]
        self._counts[known.cause.code] -= 1
        if not self._counts[known.cause.code] and known.cause.code not in EXPECTED:
            _LOG.warning("executions go on, this is over: [%s]", known.cause.code)
        return True

    def forget(self, execution: ExecutionId) -> None:
        """Take back all notes about an execution."""
        for who in list(self._of.get(execution, ())):
            self.over(who)

    def of(self, execution: ExecutionId) -> Cause | None:
        """Return what holds an execution up first; None if nothing does."""
        notes = self._of.get(execution)
        return next(iter(notes.values())).cause if notes else None

    def current(self) -> Sequence[Trouble]:
        """Return what goes on, one for each code, the oldest first."""
        found: dict[str, Trouble] = {}
        for note in sorted(self._notes.values(), key=lambda one: one.since_ns):
            code = note.cause.code
            first = found.get(code, Trouble(code, note.cause.message, note.since_ns))
            more = frozenset() if note.execution is None else {note.execution}
            found[code] = Trouble(code, first.message, first.since_ns, first.executions | more)
        return list(found.values())
