"""`flytelike logout`: forget a login."""

import click

from flytelike.cli.context import platform_options
from flytelike.remote.credentials import Credentials


@click.command("logout", short_help="Forget the login at a server.")
@platform_options
def command(*, server: str, data: object) -> None:
    """Forget what `flytelike login` has kept for a server."""
    del data
    if not server:
        raise click.UsageError("at which server? give --server HOST:PORT, or set FLYTELIKE_SERVER")
    gone = Credentials().forget(server)
    click.echo(f"logged out of {server}" if gone else f"there was no login at {server}", err=True)
