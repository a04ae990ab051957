"""`flytelike login`: say who you are to a server, once."""

import asyncio
import json
import webbrowser
from pathlib import Path

import click

from flytelike.cli.context import connected, json_option, platform_options
from flytelike.remote import administration
from flytelike.remote.credentials import Credentials, Login


@click.command("login", short_help="Log in at a server's identity provider.")
@click.option("--device", is_flag=True, help="With a browser on another device.")
@click.option("--no-browser", is_flag=True, help="Only print the address to open.")
@json_option
@platform_options
def command(*, device: bool, no_browser: bool, as_json: bool, server: str, data: Path) -> None:
    """Log in with a browser. What it gives is kept in the user's folder of settings, and renewed when it expires.

    `FLYTELIKE_TOKEN` and `FLYTELIKE_TOKEN_FILE` go before it.
    """
    if not server:
        raise click.UsageError("at which server? give --server HOST:PORT, or set FLYTELIKE_SERVER")

    def open_browser(address: str) -> None:
        click.echo(f"log in at {address}", err=True)
        if not no_browser:
            webbrowser.open(address)

    async def run() -> str:
        from flytelike.remote import login as ways  # noqa: PLC0415 - grpc and an HTTP server, after the arguments are read

        async with connected(server, data, start=False) as client:
            offer = await ways.offer_of(client)
        if device:
            login = await asyncio.to_thread(ways.on_device, offer, lambda text: click.echo(text, err=True))
        else:
            login = await asyncio.to_thread(ways.in_browser, offer, open_browser)
        keep(server, login)
        async with connected(server, data, start=False) as client:
            return (await administration.access(client)).user

    user = asyncio.run(run())
    click.echo(json.dumps({"user": user, "server": server}) if as_json else f"logged in to {server} as {user}")


def keep(server: str, login: Login) -> None:
    """Keep a login; who may not write there is told so."""
    try:
        Credentials().keep(server, login)
    except OSError as error:
        raise click.ClickException(f"the login cannot be kept: {error}") from error
