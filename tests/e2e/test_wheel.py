"""The wheel as users get it: with nothing beside it but what it declares."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.cli import ROOT, environment

INSTALL_TIMEOUT_S = 300


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with nothing in it but the wheel and its requirements; returns its `bin`."""
    scratch = tmp_path_factory.mktemp("wheel")
    uv = [str(Path(sys.executable).with_name("uv"))]
    for words in (
        ["build", "-q", "--wheel", "--out-dir", str(scratch / "dist"), str(ROOT)],
        ["venv", "-q", "--python", sys.executable, str(scratch / "venv")],
    ):
        subprocess.run(uv + words, check=True, timeout=INSTALL_TIMEOUT_S)
    (wheel,) = (scratch / "dist").glob("*.whl")
    python = str(scratch / "venv" / "bin" / "python")
    constraints = str(ROOT / "constraints.txt")
    subprocess.run(
        [*uv, "pip", "install", "-q", "--python", python, "-c", constraints, str(wheel)],
        check=True,
        timeout=INSTALL_TIMEOUT_S,
    )
    return scratch / "venv" / "bin"


def test_a_workflow_is_executed_with_the_wheel_alone(installed: Path, project: Path, data: Path) -> None:
    done = subprocess.run(
        [str(installed / "flytelike"), "execute", "hello.py", "hello", "--name", "kim"],
        cwd=project,
        env=environment(data),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout == 'o0 = "HELLO KIM"\n', done.stderr


def test_a_table_without_its_library_says_what_to_install(installed: Path, project: Path, data: Path) -> None:
    """pandas is an extra: whoever uses it has it."""
    (project / "frames.py").write_text(
        "from flytelike import StructuredDataset, task\n\n\n"
        "@task\ndef size(table: StructuredDataset) -> int:\n    import pandas as pd\n\n"
        "    return len(table.open(pd.DataFrame).all())\n"
    )
    done = subprocess.run(
        [str(installed / "flytelike"), "execute", "frames.py", "size", "--table", str(project)],
        cwd=project,
        env=environment(data),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1
    assert "No module named 'pandas'" in done.stderr
