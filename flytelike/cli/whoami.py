"""`flytelike whoami`: who one is to a server, and what one may do there."""

import asyncio
import json
from pathlib import Path

import click

from flytelike.cli.access_text import grant_document, grant_row
from flytelike.cli.context import connected, json_option, platform_options
from flytelike.cli.rows import show_rows
from flytelike.remote import administration
from flytelike_idl.service import access_pb2 as pb


@click.command("whoami", short_help="Show who you are to the platform, and your roles.")
@json_option
@platform_options
def command(*, as_json: bool, server: str, data: Path) -> None:
    """Show who you are, your groups, and what was granted to you."""

    async def run() -> pb.GetAccessResponse:
        async with connected(server, data, start=True) as client:
            return await administration.access(client)

    found = asyncio.run(run())
    if as_json:
        document = {"user": found.user, "groups": list(found.groups), "via": found.via, "everything": found.everything}
        click.echo(json.dumps(document | {"grants": [grant_document(one) for one in found.grants]}, indent=2))
        return
    groups = f" of {', '.join(found.groups)}" if found.groups else ""
    click.echo(f"{found.user}{groups} (by {found.via})" + (": may do everything" if found.everything else ""))
    if not found.everything:
        show_rows([grant_row(one) for one in found.grants], as_json=False, empty="no role was granted")
