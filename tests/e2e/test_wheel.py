"""The wheel as users get it: with nothing beside it but what it declares."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from flytelike.console.pages import Pages
from tests.e2e.cli import ROOT, environment

INSTALL_TIMEOUT_S = 300


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as it is built from the tree."""
    scratch = tmp_path_factory.mktemp("built")
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run(
        [uv, "build", "-q", "--wheel", "--out-dir", str(scratch), str(ROOT)], check=True, timeout=INSTALL_TIMEOUT_S
    )
    (built,) = scratch.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with nothing in it but the wheel and its requirements; returns its `bin`."""
    scratch = tmp_path_factory.mktemp("wheel")
    uv = [str(Path(sys.executable).with_name("uv"))]
    venv = ["venv", "-q", "--python", sys.executable, str(scratch / "venv")]
    subprocess.run(uv + venv, check=True, timeout=INSTALL_TIMEOUT_S)
    python = str(scratch / "venv" / "bin" / "python")
    constraints = str(ROOT / "constraints.txt")
    subprocess.run(
        [*uv, "pip", "install", "-q", "--python", python, "-c", constraints, str(wheel)],
        check=True,
        timeout=INSTALL_TIMEOUT_S,
    )
    return scratch / "venv" / "bin"


def test_the_wheel_carries_the_console(wheel: Path) -> None:
    """Its first page, and every script and style that this loads."""
    if not Pages().built:
        if os.environ.get("CI") == "true":
            pytest.fail("the console's pages are not built (make console)")
        pytest.skip("the console's pages are not built (make console)")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        page = archive.read("flytelike/console/static/index.html").decode()
    loaded = re.findall(r'(?:src|href)="/console/([^"]+)"', page)
    assert any(name.endswith(".js") for name in loaded)
    assert {f"flytelike/console/static/{name}" for name in loaded} <= names
    assert not any("node_modules" in name or name.endswith(".tsx") for name in names)


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
