"""`flytelike logs`: print what the tasks of an execution printed."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import click

from flytelike.cli import execution_name
from flytelike.cli.context import connected, place_options, platform_options
from flytelike.cli.elements import element_attempt, node_named
from flytelike.cli.exit_code import ExitCode
from flytelike.model.ids import ExecutionId
from flytelike.remote import Client, executions
from flytelike_idl.admin import task_execution_pb2
from flytelike_idl.core import identifier_pb2


@click.command("logs", short_help="Print what the tasks of an execution printed.")
@click.argument("execution")
@click.argument("node", required=False, default="")
@click.option("--attempt", type=int, default=None, help="Only this attempt, counted from 0.  [default: the last]")
@click.option("--element", type=click.IntRange(0), default=None, help="The output of this element of the array NODE.")
@click.option("--follow", "-f", is_flag=True, help="Go on until the attempts end.")
@place_options
@platform_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    execution: str,
    node: str,
    attempt: int | None,
    element: int | None,
    follow: bool,
    project: str,
    domain: str,
    server: str,
    data: Path,
) -> int:
    """Print the output of NODE of EXECUTION, or of all its nodes, each headed by its name."""
    target = execution_name.parse(execution, project, domain)
    if element is not None and not node:
        raise click.UsageError("which array?  flytelike logs EXECUTION NODE --element 17")

    async def run() -> ExitCode:
        async with connected(server, data, start=True) as client:
            if element is not None:
                array = node_named(execution, node, project, domain)
                one = await element_attempt(client, array, element, attempt)
                await printed(client, one, headed=False, follow=follow)
                return ExitCode.SUCCESS
            found = 0
            async for key in attempts(client, target, node, attempt, follow=follow):
                found += 1
                await printed(client, key, headed=not node, follow=follow)
        if node and not found:
            raise click.UsageError(f"{target.name} has no task node {node}")
        return ExitCode.SUCCESS

    return asyncio.run(run())


async def attempts(
    client: Client, execution: ExecutionId, node: str, attempt: int | None, *, follow: bool
) -> AsyncIterator[identifier_pb2.TaskExecutionIdentifier]:
    """Yield the attempts to print: those there are, and with `follow` those that still start."""
    if not follow:
        for row in await executions.nodes(client, execution):
            if node in {"", row.id.node_id}:
                for found in selected(await executions.attempts(client, row.id), attempt):
                    yield found.id
        return
    seen: set[tuple[str, int]] = set()
    async for update in executions.watch(client, execution, attempts=True):
        for found in update.task_executions:
            key = (found.id.node_execution_id.node_id, found.id.retry_attempt)
            if key not in seen and node in {"", key[0]} and attempt in {None, key[1]}:
                seen.add(key)
                yield found.id


def selected(
    rows: list[task_execution_pb2.TaskExecution], attempt: int | None
) -> list[task_execution_pb2.TaskExecution]:
    """Return the attempt asked for, or the last."""
    if attempt is None:
        return rows[-1:]
    return [row for row in rows if row.id.retry_attempt == attempt]


async def printed(client: Client, key: identifier_pb2.TaskExecutionIdentifier, *, headed: bool, follow: bool) -> None:
    """Copy the attempt's output to stdout."""
    if headed:
        click.echo(f"--- {key.node_execution_id.node_id} ({key.task_id.name}), attempt {key.retry_attempt}")
    async for data in executions.logs(client, key, follow=follow):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
