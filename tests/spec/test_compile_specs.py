"""Specifications of the compiler, and the examples on the pages of error codes, say what is really told."""

import re
from pathlib import Path

import pytest

from tests.error_codes import codes_of
from tests.spec.markdown import ROOT, Case, cases
from tests.spec.program import SENT, told
from tests.spec.snapshots import specifications

CASES = [case for path in specifications() for case in cases(path)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_program_gives_what_is_written(case: Case, tmp_path: Path) -> None:
    expected = case.expected.text if case.expected is not None else ""
    assert told(case, tmp_path) == expected, "if the new text is right: make snapshots"


AT_RUN_TIME = {"too-many-nodes"}
"""Told of a dynamic task while it runs; tests/unit/sdk/test_dynamic_limits.py shows them."""


def test_each_code_of_the_authors_side_and_the_compiler_has_a_specification() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests/spec/compile").glob("*.md"))
    told = set(re.findall(r"^(?:error|warning)\[([\w-]+)\]", texts, re.MULTILINE))
    codes = codes_of(["flytelike/compiler", "flytelike/sdk", "flytelike/types"])
    assert {code: places for code, places in codes.items() if code not in told | AT_RUN_TIME} == {}


PAGES = [case for case in CASES if case.path.parent.name == "errors" and case.expected is not None]


@pytest.mark.parametrize("case", PAGES, ids=lambda case: case.path.stem)
def test_the_example_of_a_page_gives_the_code_of_the_page(case: Case) -> None:
    assert case.expected is not None
    assert f"[{case.path.stem}]" in case.expected.lines[0]


def test_pages_have_an_example_wherever_an_author_can_cause_the_error() -> None:
    shown = {case.path.stem for case in PAGES}
    by_program = {
        code
        for path in (ROOT / "tests/spec/compile").glob("*.md")
        for case in cases(path)
        if SENT not in case.files and case.expected is not None and case.expected.language == "text"
        for code in re.findall(r"^(?:error|warning)\[([\w-]+)\]", case.expected.text, re.MULTILINE)
    }
    assert by_program - shown == set()
