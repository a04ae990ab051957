"""`flytelike diff`: what changed between two versions, and whether callers break."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import click

from flytelike.bundle import collect
from flytelike.bundle.collect import Copy
from flytelike.cli.context import connected, json_option, place_options, platform_options
from flytelike.cli.exit_code import ExitCode
from flytelike.cli.packing import image_option
from flytelike.compiler.changes import Change, Part, changes
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.graph import Entity
from flytelike.remote import Client
from flytelike.remote.versions import entity_of, version_of
from flytelike.sdk.entities import templates
from flytelike.sdk.modules import load
from flytelike.sdk.settings import Settings


@click.command("diff", short_help="Tell what changed between two versions.")
@click.argument("old")
@click.argument("new")
@click.option("--strict", is_flag=True, help="Exit with 2 when a change breaks callers.")
@image_option
@json_option
@place_options
@platform_options
def command(  # noqa: PLR0913 - one parameter an option
    *, old: str, new: str, strict: bool, image: str, as_json: bool, project: str, domain: str, server: str, data: Path
) -> int:
    """Compare OLD with NEW. Each is a file or folder, NAME@VERSION, NAME (its newest version), or @VERSION.

    A change of an interface breaks callers when a call that was right before is refused now: an input
    that is gone or newly needed, a type that does not take what it took, an output that is gone.
    """
    local = {text: from_files(Path(text), project, domain, image) for text in (old, new) if is_path(text)}

    async def registered() -> dict[str, tuple[Entity, ...]]:
        async with connected(server, data, start=True) as client:
            return {
                text: await from_registry(client, text, project, domain) for text in (old, new) if text not in local
            }

    found = {**local, **(asyncio.run(registered()) if len(local) < len({old, new}) else {})}
    before, after = found[old], found[new]
    # One entity against files: only what belongs to it is compared.
    if old not in local and new in local and not old.startswith("@"):
        after = belonging(after, before)
    if new not in local and old in local and not new.startswith("@"):
        before = belonging(before, after)
    told = changes(before, after)
    if as_json:
        click.echo(json.dumps([document(change) for change in told], indent=2, ensure_ascii=False))
    else:
        show(told)
    return ExitCode.BAD_INPUT if strict and any(change.breaking for change in told) else ExitCode.SUCCESS


def is_path(text: str) -> bool:
    """Tell a file or folder from something registered; what looks like a file and is missing is still one."""
    return Path(text).exists() or text.endswith(".py") or "/" in text


def from_files(path: Path, project: str, domain: str, image: str) -> tuple[Entity, ...]:
    """Return the templates of a file or folder, with its code as `register` would send it. Raises DiagnosticError."""
    loaded = load([path])
    try:
        code = str(collect(loaded.root, Copy.AUTO).digest)
        return templates(loaded.entities, Settings(project, domain, "", loaded.root, code, image)).entities
    finally:
        # The other side may be another version of the same modules.
        loaded.forget()


async def from_registry(client: Client, text: str, project: str, domain: str) -> tuple[Entity, ...]:
    """Return the templates of what is registered. Raises DiagnosticError when there is nothing."""
    name, _, version = text.partition("@")
    if name:
        found = await entity_of(client, project, domain, name, version)
    else:
        found = await version_of(client, project, domain, version)
    if not found:
        raise DiagnosticError(
            [
                Diagnostic(
                    "not-registered",
                    f"nothing named {text} is registered in {project}/{domain}, and there is no such file",
                    help=("see `flytelike get workflows`; a whole version is written @VERSION",),
                )
            ]
        )
    return found


def belonging(entities: Iterable[Entity], named: Iterable[Entity]) -> tuple[Entity, ...]:
    """Return the entities whose names are among `named`."""
    names = {(entity.id.kind, entity.id.name) for entity in named}
    return tuple(entity for entity in entities if (entity.id.kind, entity.id.name) in names)


def document(change: Change) -> dict[str, object]:
    """Return a change as JSON data."""
    return {
        "kind": change.kind.name.lower(),
        "name": change.name,
        "part": change.part.value,
        "change": change.text,
        "breaking": change.breaking,
    }


def mark(change: Change) -> str:
    """Return the sign before a change: `!` breaks callers, `+` is new, `~` is anything else."""
    if change.breaking:
        return click.style("!", fg="red", bold=True)
    return click.style("+", fg="green") if change.part is Part.ENTITY else "~"


def show(told: Sequence[Change]) -> None:
    """Print the changes entity by entity; breaking ones are marked `!`."""
    for (kind, name), group in groupby(told, key=lambda change: (change.kind, change.name)):
        click.echo(click.style(f"{kind.name.lower().replace('_', ' ')} {name}", bold=True))
        for change in group:
            click.echo(f"  {mark(change)} {change.part.value:<10} {change.text}")
    breaking = sum(change.breaking for change in told)
    if not told:
        click.echo("no changes")
        return
    effect = (
        f"{breaking} of them {'breaks' if breaking == 1 else 'break'} callers (!)" if breaking else "no caller breaks"
    )
    click.echo(f"{len(told)} change{'s' * (len(told) > 1)}; {effect}")
