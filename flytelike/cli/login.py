"""`flytelike login`: say who you are to a server, once."""

import asyncio
import json
import webbrowser
from pathlib import Path

import click

from flytelike.cli.context import connected, json_option, platform_options
from flytelike.remote import administration
from flytelike.remote import login as ways
from flytelike.remote.credentials import Credentials, Login
from flytelike.remote.offers import offer_of


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

    offer = asyncio.run(offered(server, data))
    # Not within the event loop: an interrupt ends it at once.
    if device:
        login = ways.on_device(offer, lambda text: click.echo(text, err=True))
    else:
        login = ways.in_browser(offer, open_browser)
    keep(server, login)
    user = asyncio.run(known(server, data))
    click.echo(json.dumps({"user": user, "server": server}) if as_json else f"logged in to {server} as {user}")


async def offered(server: str, data: Path) -> ways.LoginOffer:
    """Return how one logs in at a server."""
    async with connected(server, data, start=False) as client:
        return await offer_of(client)


async def known(server: str, data: Path) -> str:
    """Return as whom the server knows one now."""
    async with connected(server, data, start=False) as client:
        return (await administration.access(client)).user


def keep(server: str, login: Login) -> None:
    """Keep a login; who may not write there is told so."""
    try:
        Credentials().keep(server, login)
    except OSError as error:
        raise click.ClickException(f"the login cannot be kept: {error}") from error
