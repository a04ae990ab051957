"""The table of `docs/type_errors.md`: programs with one wrong line each, and who finds it.

Columns are the number, the program below `seeded/`, the right line, the wrong line that takes its
place, what is wrong, and what mypy, pyright and `flytelike check` call it. The last three are found by
running them; `make snapshots` writes them.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from flytelike.cli.check import examined
from flytelike.model.diagnostic import Severity
from tests.spec.checkers import CHECKERS
from tests.spec.markdown import ROOT
from tests.spec.program import laid_out

PAGE = ROOT / "docs/type_errors.md"
PROGRAMS = ROOT / "tests/spec/seeded"
BASES = tuple(sorted(path.stem for path in PROGRAMS.glob("*.py")))
FINDERS = ("mypy", "pyright", "check")
MISSED = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """One wrong line. `found` has a cell for each of FINDERS."""

    number: int
    program: str
    right: str
    wrong: str
    what: str
    found: tuple[str, ...]

    @property
    def file(self) -> str:
        return f"error_{self.number:02}.py"

    @property
    def text(self) -> str:
        """The program with the wrong line; ValueError unless the right line stands in it once."""
        base = (PROGRAMS / f"{self.program}.py").read_text(encoding="utf-8")
        pattern = re.compile(rf"^( *){re.escape(self.right)}$", re.MULTILINE)
        text, times = pattern.subn(lambda match: match[1] + self.wrong, base)
        if times != 1:
            raise ValueError(f"row {self.number}: {times} lines of {self.program} are `{self.right}`")
        return text

    @property
    def line(self) -> int:
        """The number of the wrong line."""
        lines = [line.strip() for line in self.text.splitlines()]
        return lines.index(self.wrong) + 1

    def __str__(self) -> str:
        code = [f"`{line}`".replace("|", "\\|") for line in (self.right, self.wrong)]
        return f"| {' | '.join([str(self.number), self.program, *code, self.what, *self.found])} |"


def rows(text: str) -> Iterator[Row]:
    """Yield the rows of a page."""
    for line in text.splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and cells[0].isdigit():
            number, program, right, wrong, what, *found = cells
            yield Row(int(number), program, right.strip("`"), wrong.strip("`"), what, tuple(found))


def found_by(finder: str, table: list[Row], folder: Path) -> Mapping[str, str]:
    """Write all programs into a folder; return what a finder calls the errors, by file. A sound file has no entry.

    mypy and pyright have found an error when they tell it in the wrong line; what only follows from
    another (pyright's unknown types, imports that have no use any more) is left out.
    """
    files = {f"{base}.py": (PROGRAMS / f"{base}.py").read_text(encoding="utf-8") for base in BASES}
    files |= {row.file: row.text for row in table}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    codes: dict[str, list[str]] = {}
    found = _checked(files) if finder == "check" else _typed(finder, folder, {row.file: row.line for row in table})
    for name, code in found:
        codes.setdefault(name, []).append(code)
    return {name: ", ".join(f"`{code}`" for code in dict.fromkeys(told)) for name, told in codes.items()}


def _typed(finder: str, folder: Path, lines: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    for said in CHECKERS[finder](folder):
        follows = said.name.startswith(("reportUnknown", "reportUnused"))
        if not follows and said.line == lines.get(said.file, said.line):
            yield said.file, said.name


def _checked(files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, text in files.items():
        with tempfile.TemporaryDirectory() as place, laid_out({name: text}, Path(place)) as paths:
            _, diagnostics = examined(paths)
        yield from ((name, told.code) for told in diagnostics if told.severity is Severity.ERROR)


def counts(table: list[Row]) -> str:
    """Return how many each finds."""
    number = {finder: sum(row.found[at] != MISSED for row in table) for at, finder in enumerate(FINDERS)}
    mypy, pyright, check = (number[finder] for finder in FINDERS)
    return f"Of {len(table)}, mypy finds {mypy}, pyright {pyright}, `flytelike check` {check}."


def renewed(text: str) -> str:
    """Return a page with what is found now."""
    table = list(rows(text))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(os.path.realpath(place)) / "errors"
        folder.mkdir()
        found = {finder: found_by(finder, table, folder) for finder in FINDERS}
    now = {
        str(row): replace(row, found=tuple(found[finder].get(row.file, MISSED) for finder in FINDERS)) for row in table
    }
    lines = [str(now[line]) if line in now else line for line in text.splitlines()]
    return re.sub(r"^Of \d+, mypy finds .*$", counts(list(now.values())), "\n".join(lines) + "\n", flags=re.MULTILINE)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
