"""A documentation page, taken at its word: its files written, its commands run, what they print compared.

A block whose first line is a comment with a file's name is that file; a `console` block has
commands behind `$ ` and, below each, what it prints, in which `...` stands for anything.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"# (\S+\.\w+)\n")


@dataclass(frozen=True)
class Command:
    """A command of the page and what it says that it prints."""

    line: str
    printed: str

    def fits(self, output: str) -> bool:
        """Tell whether the page is right about the output."""
        pattern = ".*".join(re.escape(part) for part in self.printed.strip().split("..."))
        return re.fullmatch(pattern, output.strip(), re.DOTALL) is not None


def files(page: str) -> dict[str, str]:
    """Return the page's files by name."""
    named = ((_NAMED.match(text), text) for _, text in _BLOCK.findall(page))
    return {match.group(1): text for match, text in named if match}


def commands(page: str) -> Iterator[Command]:
    """Yield the page's commands in their order."""
    for kind, text in _BLOCK.findall(page):
        if kind == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                line, _, printed = part.partition("\n")
                yield Command(line, printed)


def write(page: str, folder: Path) -> None:
    """Write the page's files."""
    for name, text in files(page).items():
        (folder / name).write_text(text)
