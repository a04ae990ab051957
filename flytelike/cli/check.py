"""`flytelike check`: compile without a platform, and tell everything that is wrong."""

import importlib.metadata
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from flytelike.cli.exit_code import ExitCode
from flytelike.cli.failure import show_diagnostics
from flytelike.cli.places import from_here
from flytelike.cli.registering import counted, request_of
from flytelike.compiler import check
from flytelike.compiler.render import render_json
from flytelike.compiler.sarif import render_sarif
from flytelike.model.diagnostic import Diagnostic, DiagnosticError, Severity
from flytelike.sdk.entities import Templates, checked
from flytelike.sdk.modules import survey
from flytelike.sdk.settings import Settings


@click.command("check", short_help="Compile without a platform and tell what is wrong.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    show_default=True,
    help="Text for people on stderr, or JSON or SARIF on stdout.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--strict", is_flag=True, help="Warnings are errors.")
def command(*, paths: tuple[Path, ...], form: str, as_json: bool, strict: bool) -> int:
    """Trace and compile all tasks, workflows and launch plans in PATHS (Python files or folders).

    Nothing is registered and no platform is needed: what is registered elsewhere is taken to be as
    its reference declares it. SARIF annotates pull requests in CI systems.
    """
    form = "json" if as_json else form
    found, diagnostics = examined(paths)
    errors = sum(strict or told.severity is Severity.ERROR for told in diagnostics)
    if form == "text":
        show_diagnostics(diagnostics)
        click.echo(summary(found, diagnostics), err=True)
    else:
        click.echo(document(form, diagnostics))
    sys.stdout.flush()
    return ExitCode.BAD_INPUT if errors else ExitCode.SUCCESS


def examined(paths: Iterable[Path]) -> tuple[Templates, tuple[Diagnostic, ...]]:
    """Return the templates of what is sound, and everything that is wrong. Raises DiagnosticError for no files."""
    loaded, faults = survey(paths)
    found, more = checked(loaded.entities, Settings("project", "domain", "version", loaded.root, ""))
    diagnostics = [*faults, *more, *check(found.entities, found.references)]
    try:
        request_of(found)
    except DiagnosticError as error:
        diagnostics.extend(error.diagnostics)
    return found, from_here(diagnostics, loaded.root)


def document(form: str, diagnostics: Sequence[Diagnostic]) -> str:
    """Return what scripts read."""
    if form == "json":
        return json.dumps([render_json(told) for told in diagnostics], indent=2, ensure_ascii=False)
    return json.dumps(render_sarif(diagnostics, importlib.metadata.version("flytelike")), indent=2, ensure_ascii=False)


def summary(found: Templates, diagnostics: Sequence[Diagnostic]) -> str:
    """Return `2 errors, 1 warning` or what was found to be sound."""
    kinds = Counter(told.severity.value for told in diagnostics)
    told = [f"{kinds[word]} {word}{'s' * (kinds[word] > 1)}" for word in ("error", "warning") if kinds[word]]
    if kinds["error"]:
        return ", ".join(told)
    return ", ".join([f"checked {counted(found.entities)}: no errors", *told])
