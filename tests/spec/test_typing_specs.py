"""mypy and pyright both say what comments in `typing/*.md` tell: `# revealed: type` or `# error: [code]`.

Where they differ, it is `# error by mypy: [code]`, `# revealed by pyright: type`: the other one says nothing,
or has a comment of its own on the line.
"""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.spec.checkers import CHECKERS, Said, by_line
from tests.spec.markdown import ROOT, Case, cases
from tests.spec.program import told as compiled

PAGES = [*sorted((ROOT / "tests/spec/typing").glob("*.md")), ROOT / "docs/type_checking.md"]
CASES = [case for path in PAGES for case in cases(path) if case.files]
SOUND = [case for case in CASES if "# error" not in case.files["example.py"]]
REVEALED = r"# revealed(?: by {by})?: (.+?)(?:\s+#|$)"
ERROR = r"# error(?: by {by})?: \[([\w-]+)\]"


Saying = tuple[str, dict[tuple[str, int], list[Said]]]
"""A checker's name, and what it says by file and line."""


def file_of(number: int) -> str:
    return f"spec_{number:03}.py"


@pytest.fixture(scope="module", params=CHECKERS)
def said(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Saying:
    folder = tmp_path_factory.mktemp("typing")
    for number, case in enumerate(CASES):
        (folder / file_of(number)).write_text(case.files["example.py"], encoding="utf-8")
    return request.param, by_line(CHECKERS[request.param](folder))


def expected(case: Case, by: str) -> dict[int, str]:
    """What a checker is to say, by line."""
    found = {}
    for number, line in enumerate(case.files["example.py"].splitlines(), 1):
        if revealed := re.search(REVEALED.format(by=by), line):
            found[number] = revealed[1]
        elif error := re.search(ERROR.format(by=by), line):
            found[number] = f"error: [{error[1]}]"
    return found


def actual(told: list[Said], wanted: str) -> str:
    """What was said of a line, in the words of the comment if it agrees."""
    if any(one.revealed for one in told):
        return told[0].revealed
    if any(not follows(one) for one in told):
        told = [one for one in told if not follows(one)]
    agree = all(wanted in {f"error: [{code}]" for code in one.codes} for one in told)
    return wanted if agree else "; ".join(f"error: {sorted(one.codes)} {one.text}" for one in told)


def follows(one: Said) -> bool:
    """Whether it only follows from another error of its line: what is wrong has no type either."""
    return any(code.startswith("reportUnknown") for code in one.codes)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: CASES[number].id)
def test_checker_says_what_is_written(said: Saying, number: int) -> None:
    by, lines = said
    wanted = expected(CASES[number], by)
    found = {
        line: actual(told, wanted.get(line, ""))
        for (name, line), told in sorted(lines.items())
        if name == file_of(number)
    }
    assert found == wanted


@pytest.mark.parametrize("case", SOUND, ids=lambda case: case.id)
def test_what_checkers_accept_the_compiler_accepts(case: Case, tmp_path: Path) -> None:
    program = case.files["example.py"].replace("reveal_type(", "(")
    assert "error[" not in compiled(replace(case, files={"example.py": program}), tmp_path)
