"""docs/security.md: its commands are ones that the command line takes, and its tables are whole."""

import re
import shlex
from pathlib import Path

import click
import pytest

from flytelike.cli import access_options
from flytelike.cli.main import cli
from flytelike.controlplane.access.roles import Role

PAGE = (Path(__file__).resolve().parents[3] / "docs/security.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines() if line]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_taken(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FLYTELIKE_DATABASE", "FLYTELIKE_STORE"):
        monkeypatch.setenv(name, "x")
    words = shlex.split(line, comments=True)
    assert words.pop(0) == "flytelike"
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None
        command = found
        context = click.Context(command, parent=context)
        del words[0]
    command.make_context(command.name, words, parent=context)


def test_every_option_and_every_role_is_told() -> None:
    command = access_options.access_options(click.Command("x"))
    options = {name for option in command.params for name in option.opts}
    assert {name for name in options if name not in PAGE} == set()
    assert {role.value for role in Role if f"`{role.value}`" not in PAGE} == set()
