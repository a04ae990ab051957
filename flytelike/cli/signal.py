"""`flytelike signal`: show what an execution waits for, and answer it."""

import asyncio
import json
from pathlib import Path

import click

from flytelike.cli import execution_name
from flytelike.cli.context import connected, json_option, place_options, platform_options
from flytelike.cli.exit_code import ExitCode
from flytelike.cli.waits import record, type_words, waits
from flytelike.codec.types import literal_type_from_proto
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.ids import ExecutionId
from flytelike.model.literals import Literal, Primitive
from flytelike.model.types import BOOLEAN, STRING
from flytelike.remote import Client, signals
from flytelike.types.inputs import parse_text
from flytelike_idl.admin import signal_pb2


@click.command("signal", short_help="Show what an execution waits for, or answer it.")
@click.argument("execution")
@click.argument("signal", required=False, default="")
@click.option("--value", help="The value: text as it stands for strings, dates and files, JSON for all else.")
@click.option("--approve/--reject", "approval", default=None, help="Answer a gate that waits for an approval.")
@json_option
@place_options
@platform_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    execution: str,
    signal: str,
    value: str | None,
    approval: bool | None,
    as_json: bool,
    project: str,
    domain: str,
    server: str,
    data: Path,
) -> int:
    """Answer SIGNAL of EXECUTION (a name, or PROJECT/DOMAIN/NAME); without SIGNAL, list what it waits for."""
    target = execution_name.parse(execution, project, domain)
    if (value is not None or approval is not None) and not signal:
        raise click.UsageError("which signal?  `flytelike signal EXECUTION` lists them")
    if value is not None and approval is not None:
        raise click.UsageError("either --value, or --approve or --reject")

    async def run() -> ExitCode:
        async with connected(server, data, start=True) as client:
            known = await signals.signals(client, target)
            if value is None and approval is None:
                show([one for one in known if signal in {"", one.id.signal_id}], target, as_json=as_json)
                return ExitCode.SUCCESS
            await give(client, target, signal, value, approval, known)
            told = {"execution": target.name, "signal": signal}
            click.echo(json.dumps(told) if as_json else f"{target.name} was given `{signal}`", err=not as_json)
        return ExitCode.SUCCESS

    return asyncio.run(run())


async def give(
    client: Client,
    target: ExecutionId,
    signal: str,
    value: str | None,
    approval: bool | None,
    known: list[signal_pb2.Signal],
) -> None:
    """Parse what was typed by the signal's own type, and send it; unknown signals are the server's to refuse."""
    found = next((one for one in known if one.id.signal_id == signal), None)
    if approval is not None:
        literal: Literal = Literal(Primitive(approval))
        if found is not None and literal_type_from_proto(found.type).kind != BOOLEAN.kind:
            raise DiagnosticError(
                [
                    Diagnostic(
                        "wrong-signal-type",
                        f"`{signal}` waits for {type_words(found)}, not for an approval",
                        help=("give it with --value",),
                    )
                ]
            )
    else:
        kind = literal_type_from_proto(found.type) if found is not None else STRING
        outcome = parse_text(value or "", kind, signal)
        if isinstance(outcome, list):
            raise DiagnosticError(outcome)
        literal = outcome
    await signals.give(client, target, signal, literal)


def show(found: list[signal_pb2.Signal], target: ExecutionId, *, as_json: bool) -> None:
    """Print signals: those waited for with how to answer, those given with who gave them."""
    if as_json:
        click.echo(json.dumps([record(signal) for signal in found], indent=2, ensure_ascii=False))
        return
    waiting = list(waits(found))
    for wait in waiting:
        click.echo(wait.line)
    for signal in found:
        if signal.HasField("value"):
            told = record(signal)
            value = json.dumps(told["value"], ensure_ascii=False)
            click.echo(f"{told['signal']} = {value}, given by {told['by']} at {told['at']}")
    if not found:
        click.echo(f"{target.name} waits for no signal", err=True)
