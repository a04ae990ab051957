"""`flytelike abort`: end a running execution."""

import asyncio
from pathlib import Path

import click

from flytelike.cli import execution_name, waiting
from flytelike.cli.context import connected, place_options, platform_options
from flytelike.cli.exit_code import ExitCode
from flytelike.model.phases import WorkflowPhase
from flytelike.remote import executions


@click.command("abort", short_help="End a running execution.")
@click.argument("execution")
@click.option("--cause", default="aborted from the command line", show_default=True, help="Why; kept with it.")
@place_options
@platform_options
def command(execution: str, cause: str, project: str, domain: str, server: str, data: Path) -> int:
    """End EXECUTION (a name, or PROJECT/DOMAIN/NAME) with everything that it runs, and wait until it has ended."""
    target = execution_name.parse(execution, project, domain)

    async def run() -> ExitCode:
        async with connected(server, data, start=True) as client:
            await executions.terminate(client, target, cause)
            end = await waiting.ended(client, target)
        phase = end.execution.closure.phase if end.execution else 0
        click.echo(f"{target.name} {WorkflowPhase(phase).name.lower()}", err=True)
        return ExitCode.SUCCESS

    return asyncio.run(run())
