"""The programs of docs/workflows.md run locally as their last lines say."""

import re
from pathlib import Path

import pytest

from tests.spec.markdown import ROOT

PAGE = ROOT / "docs/workflows.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_program_runs(number: int, tmp_path: Path) -> None:
    file = tmp_path / f"workflows_page_{number}.py"
    file.write_text(PROGRAMS[number], encoding="utf-8")
    exec(compile(PROGRAMS[number], str(file), "exec"), {"__name__": "__main__"})
