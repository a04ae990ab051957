"""`flytelike completion`: print the completion script of a shell."""

import click
from click.shell_completion import get_completion_class


@click.command("completion", short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of SHELL.

    For bash:  flytelike completion bash >> ~/.bashrc
    """
    from flytelike.cli.main import cli  # noqa: PLC0415 - the group imports this module

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(cli, {}, "flytelike", "_FLYTELIKE_COMPLETE").source())
