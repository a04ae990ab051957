"""What became of every small fault in propeller's core: a table that `make mutation` keeps.

A row stands for one module that was gone through as a whole, and tells of the module as it was then.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

TABLE = Path(__file__).with_name("mutation.md")

_HEAD = """# Small faults planted in propeller/core

Written by `make mutation`, which plants each fault by itself and lets the unit tests of the core, the kept histories
and simulated worlds look for it. "Equivalent" ones change nothing: `equivalent.txt` says why. `make mutation AGAIN=1`
plants those that survived once more.

| module | faults | found | equivalent | survived |
|---|---:|---:|---:|---:|
"""
_ROW = re.compile(r"\| `([\w/]+)` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|")
_SURVIVOR = re.compile(r"- ([\w/]+) (.+)")


@dataclass
class Row:
    """What became of the faults of one module; `survivors` by the names of the faults."""

    faults: int = 0
    found: int = 0
    equivalent: int = 0
    survivors: list[str] = field(default_factory=list)


def read(text: str) -> dict[str, Row]:
    """Return the rows of a table, by module."""
    rows = {row[1]: Row(int(row[2]), int(row[3]), int(row[4])) for row in _ROW.finditer(text)}
    for line in text.splitlines():
        told = _SURVIVOR.fullmatch(line)
        if told and told[1] in rows:
            rows[told[1]].survivors.append(told[2])
    return rows


def written(rows: dict[str, Row], modules: Iterable[str]) -> str:
    """Return the table of all rows; modules with faults that have no row are named below it."""
    lines = [
        f"| `{module}` | {row.faults} | {row.found} | {row.equivalent} | {len(row.survivors)} |"
        for module, row in sorted(rows.items())
    ]
    survivors = [f"- {module} {name}" for module, row in sorted(rows.items()) for name in row.survivors]
    missing = [f"`{module}`" for module in sorted(modules) if module not in rows]
    total = (
        f"Together {sum(row.faults for row in rows.values())} faults: {sum(row.found for row in rows.values())} found, "
        f"{sum(row.equivalent for row in rows.values())} equivalent, {len(survivors)} survived."
    )
    parts = [_HEAD + "\n".join(lines), total]
    if survivors:
        parts.append("These survived:\n\n" + "\n".join(survivors))
    if missing:
        parts.append("Not gone through as a whole: " + ", ".join(missing) + ".")
    return "\n\n".join(parts) + "\n"
