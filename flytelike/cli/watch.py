"""`flytelike watch`: follow an execution until it ends."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import click

from flytelike.cli import execution_name, waiting
from flytelike.cli.context import connected, json_option, place_options, platform_options
from flytelike.cli.exit_code import ExitCode
from flytelike.remote import Client


@click.command("watch", short_help="Follow an execution until it ends.")
@click.argument("execution")
@json_option
@place_options
@platform_options
def command(execution: str, as_json: bool, project: str, domain: str, server: str, data: Path) -> int:
    """Follow EXECUTION (a name, or PROJECT/DOMAIN/NAME) until it ends, then print its outputs.

    When no platform is running, the embedded one is brought up and unfinished executions go on.
    """
    target = execution_name.parse(execution, project, domain)

    async def run() -> ExitCode:
        def connect() -> AbstractAsyncContextManager[Client]:
            return connected(server, data, start=True)

        end = await waiting.follow(connect, target, target.name)
        async with connect() as client:
            return await waiting.report(client, end, as_json=as_json)

    return asyncio.run(run())
