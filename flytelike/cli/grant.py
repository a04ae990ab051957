"""`flytelike grant`: who may do what."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from flytelike.cli.access_text import grant_document, grant_row, scope_text, subject_text
from flytelike.cli.context import connected, json_option, platform_options
from flytelike.cli.rows import show_rows
from flytelike.remote import administration
from flytelike_idl.service import access_pb2 as pb

F = TypeVar("F", bound=Callable[..., object])

ROLES = ("viewer", "launcher", "contributor", "admin")


@click.group("grant", short_help="Give roles to users and groups, or take them away.")
def command() -> None:
    """Roles permit: viewer to look, launcher to run besides, contributor to register besides, admin everything.

    They hold on the platform, in a team's projects, in a project, or in a domain of one. Nothing else is permitted.
    """


def scope_options(function: F) -> F:
    """Add the options that say where."""
    for option in (
        click.option("--platform", "everywhere", is_flag=True, help="On the whole platform."),
        click.option("-d", "--domain", default="", help="In this domain of the project."),
        click.option("-p", "--project", default="", help="In this project."),
        click.option("--team", default="", help="In all projects of this team."),
    ):
        function = option(function)
    return function


@command.command("add")
@click.argument("subject", metavar="user:NAME|group:NAME")
@click.argument("role", type=click.Choice(ROLES))
@scope_options
@platform_options
def add(  # noqa: PLR0913 - one parameter an option
    *, subject: str, role: str, team: str, project: str, domain: str, everywhere: bool, server: str, data: Path
) -> None:
    """Give a role to a user or a group; harmless if they have it."""
    grant = grant_of(subject, role, pb.AccessScope(team=team, project=project, domain=domain), everywhere=everywhere)

    async def run() -> bool:
        async with connected(server, data, start=True) as client:
            return await administration.add_grant(client, grant)

    new = asyncio.run(run())
    told = "is now" if new else "was already"
    click.echo(f"{subject_text(grant.subject)} {told} {role} of {scope_text(grant.scope)}", err=True)


@command.command("remove")
@click.argument("subject", metavar="user:NAME|group:NAME")
@click.argument("role", type=click.Choice(ROLES))
@scope_options
@platform_options
def remove(  # noqa: PLR0913 - one parameter an option
    *, subject: str, role: str, team: str, project: str, domain: str, everywhere: bool, server: str, data: Path
) -> None:
    """Take a role away."""
    grant = grant_of(subject, role, pb.AccessScope(team=team, project=project, domain=domain), everywhere=everywhere)

    async def run() -> None:
        async with connected(server, data, start=True) as client:
            await administration.remove_grant(client, grant)

    asyncio.run(run())
    click.echo(f"{subject_text(grant.subject)} is no {role} of {scope_text(grant.scope)} any more", err=True)


@command.command("list")
@json_option
@platform_options
def list_(*, as_json: bool, server: str, data: Path) -> None:
    """List your own grants, and all where you are admin."""

    async def run() -> list[dict[str, str]]:
        async with connected(server, data, start=True) as client:
            form = grant_document if as_json else grant_row
            return [form(one) for one in await administration.grants(client)]

    show_rows(asyncio.run(run()), as_json=as_json, empty="nothing was granted")


def grant_of(subject: str, role: str, scope: pb.AccessScope, *, everywhere: bool) -> pb.AccessGrant:
    """Return the grant that the words say; raises click.UsageError."""
    kind, _, name = subject.partition(":")
    if kind not in {"user", "group"} or not name:
        raise click.UsageError(f"`{subject}` is neither a user nor a group: write user:NAME or group:NAME")
    if bool(scope.team or scope.project) == everywhere or (scope.team and scope.project):
        raise click.UsageError("where? give --team, or --project (and --domain), or --platform")
    who = pb.AccessSubject(user=name) if kind == "user" else pb.AccessSubject(group=name)
    return pb.AccessGrant(subject=who, role=role, scope=scope)
