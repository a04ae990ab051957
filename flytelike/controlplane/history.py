"""Takes the history of executions over: once each, in order, many records in one transaction."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from flytelike.controlplane.child_news import ChildEnded
from flytelike.controlplane.database import Database
from flytelike.controlplane.notifier import Notifier
from flytelike.controlplane.repository.history import Change, record_entries
from flytelike.model.history import HistoryEntry
from flytelike.model.ids import ExecutionId


class History:
    """The door through which propeller tells what happens."""

    def __init__(self, database: Database, notifier: Notifier) -> None:
        """Record into `database` and wake the watchers of `notifier`."""
        self._database = database
        self._notifier = notifier
        self._listeners: list[Callable[[ChildEnded], None]] = []
        self._call_listeners: list[Callable[[], None]] = []
        self._record_listeners: list[Callable[[], None]] = []
        self._end_listeners: list[Callable[[], None]] = []

    def on_child_ended(self, listener: Callable[[ChildEnded], None]) -> None:
        """Call `listener` on the event loop, after the commit, for each child that ended."""
        self._listeners.append(listener)

    def on_calls_ending(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop, after the commit, when calls are to end with their callers."""
        self._call_listeners.append(listener)

    def on_recorded(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop, after the commit, when anything was recorded."""
        self._record_listeners.append(listener)

    def on_ended(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop, after the commit, when executions have ended that no other one started."""
        self._end_listeners.append(listener)

    async def record(self, batch: Sequence[HistoryEntry]) -> None:
        """Take the entries over durably; those seen before are ignored.

        Raises:
            HistoryGap: entries of an execution are missing between the last one taken over and these.
        """
        if not batch:
            return

        def take(connection: Connection) -> list[Change]:
            changes = record_entries(connection, batch)
            self._notifier.tell(connection, _touched(changes), _ended(changes))
            return changes

        changes = await self._database.write(take)
        self._notifier.changed(_touched(changes))
        if any(change.ending for change in changes):
            for call_listener in self._call_listeners:
                call_listener()
        for record_listener in self._record_listeners:
            record_listener()
        if any(change.ended and change.parent is None for change in changes):
            for end_listener in self._end_listeners:
                end_listener()
        children = _ended(changes)
        self._notifier.children.told(children)
        for child in children:
            for listener in self._listeners:
                listener(child)


def _touched(changes: Sequence[Change]) -> list[ExecutionId]:
    """Return the executions whose watchers look again: a caller watches its calls."""
    callers = [change.parent.execution for change in changes if change.eager and change.ended and change.parent]
    return [*(change.execution for change in changes), *callers]


def _ended(changes: Sequence[Change]) -> list[ChildEnded]:
    """Return the children of launch-plan nodes that ended."""
    return [
        ChildEnded(change.parent, change.parent_attempt, change.execution)
        for change in changes
        if change.ended and change.parent is not None and not change.eager
    ]
