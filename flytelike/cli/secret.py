"""`flytelike secret`: keep the secrets that tasks ask for in the data folder of an embedded platform."""

import json
import sys
from pathlib import Path

import click

from flytelike.cli.context import data_option, json_option
from flytelike.cli.exit_code import ExitCode
from flytelike.embedded.folder import DataFolder
from flytelike.embedded.secret_folder import SECRET_BYTES_MAX, SecretFolder, checked
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.graph import SecretRequest
from flytelike.model.secret_names import spoken


@click.group("secret", short_help="Keep the secrets that tasks ask for.")
def command() -> None:
    """Keep secrets of this machine's platform. A value is read from stdin, or asked for; it is never shown again."""


@command.command("set")
@click.argument("group")
@click.argument("key", required=False, default="")
@data_option
def set_secret(group: str, key: str, data: Path) -> int:
    """Keep the secret KEY of GROUP; without KEY, the secret named GROUP."""
    request = SecretRequest(group, key)
    checked(request)
    if sys.stdin.isatty():
        value = str(click.prompt(f"value of {spoken(request)}", hide_input=True, confirmation_prompt=True, err=True))
    else:
        value = sys.stdin.buffer.read(SECRET_BYTES_MAX + 2).decode(errors="surrogateescape").removesuffix("\n")
    if "\udc80" <= max(value, default="") <= "\udcff":
        raise DiagnosticError([Diagnostic("invalid-secret", f"the value of `{spoken(request)}` is no text in UTF-8")])
    folder_of(data).set(request, value)
    click.echo(f"secret {spoken(request).lower()} is set", err=True)
    return ExitCode.SUCCESS


@command.command("list")
@json_option
@data_option
def list_secrets(*, as_json: bool, data: Path) -> int:
    """Print the names of all secrets; no values."""
    names = list(folder_of(data).names())
    if as_json:
        click.echo(json.dumps({"secrets": names}))
    else:
        for name in names:
            click.echo(name)
    return ExitCode.SUCCESS


@command.command("delete")
@click.argument("group")
@click.argument("key", required=False, default="")
@data_option
def delete_secret(group: str, key: str, data: Path) -> int:
    """Remove the secret KEY of GROUP."""
    request = SecretRequest(group, key)
    if not folder_of(data).delete(request):
        raise DiagnosticError(
            [
                Diagnostic(
                    "secret-not-found",
                    f"there is no secret `{spoken(request)}`",
                    help=("see which there are: `flytelike secret list`",),
                )
            ]
        )
    click.echo(f"secret {spoken(request).lower()} is gone", err=True)
    return ExitCode.SUCCESS


def folder_of(data: Path) -> SecretFolder:
    """Return the secrets of a data folder, which is made."""
    folder = DataFolder.at(data)
    folder.prepare()
    return SecretFolder(folder.secrets)
