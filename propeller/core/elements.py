"""The elements of an array in little room: a byte each, and more only for what went wrong.

They are kept in chunks, and a decision holds the chunks that it touches: what an event costs does not grow
with the array. Attempts of an element count from 0, and as for nodes each failure that is retried makes one more.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from flytelike.model.ids import NodePath

CHUNK = 1024
"""How many elements a chunk holds."""


class ElementPhase(IntEnum):
    """How it is with an element; stored as one byte."""

    WAITING = 0
    OPEN = 1
    PAUSED = 2
    SUCCEEDED = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class Chunk:
    """The elements from `number * CHUNK` on.

    `failures` holds for each element that failed before (by its place in the chunk) how many failures were of the
    user's making and how many of the platform's; `pauses` until when an element waits that the platform lost.
    """

    phases: bytes
    failures: tuple[tuple[int, int, int], ...] = ()
    pauses: tuple[tuple[int, int], ...] = ()


class Span(NamedTuple):
    """Consecutive elements that are in the same attempt."""

    first: int
    length: int
    attempt: int = 0

    @property
    def end(self) -> int:
        """The index behind the last one."""
        return self.first + self.length


def spans_of(elements: Iterable[tuple[int, int]]) -> tuple[Span, ...]:
    """Return elements, given as index and attempt by ascending index, as spans."""
    spans: list[Span] = []
    first, end, of = 0, 0, 0
    for index, attempt in elements:
        if index == end and attempt == of and end > first:
            end += 1
            continue
        if end > first:
            spans.append(Span(first, end - first, of))
        first, end, of = index, index + 1, attempt
    if end > first:
        spans.append(Span(first, end - first, of))
    return tuple(spans)


class ChunkEditor:
    """A chunk that is being changed."""

    __slots__ = ("failures", "pauses", "phases")

    def __init__(self, chunk: Chunk) -> None:
        """Begin with what is stored."""
        self.phases = bytearray(chunk.phases)
        self.failures = {place: (users, systems) for place, users, systems in chunk.failures}
        self.pauses = dict(chunk.pauses)

    def chunk(self) -> Chunk:
        """Return the result."""
        failures = tuple((place, *counts) for place, counts in sorted(self.failures.items()))
        return Chunk(bytes(self.phases), failures, tuple(sorted(self.pauses.items())))


class Elements:
    """The elements of one array while an event is taken, over chunks that are only read."""

    __slots__ = ("_editors", "_read", "_scope", "length")

    def __init__(self, scope: NodePath, length: int, read: Callable[[NodePath], Chunk | None]) -> None:
        """Look at the array whose elements lie in `scope`."""
        self.length = length
        self._scope = scope
        self._read = read
        self._editors: dict[int, ChunkEditor] = {}

    def phase(self, index: int) -> ElementPhase:
        """Return how it is with an element."""
        return ElementPhase(self._editor(index // CHUNK).phases[index % CHUNK])

    def failures(self, index: int) -> tuple[int, int]:
        """Return how many failures of the user's making an element had, and how many of the platform's."""
        return self._editor(index // CHUNK).failures.get(index % CHUNK, (0, 0))

    def attempt(self, index: int) -> int:
        """Return the number of an element's present attempt."""
        return sum(self.failures(index))

    def open_in(self, index: int, attempt: int) -> bool:
        """Tell whether an element runs and is in that very attempt."""
        if not 0 <= index < self.length:
            return False
        number, place = divmod(index, CHUNK)
        editor = self._editors.get(number) or self._editor(number)
        if editor.phases[place] != ElementPhase.OPEN:
            return False
        return (sum(editor.failures.get(place, (0, 0))) if editor.failures else 0) == attempt

    def enter(self, index: int, phase: ElementPhase) -> None:
        """Change an element's phase."""
        editor = self._editor(index // CHUNK)
        editor.phases[index % CHUNK] = phase
        if editor.pauses:
            editor.pauses.pop(index % CHUNK, None)

    def open_range(self, first: int, end: int) -> None:
        """Let consecutive elements run that waited."""
        while first < end:
            number, place = divmod(first, CHUNK)
            count = min(end - first, CHUNK - place)
            self._editor(number).phases[place : place + count] = bytes([ElementPhase.OPEN]) * count
            first += count

    def count_failures(self, index: int, users: int, systems: int) -> None:
        """Remember an element's failures so far."""
        self._editor(index // CHUNK).failures[index % CHUNK] = (users, systems)

    def pause(self, index: int, until_ns: int) -> None:
        """Let an element wait."""
        self.enter(index, ElementPhase.PAUSED)
        self._editor(index // CHUNK).pauses[index % CHUNK] = until_ns

    def due(self, number: int, until_ns: int) -> list[int]:
        """Return the elements of a chunk that wait until exactly that instant."""
        if not 0 <= number * CHUNK < self.length:
            return []
        pauses = self._editor(number).pauses
        return sorted(number * CHUNK + place for place, until in pauses.items() if until == until_ns)

    def pauses(self, number: int) -> list[int]:
        """Return until when elements of a chunk wait, each instant once."""
        return sorted(set(self._editor(number).pauses.values()))

    def chunks(self) -> Iterator[tuple[NodePath, Chunk]]:
        """Yield what has changed, by key."""
        for number, editor in self._editors.items():
            key, chunk = chunk_key(self._scope, number), editor.chunk()
            if chunk != self._read(key):
                yield key, chunk

    def _editor(self, number: int) -> ChunkEditor:
        editor = self._editors.get(number)
        if editor is None:
            stored = self._read(chunk_key(self._scope, number))
            if stored is None:
                stored = Chunk(bytes(min(CHUNK, self.length - number * CHUNK)))
            editor = self._editors[number] = ChunkEditor(stored)
        return editor


def element_path(scope: NodePath, index: int) -> NodePath:
    """Return the path of an element of the array that opened the scope."""
    return NodePath(f"{scope}.{index}")


def element_of(path: NodePath) -> NodePath:
    """Return the outermost element that a path is, or lies in; the empty path if it is outside of all arrays.

    Every other part of a path is a node's id, and those of elements are numbers.
    """
    if "." not in path:
        return NodePath("")
    parts = path.split(".")
    for position in range(2, len(parts), 2):
        if parts[position].isdecimal():
            return NodePath(".".join(parts[: position + 1]))
    return NodePath("")


def chunk_key(scope: NodePath, number: int) -> NodePath:
    """Return the key that a chunk of an array's elements is stored under; no node has such a path."""
    return NodePath(f"{scope}#{number}")


def is_chunk(key: str) -> bool:
    """Tell whether a key is that of a chunk."""
    return "#" in key
