"""`flytelike token`: create, list and revoke tokens."""

import asyncio
import json
import time
from pathlib import Path

import click

from flytelike.cli.access_text import token_document, token_row
from flytelike.cli.context import connected, json_option, platform_options
from flytelike.cli.quantities import Age
from flytelike.cli.rows import show_rows
from flytelike.remote import administration

DEFAULT_S = 90 * 24 * 3600


@click.group("token", short_help="Create, list and revoke tokens.")
def command() -> None:
    """Tokens say who calls: set FLYTELIKE_TOKEN to one. What they permit are the grants of their user."""


@command.command("create")
@click.option("--user", default="", help="Whose it is; for others than yourself you must administer the platform.")
@click.option("--name", default="", help="What it is for.")
@click.option("--expires", type=Age(), default="90d", show_default=True, help="How long it holds; 0s: until revoked.")
@click.option("--bootstrap", is_flag=True, help="Write to the database itself; the user administers the platform.")
@click.option("--database", envvar="FLYTELIKE_DATABASE", show_envvar=True, default="", help="For --bootstrap.")
@json_option
@platform_options
def create(  # noqa: PLR0913 - one parameter an option
    *, user: str, name: str, expires: int, bootstrap: bool, database: str, as_json: bool, server: str, data: Path
) -> None:
    """Create a token and print it: nobody can see it again.

    With --bootstrap, who may write to the database gets in where nobody is known yet.
    """
    if bootstrap:
        if not user:
            raise click.UsageError("whose? give --user NAME")
        token, identifier = first_token(database, data, user, name, expires)
    else:
        token, identifier = asyncio.run(created(server, data, user, name, expires))
    click.echo(json.dumps({"token": token, "id": identifier}) if as_json else token)


async def created(server: str, data: Path, user: str, name: str, expires: int) -> tuple[str, str]:
    """Ask the server for a token."""
    async with connected(server, data, start=False) as client:
        answer = await administration.create_token(client, user, name, expires)
    return answer.token, answer.about.id


def first_token(url: str, data: Path, user: str, name: str, expires: int) -> tuple[str, str]:
    """Write a token and a grant into a database: the one named, or that of a data folder."""
    from flytelike.controlplane.access.use_cases import bootstrap  # noqa: PLC0415 - loads SQLAlchemy
    from flytelike.controlplane.database import Database, database_url  # noqa: PLC0415 - as above
    from flytelike.controlplane.migrations import upgrade as migrations  # noqa: PLC0415 - as above

    file = data / "controlplane.db"
    if not url and not file.exists():
        raise click.UsageError("which database? give --database postgresql://..., or --data FOLDER")
    database = Database(database_url(url or f"sqlite:///{file}"))
    try:
        migrations.check(database)
        for_ns = expires * 1_000_000_000
        made = database.write_now(lambda connection: bootstrap(connection, user, name, for_ns, time.time_ns()))
    finally:
        database.close()
    return made.token, made.row.id


@command.command("list")
@click.option("--user", default="", help="Only of this user.")
@json_option
@platform_options
def list_(*, user: str, as_json: bool, server: str, data: Path) -> None:
    """List tokens: your own, or all if you administer the platform."""

    async def run() -> list[dict[str, str]]:
        async with connected(server, data, start=True) as client:
            form = token_document if as_json else token_row
            return [form(one) for one in await administration.tokens(client, user)]

    show_rows(asyncio.run(run()), as_json=as_json, empty="there are no tokens")


@command.command("revoke")
@click.argument("token_id", metavar="ID")
@platform_options
def revoke(*, token_id: str, server: str, data: Path) -> None:
    """Let the token ID hold no more; `flytelike token list` shows the ids."""
    identifier = token_id.removeprefix("flt_").partition("_")[0]

    async def run() -> None:
        async with connected(server, data, start=True) as client:
            await administration.revoke_token(client, identifier)

    asyncio.run(run())
    click.echo(f"revoked {identifier}", err=True)
