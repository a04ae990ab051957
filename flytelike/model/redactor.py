"""Taking known secrets out of what attempts print and of what is told of their failures."""

import re
from collections.abc import Iterable

SHORTEST = 4
"""Shorter values occur by chance: to blot them out would make the output unreadable and tell what they are."""
BLOT = "[redacted]"


class Redactor:
    """Replaces exact values in a text that comes in pieces.

    A piece's end that may be the beginning of a value is held back until the next piece tells.

    Args:
        values: What to take out; those of less than `SHORTEST` characters are passed over.
    """

    def __init__(self, values: Iterable[str]) -> None:
        known = {form for value in values for form in (value, value.strip()) if len(form) >= SHORTEST}
        self._values = sorted((value.encode() for value in known), key=len, reverse=True)
        self._found = re.compile(b"|".join(map(re.escape, self._values))) if self._values else None
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return what can be shown after another piece."""
        if self._found is None:
            return data
        text = self._found.sub(BLOT.encode(), self._held + data)
        keep = self._open_end(text)
        self._held = text[len(text) - keep :] if keep else b""
        return text[: len(text) - keep]

    def rest(self) -> bytes:
        """Return what is held back; no more pieces come."""
        held, self._held = self._held, b""
        return held

    def text(self, text: str) -> str:
        """Return a whole text without the values."""
        return text if self._found is None else self._found.sub(BLOT.encode(), text.encode()).decode()

    def _open_end(self, text: bytes) -> int:
        """Return how many bytes at the end may be the beginning of a value."""
        longest = min(len(text), len(self._values[0]) - 1)
        for size in range(longest, 0, -1):
            end = text[-size:]
            if any(value.startswith(end) for value in self._values if len(value) > size):
                return size
        return 0
