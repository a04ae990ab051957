"""`flytelike recover`: execute again, and run only what has not succeeded."""

import asyncio
from pathlib import Path

import click

from flytelike.cli import execution_name
from flytelike.cli.context import json_option, place_options, platform_options
from flytelike.cli.exit_code import ExitCode
from flytelike.cli.starting import started
from flytelike.model.ids import ExecutionId
from flytelike.remote import Client, executions


@click.command("recover", short_help="Go on where an execution stopped.")
@click.argument("execution")
@click.option("--name", default="", help="Name of the new execution.  [default: made by the platform]")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the end and print the outputs.")
@json_option
@place_options
@platform_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    execution: str,
    name: str,
    wait: bool,
    as_json: bool,
    project: str,
    domain: str,
    server: str,
    data: Path,
) -> int:
    """Execute EXECUTION (a name, or PROJECT/DOMAIN/NAME) again, and run only what has not succeeded."""
    target = execution_name.parse(execution, project, domain)

    async def start(client: Client) -> ExecutionId:
        return await executions.recover(client, target, name)

    async def run() -> ExitCode:
        return await started(start, server, data, wait=wait, as_json=as_json)

    return asyncio.run(run())
