"""`flytelike register`: compile tasks and workflows and store them as a version."""

import asyncio
import json
from pathlib import Path

import click

from flytelike.cli.authored import Authored, Outcome, author, registered
from flytelike.cli.context import connected, json_option, place_options, platform_options
from flytelike.cli.exit_code import ExitCode
from flytelike.cli.failure import show_diagnostics
from flytelike.cli.packing import Packing, packing_options
from flytelike.cli.registering import counted
from flytelike.model.diagnostic import Diagnostic
from flytelike.remote.registration import Registered
from flytelike.sdk.modules import load

SIGNS = {"CREATED": "+", "UNCHANGED": "=", "CONFLICT": "!", "REJECTED": "✗"}


@click.command("register", short_help="Compile tasks and workflows and store them as a version.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@packing_options("Name of the version.  [default: made of the content]")
@click.option("--dry-run", is_flag=True, help="Tell what would happen; store nothing.")
@click.option("--diff", is_flag=True, help="Like --dry-run, and show how known versions differ.")
@json_option
@place_options
@platform_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    paths: tuple[Path, ...],
    packing: Packing,
    dry_run: bool,
    diff: bool,
    as_json: bool,
    project: str,
    domain: str,
    server: str,
    data: Path,
) -> int:
    """Register all tasks, workflows and launch plans in PATHS (Python files or folders), or none.

    The version is made of the content, so the same content again changes nothing. The code
    that is imported from the project is uploaded with it (`--copy all`: every file that is not
    ignored; `--copy none`: nothing).
    """
    loaded = load(paths)
    authored = author(loaded, loaded.entities, project, domain, packing)

    show_diagnostics(authored.warnings)

    async def run() -> Outcome:
        async with connected(server, data, start=True) as client:
            return await registered(client, authored, dry_run=dry_run or diff)

    outcome = asyncio.run(run())
    if as_json:
        click.echo(json.dumps(document(authored, outcome), indent=2))
    return told(authored, outcome, dry_run=dry_run or diff)


def document(authored: Authored, outcome: Outcome) -> dict[str, object]:
    """Return what `--json` prints."""
    return {
        "version": authored.version,
        "project": authored.project,
        "domain": authored.domain,
        "code": authored.bundle.digest if authored.bundle else None,
        "uploaded_bytes": outcome.uploaded_bytes,
        "entities": [
            {
                "kind": found.id.kind.name.lower(),
                "name": found.id.name,
                "outcome": found.outcome.lower(),
                "digest": found.digest,
                "difference": list(found.difference),
            }
            for found in outcome.registration.entities
        ],
    }


def told(authored: Authored, outcome: Outcome, *, dry_run: bool) -> ExitCode:
    """Tell people what became of each entity and return the exit code."""
    entities = outcome.registration.entities
    for found in entities:
        kind = found.id.kind.name.lower().replace("_", " ")
        click.echo(f"  {SIGNS.get(found.outcome, '?')} {kind} {found.id.name} {found.outcome.lower()}", err=True)
    show_diagnostics(outcome.registration.diagnostics)
    refused = [found for found in entities if found.outcome == "CONFLICT"]
    if refused:
        show_diagnostics([conflict(found) for found in refused])
        return ExitCode.BAD_INPUT
    if any(found.outcome == "REJECTED" for found in entities):
        return ExitCode.BAD_INPUT
    click.echo(summary(authored, outcome, dry_run=dry_run), err=True)
    return ExitCode.SUCCESS


def conflict(found: Registered) -> Diagnostic:
    """Return the diagnostic for a version that exists with other content."""
    kind = found.id.kind.name.lower().replace("_", " ")
    return Diagnostic(
        "version-conflict",
        f"the {kind} {found.id} exists with other content",
        help=(*found.difference[:20], "register under another version, or leave `--version` out"),
    )


def summary(authored: Authored, outcome: Outcome, *, dry_run: bool) -> str:
    """Return the closing line."""
    entities = outcome.registration.entities
    created = [found for found in entities if found.outcome == "CREATED"]
    where = f"version {authored.version} in {authored.project}/{authored.domain}"
    if not created:
        return f"unchanged: {counted(entities)}, registered before as {where}"
    verb = "would be registered" if dry_run else "registered"
    kept = f" ({len(entities) - len(created)} unchanged)" if len(created) < len(entities) else ""
    code = f", {outcome.uploaded_bytes / 1e3:.1f} kB of code uploaded" if outcome.uploaded_bytes else ""
    return f"{verb}: {counted(created)}{kept} as {where}{code}"
