"""Places in the author's files are those of the file that was imported."""

from pathlib import Path
from typing import Any

from flytelike.sdk.source import call_site

TEXT = """\
import sys

def here():
    return sys._getframe(1)

def caller(value):
    return here()
"""


def test_equal_code_in_two_files_keeps_its_own_places(tmp_path: Path) -> None:
    sites = []
    for name in ("first.py", "second.py"):
        path = tmp_path / name
        path.write_text(TEXT)
        names: dict[str, Any] = {}
        exec(compile(TEXT, str(path), "exec"), names)
        sites.append(call_site(names["caller"](1)).path)
    assert sites == [str(tmp_path / "first.py"), str(tmp_path / "second.py")]
