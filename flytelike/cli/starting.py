"""Starting an execution, telling its name at once, and waiting for it if asked to."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import click

from flytelike.cli import waiting
from flytelike.cli.context import connected
from flytelike.cli.exit_code import ExitCode
from flytelike.model.ids import ExecutionId
from flytelike.remote import Client, ServerUnreachable

Start = Callable[[Client], Awaitable[ExecutionId]]


async def started(start: Start, server: str, data: Path, *, wait: bool, as_json: bool) -> ExitCode:
    """Start the execution with `start`; then wait and print its outputs, or print its name."""

    def connect() -> AbstractAsyncContextManager[Client]:
        return connected(server, data, start=True)

    execution: ExecutionId | None = None
    for _ in range(waiting.RECONNECTS_MAX):
        try:
            async with connect() as client:
                if execution is None:
                    execution = await start(client)
                    click.echo(f"execution {execution}", err=True)
                if not wait:
                    announce(execution, as_json=as_json)
                    return ExitCode.SUCCESS
                # The client stays open, so that an embedded platform of ours lives while we wait.
                end = await waiting.follow(connect, execution, execution.name)
                return await waiting.report(client, end, as_json=as_json)
        except ServerUnreachable:
            # The embedded platform we had joined belonged to a command that has ended: bring up our own.
            if server:
                raise
    raise ServerUnreachable("UNAVAILABLE", f"no platform stays up on {data}")


def announce(execution: ExecutionId, *, as_json: bool) -> None:
    """Print the execution's name for scripts."""
    if as_json:
        document = {"project": execution.project, "domain": execution.domain, "execution": execution.name}
        click.echo(json.dumps(document))
    else:
        click.echo(execution.name)
        click.echo(f"  follow it: flytelike watch {execution.name}", err=True)
