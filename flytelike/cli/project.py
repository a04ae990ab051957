"""`flytelike project`: create, show and change projects."""

import asyncio
import json
from pathlib import Path

import click

from flytelike.cli.context import connected, json_option, platform_options
from flytelike.cli.labels import label_option, labels_of
from flytelike.cli.tenancy_plan import carry_out, tell
from flytelike.remote import registry, tenancy
from flytelike_idl.admin import project_pb2


@click.group("project", short_help="Create, show and change projects.")
def command() -> None:
    """Create, show and change projects. Each has the domains development, staging and production."""


@command.command("create")
@click.argument("name")
@click.option("--description", default=None, help="What the project is for.")
@click.option("--team", default=None, help="The team that owns it.  [default: the team `default`]")
@label_option
@json_option
@platform_options
def create(
    *,
    name: str,
    description: str | None,
    team: str | None,
    labels: tuple[str, ...],
    as_json: bool,
    server: str,
    data: Path,
) -> None:
    """Create the project NAME (lower-case letters, digits and dashes)."""
    wish = tenancy.project_wish(name, description, labels_of(labels), team=team)
    wish.create = True
    tell(asyncio.run(carry_out(server, data, wish)), as_json=as_json)


@command.command("set")
@click.argument("name")
@click.option("--description", default=None, help="What the project is for.")
@click.option("--team", default=None, help="The team that owns it.")
@label_option
@click.option("--no-labels", is_flag=True, help="Take all labels away.")
@json_option
@platform_options
def set_(  # noqa: PLR0913 - one parameter an option
    *,
    name: str,
    description: str | None,
    team: str | None,
    labels: tuple[str, ...],
    no_labels: bool,
    as_json: bool,
    server: str,
    data: Path,
) -> None:
    """Change the project NAME; labels that are given replace all it has."""
    wish = tenancy.project_wish(name, description, {} if no_labels else labels_of(labels), team=team)
    wish.change = True
    tell(asyncio.run(carry_out(server, data, wish)), as_json=as_json)


@command.command("archive")
@click.argument("name")
@click.option("--undo", is_flag=True, help="Bring it back.")
@json_option
@platform_options
def archive(*, name: str, undo: bool, as_json: bool, server: str, data: Path) -> None:
    """Archive the project NAME: it takes nothing new."""
    wish = tenancy.project_wish(name, archived=not undo)
    wish.change = True
    tell(asyncio.run(carry_out(server, data, wish)), as_json=as_json)


@command.command("list")
@json_option
@platform_options
def list_(*, as_json: bool, server: str, data: Path) -> None:
    """List the projects."""

    async def run() -> list[dict[str, object]]:
        async with connected(server, data, start=True) as client:
            return [_document(found) for found in await registry.projects(client)]

    rows = asyncio.run(run())
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        domains = row["domains"]
        assert isinstance(domains, list)
        shown = [row["id"], ", ".join(domains), f"team {row['team']}", row["description"]]
        click.echo("  ".join(str(part) for part in shown if part))


@command.command("get")
@click.argument("name")
@json_option
@platform_options
def get(*, name: str, as_json: bool, server: str, data: Path) -> None:
    """Show the project NAME."""

    async def run() -> dict[str, object]:
        async with connected(server, data, start=True) as client:
            return _document(await tenancy.project(client, name))

    document = asyncio.run(run())
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for key, value in document.items():
        click.echo(f"{key}: {value}")


def _document(project: project_pb2.Project) -> dict[str, object]:
    return {
        "id": project.id,
        "description": project.description,
        "domains": [domain.id for domain in project.domains],
        "team": project.team,
        "labels": dict(project.labels.values),
        "archived": project.state in {project_pb2.Project.ARCHIVED, project_pb2.Project.SYSTEM_ARCHIVED},
    }
