"""From whatever went wrong to words on stderr and an exit code. Nobody sees a traceback of ours."""

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from flytelike.cli import pages
from flytelike.cli.exit_code import ExitCode
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.redaction import redacted


def run_guarded(command: click.Command) -> int:
    """Run the command with the process's arguments and return the exit code."""
    try:
        result = command.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return ExitCode.BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return ExitCode.DETACHED
    except DiagnosticError as error:
        show_diagnostics(error.diagnostics)
        return ExitCode.NO_SERVER if any(d.code in PLATFORM_CODES for d in error.diagnostics) else ExitCode.BAD_INPUT
    except BrokenPipeError:
        # Whoever read our output has had enough; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.SUCCESS
    except Exception as error:  # noqa: BLE001 - the last line of defence
        return unexpected(error)
    return result if isinstance(result, int) else ExitCode.SUCCESS


PLATFORM_CODES = frozenset(
    {
        "no-server",
        "address-unusable",
        "port-in-use",
        "older-database",
        "data-folder-busy",
        "newer-data-folder",
        "newer-database",
        "corrupt-database",
        "disk-full",
        "database-locked",
        "database-unavailable",
    }
)
"""Faults of the platform, not of what was asked of it."""


def unexpected(error: Exception) -> int:
    """Tell of an error that has no diagnostic; remote ones have a meaning of their own."""
    from flytelike.remote.errors import RemoteError, ServerUnreachable  # noqa: PLC0415 - grpc is heavy

    if isinstance(error, ServerUnreachable) and not error.diagnostics:
        show_diagnostics([no_server(error.message)])
        return ExitCode.NO_SERVER
    if isinstance(error, RemoteError):
        return refused(error.status, error.message, error.diagnostics)
    place = save_report(error)
    headline = redacted(f"{type(error).__name__}: {error}")
    show_diagnostics(
        [
            Diagnostic(
                "internal-error", headline, help=(f"this is a fault of Flytelike itself; the details are in {place}",)
            )
        ]
    )
    return ExitCode.INTERNAL


def refused(status: str, message: str, diagnostics: Sequence[Diagnostic]) -> int:
    """Show a refusal of the server."""
    if diagnostics:
        show_diagnostics(diagnostics)
        if any(found.code in PLATFORM_CODES for found in diagnostics):
            return ExitCode.NO_SERVER
    else:
        click.echo(f"error[{status.lower().replace('_', '-')}]: {message}", err=True)
    return ExitCode.INTERNAL if status in {"INTERNAL", "UNKNOWN", "DATA_LOSS"} else ExitCode.BAD_INPUT


def no_server(message: str) -> Diagnostic:
    """Return the diagnostic for a platform that does not answer."""
    return Diagnostic(
        "no-server",
        message,
        help=("start one with `flytelike up`, or leave `--server` out to use the embedded platform",),
    )


def save_report(error: Exception) -> Path:
    """Write the traceback to a file of its own and return its path."""
    handle, name = tempfile.mkstemp(prefix="flytelike-error-", suffix=".txt")
    with os.fdopen(handle, "w") as file:
        file.write(redacted("".join(traceback.format_exception(error))))
    return Path(name)


def show_diagnostics(diagnostics: Sequence[Diagnostic]) -> None:
    """Render diagnostics on stderr, with the source lines of files that can be read here."""
    from flytelike.compiler.render import render_text  # noqa: PLC0415 - only faults pay for it

    color = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    told = [render_text(diagnostic, source_lines, color=color) for diagnostic in diagnostics]
    for before, text in zip(["", *told], told, strict=False):
        # Short ones stand close together, as a list; others are set apart.
        if before and ("\n" in before or "\n" in text):
            click.echo(err=True)
        click.echo(text, err=True)
    explained = [code for code in dict.fromkeys(found.code for found in diagnostics) if code in pages.codes()]
    if explained:
        more = f" (or {', '.join(explained[1:4])})" if explained[1:] else ""
        if " --> " in told[-1]:
            click.echo(err=True)
        click.echo(f"more about it: flytelike explain {explained[0]}{more}", err=True)


def source_lines(path: str) -> Sequence[str] | None:
    """Return the lines of a source file, or None when it is not here."""
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
