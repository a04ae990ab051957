"""What the tasks themselves noted: the side effects that attempts really had."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Note:
    """One line: `begin` or `end` of a task's body.

    `node` is `EXECUTION-PATH`, and `EXECUTION-PATH-ATTEMPT/INDEX` for an element of an array.
    """

    at_ns: int
    what: str
    label: str
    node: str
    attempt: int

    @property
    def node_of_spec(self) -> str:
        """The node itself, or the array that an element belongs to."""
        whole, _, index = self.node.partition("/")
        return whole.rpartition("-")[0] if index else whole

    @staticmethod
    def of(line: str) -> "Note":
        """Read a line of the file."""
        at_ns, what, label, place = line.split(" ")
        node, number = place.rsplit("/" if "/" in place else "-", 1)
        return Note(int(at_ns), what, label, node, int(number))


class Ledger:
    """The file of notes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def notes(self) -> list[Note]:
        """Return all notes, in the order of the file."""
        return [Note.of(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []
