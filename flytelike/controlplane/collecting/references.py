"""Who refers to data below the platform's folders. Pure.

Addresses are found as text in serialised messages, whatever the type of the value that carries them: a
protobuf string, a msgpack document and a JSON struct all hold them as they are. So a file in a field of a
dataclass counts as much as one that is an output of its own. Where an address may end earlier than its text
seems to, both readings count: rather is something kept that nobody needs.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SEGMENT = rb"[^\x00-\x1f\x7f/]{1,1024}"
FOLLOWED = rb"\.pb"
"""Documents that values name (large values are kept outside of the message) are read for addresses, too."""


Own = Callable[[str], bool]
"""Tells whether a place (`ab/run-n0-0`) belongs to who refers to it."""


def nothing(_place: str) -> bool:
    """Own no place."""
    return False


@dataclass(frozen=True, slots=True)
class Root:
    """A folder of which the places `depth` levels below it are kept or deleted as wholes."""

    uri: str
    depth: int

    @property
    def location(self) -> str:
        """The uri without its scheme: stock clients write `file:///a` and `/a` for the same place."""
        return self.uri.partition("://")[2] or self.uri


@dataclass(slots=True)
class References:
    """The places below one root that somebody refers to, each with one who does."""

    root: Root
    _found: dict[str, str] = field(default_factory=dict)
    _sorted: list[str] = field(default_factory=list)
    _pattern: re.Pattern[bytes] = field(init=False)

    def __post_init__(self) -> None:
        """Prepare to find the root's addresses."""
        above = rb"(?:%s/+){0,%d}" % (SEGMENT, self.root.depth - 1)
        self._pattern = re.compile(re.escape(self._location) + rb"/+(" + above + rb"(?:%s)?)" % SEGMENT)

    @property
    def _location(self) -> bytes:
        return self.root.location.rstrip("/").encode()

    def scan(self, data: bytes, by: str, own: Own = nothing) -> None:
        """Note the places that a serialised message names.

        Args:
            data: The message.
            by: Who refers, for people.
            own: Tells which places are the referrer's own; those are not noted.
        """
        for match in self._pattern.finditer(data):
            steps = [step for step in match.group(1).decode("utf-8", "surrogateescape").split("/") if step]
            place = "/".join(steps)
            if not own(place):
                self._found.setdefault(place, by)

    def referrer(self, place: str) -> str | None:
        """Return who refers to a place (`ab/run-n0-0`) or to a folder that holds it; None if nobody does."""
        if len(self._sorted) != len(self._found):
            self._sorted = sorted(self._found)
        # A text may go on behind the address with the bytes of the next field.
        index = bisect_left(self._sorted, place)
        if index < len(self._sorted) and self._sorted[index].startswith(place):
            return self._found[self._sorted[index]]
        steps = place.split("/")
        holders = ("/".join(steps[:length]) for length in range(len(steps) - 1, -1, -1))
        return next((self._found[holder] for holder in holders if holder in self._found), None)

    def __len__(self) -> int:
        """Return how many places are referred to."""
        return len(self._found)


def named_documents(data: bytes, roots: tuple[Root, ...]) -> Iterator[str]:
    """Yield the locations of documents below the roots that a message names."""
    for root in roots:
        location = root.location.rstrip("/").encode()
        for match in re.finditer(re.escape(location) + rb"/[^\x00-\x1f\x7f]{1,1024}?" + FOLLOWED, data):
            prefix = root.uri.rstrip("/")
            yield prefix + match.group(0)[len(location) :].decode("utf-8", "surrogateescape")
