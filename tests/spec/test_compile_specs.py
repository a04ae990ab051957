"""Specifications of the compiler, and the examples on the pages of error codes, say what is really told."""

from pathlib import Path

import pytest

from tests.spec.markdown import Case, cases
from tests.spec.program import told
from tests.spec.snapshots import specifications

CASES = [case for path in specifications() for case in cases(path)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_program_gives_what_is_written(case: Case, tmp_path: Path) -> None:
    expected = case.expected.text if case.expected is not None else ""
    assert told(case, tmp_path) == expected, "if the new text is right: make snapshots"
