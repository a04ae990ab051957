"""`flytelike team`: teams, who own projects together."""

import asyncio
import json
from pathlib import Path

import click

from flytelike.cli.context import connected, json_option, platform_options
from flytelike.cli.labels import label_option, labels_of
from flytelike.cli.tenancy_plan import carry_out, tell
from flytelike.remote import tenancy
from flytelike.remote.errors import RemoteError
from flytelike_idl.service import tenancy_pb2 as pb


@click.group("team", short_help="Create, show and change teams, who own projects.")
def command() -> None:
    """Create, show and change teams. Projects that were given to none belong to the team `default`."""


@command.command("create")
@click.argument("name")
@click.option("--description", default=None, help="Who they are.")
@label_option
@json_option
@platform_options
def create(
    *, name: str, description: str | None, labels: tuple[str, ...], as_json: bool, server: str, data: Path
) -> None:
    """Create the team NAME (lower-case letters, digits and dashes)."""
    wish = tenancy.team_wish(name, description, labels_of(labels))
    wish.create = True
    tell(asyncio.run(carry_out(server, data, wish)), as_json=as_json)


@command.command("set")
@click.argument("name")
@click.option("--description", default=None, help="Who they are.")
@label_option
@click.option("--no-labels", is_flag=True, help="Take all labels away.")
@json_option
@platform_options
def set_(
    *,
    name: str,
    description: str | None,
    labels: tuple[str, ...],
    no_labels: bool,
    as_json: bool,
    server: str,
    data: Path,
) -> None:
    """Change the team NAME; labels that are given replace all it has."""
    wish = tenancy.team_wish(name, description, {} if no_labels else labels_of(labels))
    wish.change = True
    tell(asyncio.run(carry_out(server, data, wish)), as_json=as_json)


@command.command("archive")
@click.argument("name")
@click.option("--undo", is_flag=True, help="Bring it back.")
@json_option
@platform_options
def archive(*, name: str, undo: bool, as_json: bool, server: str, data: Path) -> None:
    """Archive the team NAME, which has no active projects: it gets no more of them."""
    wish = tenancy.team_wish(name, archived=not undo)
    wish.change = True
    tell(asyncio.run(carry_out(server, data, wish)), as_json=as_json)


@command.command("list")
@click.option("--archived", is_flag=True, help="Archived ones, too.")
@json_option
@platform_options
def list_(*, archived: bool, as_json: bool, server: str, data: Path) -> None:
    """List the teams."""
    found = asyncio.run(_teams(server, data, "", archived=archived))
    if as_json:
        click.echo(json.dumps([_document(team) for team in found], indent=2))
        return
    for team in found:
        projects = f"{team.projects} project{'s' * (team.projects != 1)}"
        shown = [team.name, projects, "archived" if team.archived else "", team.description]
        click.echo("  ".join(filter(None, shown)))


@command.command("get")
@click.argument("name")
@json_option
@platform_options
def get(*, name: str, as_json: bool, server: str, data: Path) -> None:
    """Show the team NAME."""
    found = asyncio.run(_teams(server, data, name, archived=True))
    if not found:
        raise RemoteError("NOT_FOUND", f"there is no team {name}")
    document = _document(found[0])
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for key, value in document.items():
        click.echo(f"{key}: {value}")


async def _teams(server: str, data: Path, name: str, *, archived: bool) -> list[pb.Team]:
    async with connected(server, data, start=True) as client:
        return [team async for team in tenancy.teams(client, name, archived=archived)]


def _document(team: pb.Team) -> dict[str, object]:
    return {
        "name": team.name,
        "description": team.description,
        "labels": dict(team.labels),
        "archived": team.archived,
        "projects": team.projects,
    }
