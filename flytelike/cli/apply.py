"""`flytelike apply`: make teams, projects and quotas what a file says."""

import asyncio
import json
import sys
from pathlib import Path

import click

from flytelike.cli.context import connected, json_option, platform_options
from flytelike.cli.exit_code import ExitCode
from flytelike.cli.tenancy_file import TenancyFile, read
from flytelike.cli.tenancy_plan import ACTIONS, document_of, lines_of, summary
from flytelike.remote import tenancy


@click.command("apply", short_help="Make teams, projects and quotas what a file says.")
@click.option(
    "-f",
    "--file",
    "file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@platform_options
def command(*, file: Path, dry_run: bool, yes: bool, as_json: bool, server: str, data: Path) -> int:
    """Make teams, projects and quotas what a YAML file says, after showing what changes.

    What the file does not name stays as it is.
    """
    return asyncio.run(apply(read(file), (server, data), dry_run=dry_run, yes=yes, as_json=as_json))


async def apply(
    wanted: TenancyFile, platform: tuple[str, Path], *, dry_run: bool, yes: bool, as_json: bool
) -> ExitCode:
    """Show the plan and carry it out; exit code FAILED when somebody says no."""
    async with connected(*platform, start=True) as client:
        planned = await tenancy.apply(client, wanted.wishes, dry_run=True)
        changes = planned.changes
        for line in lines_of(changes):
            click.echo(line, err=as_json)
        changing = any(ACTIONS[change.action] != "unchanged" for change in changes)
        click.echo(summary(changes), err=True)
        applied = False
        if changing and not dry_run:
            if not (yes or _agreed()):
                click.echo("nothing was changed", err=True)
                return ExitCode.BAD_INPUT
            await tenancy.apply(client, wanted.wishes, plan=planned.plan)
            applied = True
            click.echo("applied", err=True)
    if as_json:
        told = {"applied": applied, "changes": [document_of(change) for change in changes]}
        click.echo(json.dumps(told, indent=2))
    return ExitCode.SUCCESS


def _agreed() -> bool:
    """Ask; without a terminal nobody answers, and that is no."""
    if not sys.stdin.isatty():
        raise click.UsageError("say --yes to change it: nobody is there to ask")
    return click.confirm("change it so?", err=True)
