"""docs/flyte_compatibility.md does what it says."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.cli import ROOT, environment, up
from tests.wire.page import Command, commands, write

PAGE = ROOT / "docs" / "flyte_compatibility.md"
SHOWN = ("127.0.0.1:8089", "127.0.0.1:8088")
INSTALLING = ("python -m venv flytekit", "flytekit/bin/pip install 'flytekit>=1.16,<1.17'")


@pytest.mark.timeout(600)
def test_the_page_is_true(stock: Path, tmp_path: Path) -> None:
    """Its commands run in their order, on free ports, in the environment that is already installed."""
    page = PAGE.read_text()
    (tmp_path / "flytekit").symlink_to(stock)
    installing, starting, rest = steps(page)
    assert tuple(command.line for command in installing) == INSTALLING
    data, home = tmp_path / "data", {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    words = shlex.split(starting.line)[2:]
    image, _, folder = words[-1].partition("=")
    with up(data, *words[:-1], f"{image}={tmp_path / folder}") as running:
        write(replaced(page, running.grpc, running.http), tmp_path)
        for command in rest:
            line = replaced(command.line, running.grpc, running.http)
            done = subprocess.run(
                ["bash", "-c", line],
                cwd=tmp_path,
                env={**environment(data, home), "COLUMNS": "200", "FLYTE_SDK_LOGGING_LEVEL": "40"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"$ {line}\n{done.stdout}"
            assert command.fits(done.stdout), f"$ {line}\n{done.stdout}"


def steps(page: str) -> tuple[list[Command], Command, list[Command]]:
    """Return the commands before the platform is started, that one, and those after it."""
    every = list(commands(page))
    index = next(index for index, command in enumerate(every) if command.line.startswith("flytelike up "))
    return every[:index], every[index], every[index + 1 :]


def replaced(text: str, *real: str) -> str:
    """Return the text with the addresses of the platform that runs."""
    for shown, address in zip(SHOWN, real, strict=True):
        text = text.replace(shown, address)
    return text


@pytest.mark.parametrize(
    ("printed", "output", "fits"),
    [
        ("4.0\n", "4.0\n", True),
        ("4.0\n", "5.0\n", False),
        ("...\nend\n", "begin\nmiddle\nend\n", True),
        ("...\nend\n", "begin\nend\nmore\n", False),
        ("a ... b\n", "a lot of b\n", True),
        ("a.b\n", "axb\n", False),
        ("", "anything\n", False),
    ],
)
def test_a_page_that_is_wrong_is_seen(printed: str, output: str, fits: bool) -> None:
    assert Command("x", printed).fits(output) is fits
