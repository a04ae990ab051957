"""The ends of children, for those who wait for them: engines in other processes."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from flytelike.model.ids import ExecutionId, NodeExecutionId

WAITING_MAX = 10_000
"""How many ends wait for one who is slow to hear; then he is told to look for himself."""


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """An execution that a launch-plan node started has reached a terminal phase."""

    parent: NodeExecutionId
    attempt: int
    child: ExecutionId


@dataclass(frozen=True, slots=True)
class News:
    """What is new. `look`: ends may have been missed before, so that whoever waits for a child looks how it goes."""

    ended: Sequence[ChildEnded]
    look: bool


class Listener:
    """One who hears; made by `ChildNews.listening`."""

    def __init__(self) -> None:
        """Begin by looking: what ended before is not told."""
        self._ended: list[ChildEnded] = []
        self._look = True
        self._woken = asyncio.Event()
        self._woken.set()

    async def next(self) -> News:
        """Return what is new, as soon as there is something."""
        await self._woken.wait()
        self._woken.clear()
        news = News(self._ended, self._look)
        self._ended, self._look = [], False
        return news

    def take(self, ended: Iterable[ChildEnded], *, look: bool = False) -> None:
        """Take news in."""
        self._ended.extend(ended)
        self._look = self._look or look
        if len(self._ended) > WAITING_MAX:
            self._ended, self._look = [], True
        self._woken.set()


class ChildNews:
    """Spreads ends of children. All methods are called on the event loop."""

    def __init__(self) -> None:
        """Start without listeners."""
        self._listeners: set[Listener] = set()
        self.closed = False

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """Yield one who hears from now on."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def told(self, ended: Sequence[ChildEnded]) -> None:
        """Spread ends."""
        if ended:
            for listener in self._listeners:
                listener.take(ended)

    def missed(self) -> None:
        """Let everybody look: ends may have been missed."""
        for listener in self._listeners:
            listener.take((), look=True)

    def close(self) -> None:
        """Wake everybody for the last time."""
        self.closed = True
        self.missed()
