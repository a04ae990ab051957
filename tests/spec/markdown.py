"""Markdown files as specifications: headings name the cases, fenced blocks are their programs and results.

A section's blocks are read in order:

- ```` ```python ```` is a program; blocks with a `title="file.py"` that follow each other are the files of one;
- ```` ```text ```` behind it holds what the compiler tells about it, to the letter;
- ```` ```console ```` behind it holds commands (`$ flytelike ...`) and what they print;
- a program with neither behind it has no faults.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "example.py"
"""The name of a program without a title."""

HEADING = re.compile(r"(?P<level>#+)\s+(?P<text>.+)")
FENCE = re.compile(r"```(?P<language>\w*)(\s+title=\"(?P<title>[^\"]+)\")?\s*")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `line` is that of its first line of content, counted from 1."""

    language: str
    title: str
    lines: tuple[str, ...]
    line: int

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Section:
    """What stands below one heading; `name` holds the headings above it too."""

    name: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A program, and what is expected of it: `expected` is None for one without faults.

    `line` is that of the fence that closes the program.
    """

    path: Path
    name: str
    files: Mapping[str, str]
    expected: Block | None
    line: int = 0

    @property
    def id(self) -> str:
        return f"{self.path.stem}: {self.name}"


def sections(text: str) -> Iterator[Section]:
    """Yield the sections that have blocks."""
    headings: list[tuple[int, str]] = []
    blocks: list[Block] = []
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        if heading := HEADING.fullmatch(lines[number]):
            if blocks:
                yield Section(" / ".join(name for _, name in headings), tuple(blocks))
            blocks = []
            level = len(heading["level"])
            headings = [*(above for above in headings if above[0] < level), (level, heading["text"].strip("`"))]
        elif fence := FENCE.fullmatch(lines[number]):
            end = lines.index("```", number + 1)
            content = tuple(lines[number + 1 : end])
            blocks.append(Block(fence["language"], fence["title"] or "", content, number + 2))
            number = end
        elif lines[number].startswith("```"):
            raise ValueError(f"line {number + 1}: this fence has no known shape: {lines[number]}")
        number += 1
    if blocks:
        yield Section(" / ".join(name for _, name in headings), tuple(blocks))


def cases(path: Path) -> Iterator[Case]:
    """Yield a file's programs in order."""
    for section in sections(path.read_text(encoding="utf-8")):
        found = list(programs(section.blocks))
        for number, (files, expected, line) in enumerate(found, 1):
            yield Case(path, section.name + (f" #{number}" if len(found) > 1 else ""), files, expected, line)


def programs(blocks: Sequence[Block]) -> Iterator[tuple[Mapping[str, str], Block | None, int]]:
    """Yield a section's programs with the block that says what comes of them, and the lines where they end."""
    files: dict[str, str] = {}
    used, end = False, 0
    for block in blocks:
        if block.language == "python":
            title = block.title or PROGRAM
            if files and (used or not block.title or title in files):
                if not used:
                    yield files, None, end
                files, used = {}, False
            files[title] = block.text + "\n"
            end = block.line + len(block.lines)
        elif block.language in {"text", "console"} and (files or block.language == "console"):
            yield files, block, end
            used = True
    if files and not used:
        yield files, None, end
