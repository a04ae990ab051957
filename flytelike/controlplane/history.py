"""Takes the history of executions over: once each, in order, many records in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from flytelike.controlplane.database import Database
from flytelike.controlplane.notifier import Notifier
from flytelike.controlplane.repository.history import Change, record_entries
from flytelike.model.history import HistoryEntry
from flytelike.model.ids import ExecutionId, NodeExecutionId


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """An execution that a launch-plan node started has reached a terminal phase."""

    parent: NodeExecutionId
    attempt: int
    child: ExecutionId


class History:
    """The door through which propeller tells what happens."""

    def __init__(self, database: Database, notifier: Notifier) -> None:
        """Record into `database` and wake the watchers of `notifier`."""
        self._database = database
        self._notifier = notifier
        self._listeners: list[Callable[[ChildEnded], None]] = []

    def on_child_ended(self, listener: Callable[[ChildEnded], None]) -> None:
        """Call `listener` on the event loop, after the commit, for each child that ended."""
        self._listeners.append(listener)

    async def record(self, batch: Sequence[HistoryEntry]) -> None:
        """Take the entries over durably; those seen before are ignored.

        Raises:
            HistoryGap: entries of an execution are missing between the last one taken over and these.
        """
        if not batch:
            return

        def take(connection: Connection) -> list[Change]:
            changes = record_entries(connection, batch)
            self._notifier.tell(connection, [change.execution for change in changes])
            return changes

        changes = await self._database.write(take)
        self._notifier.changed(change.execution for change in changes)
        for change in changes:
            if (ended := _ended_child(change)) is not None:
                for listener in self._listeners:
                    listener(ended)


def _ended_child(change: Change) -> ChildEnded | None:
    if not change.ended or change.parent is None:
        return None
    return ChildEnded(change.parent, change.parent_attempt, change.execution)
