"""`flytelike explain`: what an error code means and what to do."""

import difflib
import json
import sys

import click

from flytelike.cli import pages
from flytelike.cli.context import json_option
from flytelike.cli.exit_code import ExitCode
from flytelike.model.diagnostic import Diagnostic, DiagnosticError


@click.command("explain", short_help="Tell what an error code means and what to do.")
@click.argument("code", required=False, shell_complete=lambda _context, _option, start: complete(start))
@json_option
def command(*, code: str | None, as_json: bool) -> int:
    """Show the page of CODE, the word in brackets behind `error`; without CODE, list all codes."""
    if code is None:
        listed = pages.codes()
        click.echo(json.dumps(listed, indent=2) if as_json else "\n".join(listed))
        return ExitCode.SUCCESS
    wanted = code.strip("[]").lower()
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
