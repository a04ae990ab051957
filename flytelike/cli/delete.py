"""`flytelike delete`: delete executions with all that belongs to them."""

import asyncio
from pathlib import Path

import click

from flytelike.cli import execution_name
from flytelike.cli.context import json_option, place_options, platform_options
from flytelike.cli.gc import collected


@click.group("delete", short_help="Delete executions, whatever their age.")
def command() -> None:
    """Delete executions with their data, logs and records. What others refer to stays."""


@command.command("execution")
@click.argument("executions", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Only say how much it would be.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@place_options
@platform_options
def execution(  # noqa: PLR0913 - one parameter an option
    *,
    executions: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
    project: str,
    domain: str,
    server: str,
    data: Path,
) -> int:
    """Delete EXECUTIONS (names, or PROJECT/DOMAIN/NAME) that have ended."""
    targets = [execution_name.parse(text, project, domain) for text in executions]
    return asyncio.run(collected(server, data, (), targets, ask=not (yes or dry_run), dry_run=dry_run, as_json=as_json))
