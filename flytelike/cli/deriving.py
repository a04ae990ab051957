"""Making an execution from an earlier one: the plan is told first, then it is started as any other."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import click
import uvloop

from flytelike.cli.context import connected
from flytelike.cli.exit_code import ExitCode
from flytelike.cli.plan_table import document, on_stdout, show
from flytelike.cli.starting import started
from flytelike.model.ids import ExecutionId
from flytelike.remote import Client, RemoteError
from flytelike.remote.derivation import Wish, derive

Wished = Callable[[Client], Awaitable[Wish]]


@dataclass(frozen=True, slots=True)
class Manner:
    """Where, and what is printed. `named` tells that the user chose the execution's name."""

    server: str
    data: Path
    wait: bool
    as_json: bool
    named: bool
    tells_plan: bool = True


def derived(wished: Wished, manner: Manner) -> int:
    """Make the execution; wait for it if asked to. A dry run prints the plan on stdout."""
    return uvloop.run(
        started(
            lambda client: start(client, wished, manner),
            manner.server,
            manner.data,
            wait=manner.wait,
            as_json=manner.as_json,
        )
    )


async def start(client: Client, wished: Wished, manner: Manner) -> ExecutionId:
    """Create the execution and tell the plan. A name drawn here makes that safe to try again."""
    wish = await wished(client)
    try:
        made = await derive(client, wish)
    except RemoteError as error:
        if manner.named or error.status != "ALREADY_EXISTS":
            raise
        return replace(wish.earlier, name=wish.name)
    if manner.tells_plan:
        show(made)
    assert made.execution is not None, "it was not a dry run"
    return made.execution


def planned(wished: Wished, manner: Manner) -> int:
    """Print the plan on stdout, and start nothing."""

    async def run() -> ExitCode:
        async with connected(manner.server, manner.data, start=True) as client:
            made = await derive(client, replace(await wished(client), dry_run=True))
        if manner.as_json:
            click.echo(json.dumps(document(made), indent=2, ensure_ascii=False))
        else:
            show(made, console=on_stdout())
        return ExitCode.SUCCESS

    return asyncio.run(run())
