"""Waiting for an execution: its progress, Ctrl-C, and a platform that goes away meanwhile."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass

import click

from flytelike.cli.exit_code import ExitCode
from flytelike.cli.failure import show_diagnostics
from flytelike.cli.phase import sign
from flytelike.cli.progress import Progress
from flytelike.cli.trace_text import trace_text
from flytelike.cli.tree import Tree, shown_seconds
from flytelike.model.diagnostic import Diagnostic
from flytelike.model.ids import ExecutionId
from flytelike.model.phases import WorkflowPhase
from flytelike.remote import Client, ServerUnreachable, executions
from flytelike.types.inputs import json_from_literal
from flytelike_idl.admin import execution_pb2

Connect = Callable[[], AbstractAsyncContextManager[Client]]

RECONNECTS_MAX = 20


@dataclass(frozen=True, slots=True)
class Ended:
    """How the wait ended; `execution` is None when the user detached."""

    execution: execution_pb2.Execution | None


class Interrupted(Exception):
    """The user pressed Ctrl-C."""


async def follow(connect: Connect, execution: ExecutionId, title: str) -> Ended:
    """Show progress until the execution ends, reconnecting when the platform goes away.

    An embedded platform may belong to another process that ends first; `connect` then
    brings up one of our own, which goes on where the other stopped.
    """
    tree = Tree(title)
    with interruptible() as interrupts, Progress(tree) as progress:
        for _ in range(RECONNECTS_MAX):
            try:
                async with connect() as client:
                    return await watched(client, execution, progress, interrupts)
            except ServerUnreachable:
                continue
            except Interrupted:
                break
    if tree.phase.terminal:
        return Ended(tree.execution)
    return await asked(connect, execution)


async def watched(client: Client, execution: ExecutionId, progress: Progress, interrupts: asyncio.Event) -> Ended:
    """Take updates until the stream ends; raises Interrupted on Ctrl-C."""
    updates = executions.watch(client, execution).__aiter__()
    stop = asyncio.ensure_future(interrupts.wait())
    try:
        while True:
            step = asyncio.ensure_future(anext(updates, None))
            done, _ = await asyncio.wait({step, stop}, return_when=asyncio.FIRST_COMPLETED)
            if stop in done:
                step.cancel()
                raise Interrupted
            update = step.result()
            if update is None:
                return Ended(await executions.get(client, execution))
            progress.update(update)
    finally:
        stop.cancel()


@contextmanager
def interruptible() -> Iterator[asyncio.Event]:
    """Turn Ctrl-C into an event for as long as the block runs."""
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, event.set)
    try:
        yield event
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def asked(connect: Connect, execution: ExecutionId) -> Ended:
    """Ask a person once what Ctrl-C meant; without a terminal, detach."""
    if sys.stdin.isatty() and sys.stderr.isatty():
        answer = await asyncio.to_thread(
            click.prompt,
            "\nThe execution is still running: detach or abort?",
            type=click.Choice(["detach", "abort"]),
            default="detach",
            err=True,
        )
        if answer == "abort":
            async with connect() as client:
                await executions.terminate(client, execution, "aborted from the command line")
                click.echo(f"aborting {execution.name}", err=True)
                return await ended(client, execution)
    click.echo(f"detached; see `flytelike watch {execution.name}`", err=True)
    return Ended(None)


async def ended(client: Client, execution: ExecutionId) -> Ended:
    """Wait without showing progress."""
    async for _ in executions.watch(client, execution):
        pass
    return Ended(await executions.get(client, execution))


async def report(client: Client, end: Ended, *, as_json: bool) -> ExitCode:
    """Print outputs on stdout, or the failure on stderr, and return the exit code."""
    if end.execution is None:
        return ExitCode.DETACHED
    phase = WorkflowPhase(end.execution.closure.phase)
    name = end.execution.id.name
    seconds = end.execution.closure.duration.ToMilliseconds() / 1e3
    identifier = ExecutionId(end.execution.id.project, end.execution.id.domain, name)
    _, outputs = await executions.data(client, identifier)
    shown = {key: json_from_literal(value) for key, value in outputs.items()}
    if as_json:
        error = end.execution.closure.error
        failure = {"code": error.code, "message": error.message} if error.code or error.message else None
        document = {"execution": name, "phase": phase.name, "outputs": shown, "error": failure}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        for key, value in shown.items():
            click.echo(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    click.echo(f"{sign(phase)} {name} {phase.name.lower()} in {shown_seconds(seconds)}", err=True)
    click.echo(f"  look again: flytelike get execution {name}", err=True)
    if phase is WorkflowPhase.SUCCEEDED:
        return ExitCode.SUCCESS
    show_failure(end.execution)
    return ExitCode.EXECUTION_FAILED


def without_class(headline: str, code: str) -> str:
    """Return what was raised without its class, where the code names that: `USER:ValueError`."""
    cls, colon, text = headline.partition(": ")
    return text if colon and code.endswith(f":{cls.rpartition('.')[2]}") else headline


def show_failure(execution: execution_pb2.Execution) -> None:
    """Tell why the execution did not succeed."""
    closure = execution.closure
    if closure.HasField("abort_metadata"):
        click.echo(f"aborted: {closure.abort_metadata.cause}", err=True)
        return
    told = trace_text(closure.error.message)
    if told.frames:
        click.echo(told.frames, err=True)
    show_diagnostics(
        [
            Diagnostic(
                closure.error.code or "execution-failed",
                "\n".join(filter(None, (without_class(told.headline, closure.error.code), told.details))),
                help=(f"what the tasks printed: flytelike logs {execution.id.name}",),
            )
        ]
    )
