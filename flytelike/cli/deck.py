"""`flytelike deck`: fetch the report that a task wrote."""

import asyncio
import sys
from pathlib import Path

import click

from flytelike.cli import execution_name
from flytelike.cli.context import connected, place_options, platform_options
from flytelike.cli.exit_code import ExitCode
from flytelike.model.ids import ExecutionId
from flytelike.remote import Client, decks, executions


@click.command("deck", short_help="Fetch the report that a task wrote.")
@click.argument("execution")
@click.argument("node", required=False, default="")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file, instead of stdout.")
@place_options
@platform_options
def command(
    *, execution: str, node: str, output: Path | None, project: str, domain: str, server: str, data: Path
) -> int:
    """Print the report (HTML) of NODE of EXECUTION: that of its last attempt, whether it ended well or not.

    NODE may be left out where there is only one.
    """
    target = execution_name.parse(execution, project, domain)

    async def run() -> bytes:
        async with connected(server, data, start=True) as client:
            return await decks.fetch(client, target, node or await only_node(client, target))

    document = asyncio.run(run())
    if output is None:
        sys.stdout.buffer.write(document)
    else:
        output.write_bytes(document)
        click.echo(f"{output}: {len(document):,} bytes; open it in a browser", err=True)
    return ExitCode.SUCCESS


async def only_node(client: Client, execution: ExecutionId) -> str:
    """Return the one node of an execution; raises UsageError when there are others."""
    found = [row.id.node_id for row in await executions.nodes(client, execution)]
    if len(found) != 1:
        raise click.UsageError(f"which node of {execution.name}? There are {', '.join(found) or 'none'}")
    return found[0]
