"""Decks: parts of an attempt's report, in HTML that the task makes."""

from collections.abc import Callable
from contextvars import ContextVar

from typing_extensions import override


class Deck:
    """One part of the report of the task that runs; making it adds it to `current_context().decks`.

    Its HTML is the author's own: whoever shows it puts it into a frame that can reach nothing else.
    """

    def __init__(self, name: str, html: str | None = None) -> None:
        """Add a part.

        Args:
            name: Its title.
            html: Its first content.
        """
        self.name = name
        self._parts: list[str] = [html] if html else []
        collected.get().append(self)

    def append(self, html: str) -> "Deck":
        """Add content at the end."""
        self._parts.append(html)
        return self

    @property
    def html(self) -> str:
        """All of its content."""
        return "\n".join(self._parts)

    @staticmethod
    def publish() -> None:
        """Store the report as it is now, while the task goes on; without `enable_deck=True` it does nothing."""
        publisher.get()()

    @override
    def __repr__(self) -> str:
        """Show the name and how much there is."""
        return f"Deck({self.name!r}, {len(self.html)} characters)"


_OUTSIDE: list[Deck] = []
collected: ContextVar[list[Deck]] = ContextVar("flytelike_decks", default=_OUTSIDE)
"""The decks of the task that runs; those of plain Python gather in one list."""
publisher: ContextVar[Callable[[], None]] = ContextVar("flytelike_deck_publisher", default=lambda: None)
"""What stores the report of the task that runs."""
