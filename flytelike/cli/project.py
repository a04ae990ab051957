"""`flytelike project`: create and list projects."""

import asyncio
import json
from pathlib import Path

import click

from flytelike.cli.context import connected, json_option, platform_options
from flytelike.remote import registry


@click.group("project", short_help="Create and list projects.")
def command() -> None:
    """Create and list projects. Each has the domains development, staging and production."""


@command.command("create")
@click.argument("name")
@click.option("--description", default="", help="What the project is for.")
@platform_options
def create(name: str, description: str, server: str, data: Path) -> None:
    """Create the project NAME (lower-case letters, digits and dashes)."""

    async def run() -> None:
        async with connected(server, data, start=True) as client:
            await registry.create_project(client, name, description)

    asyncio.run(run())
    click.echo(f"created project {name}", err=True)


@command.command("list")
@json_option
@platform_options
def list_(as_json: bool, server: str, data: Path) -> None:
    """List the projects."""

    async def run() -> list[tuple[str, str, list[str]]]:
        async with connected(server, data, start=True) as client:
            found = await registry.projects(client)
            return [(p.id, p.description, [d.id for d in p.domains]) for p in found]

    rows = asyncio.run(run())
    if as_json:
        click.echo(json.dumps([{"id": i, "description": t, "domains": d} for i, t, d in rows], indent=2))
        return
    for identifier, description, domains in rows:
        click.echo(f"{identifier}  {', '.join(domains)}  {description}".rstrip())
