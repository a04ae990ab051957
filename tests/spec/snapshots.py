"""Write what programs of specifications give into their Markdown: `make snapshots`.

Look at the difference before committing it: it is the specification that changes.
"""

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.spec.markdown import ROOT, cases
from tests.spec.program import told


def specifications() -> list[Path]:
    """Return the files whose programs are compiled: specifications, and the pages of error codes."""
    return [*sorted((ROOT / "tests/spec/compile").glob("*.md")), *sorted((ROOT / "docs/errors").glob("*.md"))]


def rewritten(path: Path) -> str:
    """Return a file's text with the present results of its programs."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for case in reversed(list(cases(path))):
        with tempfile.TemporaryDirectory() as folder:
            result = told(case, Path(folder).resolve())
        if case.expected is not None:
            first = case.expected.line - 1
            lines[first : first + len(case.expected.lines)] = result.splitlines()
        elif result:
            lines[case.line : case.line] = ["", "```text", *result.splitlines(), "```"]
    return "\n".join(lines) + "\n"


def rewrite(paths: Iterable[Path]) -> None:
    """Rewrite files whose results have changed, and name them."""
    for path in paths:
        text = rewritten(path)
        if text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    rewrite([Path(name).resolve() for name in sys.argv[1:]] or specifications())
