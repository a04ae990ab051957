"""Wakes those who watch an execution when something about it was recorded: within one server.

Where several servers share a database, `listening` does it across them.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection

from flytelike.controlplane.child_news import ChildEnded, ChildNews
from flytelike.model.ids import ExecutionId

NAMES_MAX = 1_000
"""How many names of changed executions are kept for a watcher of a domain."""


@dataclass(eq=False, slots=True)
class PlaceChanges:
    """What changed in a domain since its watcher looked last."""

    woken: asyncio.Event = field(default_factory=asyncio.Event)
    names: set[str] = field(default_factory=set)

    def tell(self, name: str) -> None:
        """Note that an execution changed, and wake the watcher."""
        if len(self.names) < NAMES_MAX:
            self.names.add(name)
        self.woken.set()

    def taken(self, limit: int) -> list[str]:
        """Return the names of some executions that changed, and begin anew."""
        names = sorted(self.names)[:limit]
        self.names.clear()
        self.woken.clear()
        return names


class Notifier:
    """Watchers by execution. All methods are called on the event loop."""

    def __init__(self) -> None:
        """Start without watchers."""
        self.children = ChildNews()
        self._watchers: dict[ExecutionId, set[asyncio.Event]] = {}
        self._rules_listeners: list[Callable[[], None]] = []
        self._of_places: dict[tuple[str, str], set[PlaceChanges]] = {}
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

    @contextmanager
    def watching_place(self, place: tuple[str, str]) -> Iterator[PlaceChanges]:
        """Yield what is told of each change in a project and domain from now on."""
        changes = PlaceChanges()
        watchers = self._of_places.setdefault(place, set())
        watchers.add(changes)
        try:
            yield changes
        finally:
            watchers.discard(changes)
            if not watchers:
                self._of_places.pop(place, None)

    def changed(self, executions: Iterable[ExecutionId]) -> None:
        """Wake the watchers of these executions."""
        for execution in executions:
            for event in self._watchers.get(execution, ()):
                event.set()
            for changes in self._of_places.get((execution.project, execution.domain), ()):
                changes.tell(execution.name)

    def changed_any(self) -> None:
        """Wake all watchers: anything may have changed."""
        self.changed(list(self._watchers))
        for watchers in self._of_places.values():
            for changes in watchers:
                changes.woken.set()

    @property
    def closed(self) -> bool:
        """Whether watchers should stop watching."""
        return self._closed

    def close(self) -> None:
        """Wake all watchers for the last time."""
        self._closed = True
        self.changed_any()
        self.children.close()
