"""Wakes those who watch an execution when something about it was recorded: within one server.

Where several servers share a database, `listening` does it across them.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection

from flytelike.controlplane.child_news import ChildEnded, ChildNews
from flytelike.model.ids import ExecutionId


class Notifier:
    """Watchers by execution. All methods are called on the event loop."""

    def __init__(self) -> None:
        """Start without watchers."""
        self.children = ChildNews()
        self._watchers: dict[ExecutionId, set[asyncio.Event]] = {}
        self._rules_listeners: list[Callable[[], None]] = []
        self._closed = False

    async def start(self) -> None:
        """Get ready to hear of other servers; there are none here."""

    async def stop(self) -> None:
        """Hear no more of other servers."""

    def tell(self, connection: Connection, executions: Iterable[ExecutionId], ended: Sequence[ChildEnded] = ()) -> None:
        """Tell other servers, with the transaction that records the changes; there are none here.

        Called on the database's threads.
        """

    def tell_rules(self, connection: Connection) -> None:
        """Tell other servers, with the transaction that changes quotas; there are none here."""

    def on_rules(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop when another server may have changed quotas."""
        self._rules_listeners.append(listener)

    def rules_changed(self) -> None:
        """Take in that another server may have changed quotas."""
        for listener in self._rules_listeners:
            listener()

    @contextmanager
    def watching(self, execution: ExecutionId) -> Iterator[asyncio.Event]:
        """Yield an event that is set at each change from now on; the watcher clears it before it looks."""
        event = asyncio.Event()
        watchers = self._watchers.setdefault(execution, set())
        watchers.add(event)
        try:
            yield event
        finally:
            watchers.discard(event)
            if not watchers:
                self._watchers.pop(execution, None)

    def changed(self, executions: Iterable[ExecutionId]) -> None:
        """Wake the watchers of these executions."""
        for execution in executions:
            for event in self._watchers.get(execution, ()):
                event.set()

    def changed_any(self) -> None:
        """Wake all watchers: anything may have changed."""
        self.changed(list(self._watchers))

    @property
    def closed(self) -> bool:
        """Whether watchers should stop watching."""
        return self._closed

    def close(self) -> None:
        """Wake all watchers for the last time."""
        self._closed = True
        self.changed_any()
        self.children.close()
