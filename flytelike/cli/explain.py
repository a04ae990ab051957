"""`flytelike explain`: what an error code means and what to do."""

import asyncio
import difflib
import json
import re
import sys
from pathlib import Path

import click

from flytelike.cli import pages
from flytelike.cli.context import connected, json_option, place_options, platform_options
from flytelike.cli.exit_code import ExitCode
from flytelike.model.diagnostic import Diagnostic, DiagnosticError

CACHE_WORDS = 3
WAIT_WORDS = 2


@click.command("explain", short_help="Tell what an error code means, or why a node was (not) cached.")
@click.argument(
    "words",
    nargs=-1,
    metavar="[CODE | cache EXECUTION NODE | wait EXECUTION | config WORKFLOW]",
    shell_complete=lambda *given: complete(given[-1]),
)
@json_option
@place_options
@platform_options
def command(*, words: tuple[str, ...], as_json: bool, project: str, domain: str, server: str, data: Path) -> int:
    """Show the page of CODE, the word in brackets behind `error`; without CODE, list all codes.

    With `cache EXECUTION NODE`: tell why the node's result came from the cache, or which part of what results
    are known by differs from the nearest one that is cached.
    With `config WORKFLOW`: tell what holds for its executions, and where each value comes from.
    With `wait EXECUTION`: tell what of it waits, for which limits, at which place in line, and what would free it.
    """
    if words[:1] == ("cache",):
        if len(words) != CACHE_WORDS:
            raise click.UsageError("which node?  flytelike explain cache EXECUTION NODE")
        asyncio.run(explain_cache(words[1], words[2], (project, domain), (server, data), as_json=as_json))
        return ExitCode.SUCCESS
    if words[:1] == ("config",):
        if len(words) != WAIT_WORDS:
            raise click.UsageError("which workflow?  flytelike explain config WORKFLOW")
        asyncio.run(explain_config(words[1], (project, domain), (server, data), as_json=as_json))
        return ExitCode.SUCCESS
    if words[:1] == ("wait",):
        if len(words) != WAIT_WORDS:
            raise click.UsageError("which execution?  flytelike explain wait EXECUTION")
        asyncio.run(explain_wait(words[1], (project, domain), (server, data), as_json=as_json))
        return ExitCode.SUCCESS
    if len(words) > 1:
        raise click.UsageError("one code at a time, `cache EXECUTION NODE`, `wait EXECUTION` or `config WORKFLOW`")
    return explain_code(words[0] if words else None, as_json=as_json)


async def explain_cache(
    execution: str, node: str, place: tuple[str, str], platform: tuple[str, Path], *, as_json: bool
) -> None:
    """Print why a node's result came from the cache or did not."""
    from flytelike.cli import explain_cache as words  # noqa: PLC0415 - loads protobuf, which the pages need not

    async with connected(*platform, start=True) as client:
        await words.show(client, execution, node, place, as_json=as_json)


async def explain_wait(execution: str, place: tuple[str, str], platform: tuple[str, Path], *, as_json: bool) -> None:
    """Print what of an execution waits for its part of what many share, and why."""
    from flytelike.cli import explain_wait as words  # noqa: PLC0415 - loads protobuf, which the pages need not

    async with connected(*platform, start=True) as client:
        await words.show(client, execution, place, as_json=as_json)


async def explain_config(workflow: str, place: tuple[str, str], platform: tuple[str, Path], *, as_json: bool) -> None:
    """Print what holds for executions of a workflow, and where each value comes from."""
    from flytelike.cli import explain_config as words  # noqa: PLC0415 - loads protobuf, which the pages need not

    async with connected(*platform, start=True) as client:
        await words.show(client, workflow, place, as_json=as_json)


def explain_code(code: str | None, *, as_json: bool) -> int:
    """Print a code's page, or all codes."""
    if code is None:
        listed = pages.codes()
        click.echo(json.dumps(listed, indent=2) if as_json else "\n".join(listed))
        return ExitCode.SUCCESS
    wanted = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", code.strip("[]")).lower()
    text = pages.page(wanted)
    if text is None:
        raise DiagnosticError([unknown(wanted)])
    if as_json:
        click.echo(json.dumps({"code": wanted, "page": text}, indent=2))
    elif sys.stdout.isatty():
        show(text)
    else:
        click.echo(text.rstrip())
    return ExitCode.SUCCESS


def show(text: str) -> None:
    """Print Markdown for people."""
    from rich.console import Console  # noqa: PLC0415 - only terminals pay for it
    from rich.markdown import Markdown  # noqa: PLC0415

    Console(width=min(100, Console().width)).print(Markdown(text, code_theme="ansi_dark"))


def unknown(code: str) -> Diagnostic:
    """Return the diagnostic for a code without a page."""
    close = difflib.get_close_matches(code, pages.codes(), n=3)
    hint = f"did you mean {' or '.join(f'`{found}`' for found in close)}?" if close else "list all codes"
    return Diagnostic(
        "unknown-error-code", f"there is no error code `{code}`", help=(hint, "all codes: flytelike explain")
    )


def complete(start: str) -> list[str]:
    """Return the codes that begin with what was typed."""
    return [code for code in pages.codes() if code.startswith(start)]
