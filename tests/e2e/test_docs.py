"""The programs on the pages of the documentation are sound, and run."""

import re
from pathlib import Path

import pytest

from tests.e2e.cli import ROOT, flytelike

PAGES = ["types.md", "tasks.md", "secrets.md", "recover.md", "caching.md", "dynamic.md", "eager.md", "schedules.md"]
SECRETS = {"_FSEC_WAREHOUSE_PASSWORD": "s3cret"}
PROGRAM = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
WORKFLOW = re.compile(r"@workflow\ndef (\w+)")


def programs(page: str) -> list[str]:
    found = PROGRAM.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert found
    return found


@pytest.mark.parametrize("page", PAGES)
def test_programs_have_no_fault(page: str, data: Path, tmp_path: Path) -> None:
    for number, program in enumerate(programs(page)):
        (tmp_path / f"program_{number}.py").write_text(program)
    checked = flytelike(data, "check", str(tmp_path), "--strict")
    assert checked.code == 0, checked.stderr


@pytest.mark.parametrize("page", PAGES)
def test_workflows_run(page: str, data: Path, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    for program in programs(page):
        for name in WORKFLOW.findall(program):
            file.write_text(program)
            done = flytelike(data, "execute", str(file), name, "--json", env=SECRETS)
            assert done.code == 0, done.stderr
