"""The page of the chart's values, made of values.yaml and its comments.

`python -m tests.chart.values_table` writes it.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/helm_values.md"
VALUES = ROOT / "helm/flytelike/values.yaml"

HEAD = """# Values of the chart

All values of [helm/flytelike](../helm/flytelike/values.yaml), made of its comments; [Install with Helm](helm.md) tells
how they go together. Values of other names and types are refused.

| value | default | |
|---|---|---|
"""

_KEY = re.compile(r"^( *)([A-Za-z]+):")


class Row(NamedTuple):
    """A value: its path, what it is by default, and what it means."""

    path: str
    default: Any
    meaning: str


def rows(text: str) -> Iterator[Row]:
    """Yield the values that have a comment, in their order."""
    values = yaml.safe_load(text)
    above: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped.removeprefix("#").strip())
            continue
        key = _KEY.match(line)
        if key is not None:
            indent, name = len(key.group(1)), key.group(2)
            above = [(depth, one) for depth, one in above if depth < indent] + [(indent, name)]
            if comment:
                path = [one for _, one in above]
                yield Row(".".join(path), _at(values, path), " ".join(comment))
        comment = []


def uncommented(text: str) -> list[str]:
    """Return the paths of values that neither have a comment nor lie in one that has."""
    told = {row.path for row in rows(text)}

    def leaves(value: Any, path: str) -> Iterator[str]:
        if path in told:
            return
        if isinstance(value, dict) and value:
            for name, inner in value.items():
                yield from leaves(inner, f"{path}.{name}" if path else name)
        else:
            yield path

    return list(leaves(yaml.safe_load(text), ""))


def page() -> str:
    """Return the page as it should be."""
    lines = [
        f"| `{row.path}` | {_shown(row.default)} | {row.meaning} |" for row in rows(VALUES.read_text(encoding="utf-8"))
    ]
    return HEAD + "\n".join(lines) + "\n"


def _at(values: Any, path: list[str]) -> Any:
    for name in path:
        values = values[name]
    return values


def _shown(value: Any) -> str:
    return f"`{json.dumps(value)}`" if value not in ("", {}, []) else ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
