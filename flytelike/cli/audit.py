"""`flytelike audit`: who changed what."""

import asyncio
import json
import time
from pathlib import Path

import click
from google.protobuf.timestamp_pb2 import Timestamp

from flytelike.cli.access_text import entry_document, entry_row
from flytelike.cli.context import connected, json_option, platform_options
from flytelike.cli.quantities import Age
from flytelike.cli.rows import show_rows
from flytelike.remote import administration
from flytelike_idl.service import access_pb2 as pb


@click.command("audit", short_help="Show who changed what.")
@click.option("-p", "--project", default="", help="In this project; without one you must administer the platform.")
@click.option("-d", "--domain", default="", help="In this domain.")
@click.option("--actor", default="", help="By this user.")
@click.option("--method", default="", help="By this RPC, such as CreateExecution.")
@click.option("--target", default="", help="With these names, such as flytesnacks/development/run.")
@click.option("--outcome", default="", help="That ended so: OK, PERMISSION_DENIED, ...")
@click.option("--request", "request_id", default="", help="In this request.")
@click.option("--since", type=Age(), default=None, help="Since so long ago, such as 2h.")
@click.option("--until", type=Age(), default=None, help="Until so long ago.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many rows.")
@click.option("--page", default="", help="Where to go on: as the page before said.")
@json_option
@platform_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    project: str,
    domain: str,
    actor: str,
    method: str,
    target: str,
    outcome: str,
    request_id: str,
    since: int | None,
    until: int | None,
    limit: int,
    page: str,
    as_json: bool,
    server: str,
    data: Path,
) -> None:
    """Show changes, and attempts at them, the newest first."""
    wanted = pb.ListAuditEntriesRequest(
        project=project,
        domain=domain,
        actor=actor,
        method=method,
        target=target,
        outcome=outcome,
        request_id=request_id,
        since=ago(since),
        until=ago(until),
        limit=limit,
        token=page,
    )

    async def run() -> pb.ListAuditEntriesResponse:
        async with connected(server, data, start=True) as client:
            return await administration.audit(client, wanted)

    found = asyncio.run(run())
    if as_json:
        document = {"entries": [entry_document(one) for one in found.entries], "next": found.next}
        click.echo(json.dumps(document, indent=2))
        return
    show_rows([entry_row(one) for one in found.entries], as_json=False, empty="nothing was changed")
    if found.next:
        click.echo(f"more: --page {found.next}", err=True)


def ago(seconds: int | None) -> Timestamp | None:
    """Return the instant so long ago."""
    return None if seconds is None else Timestamp(seconds=int(time.time()) - seconds)
