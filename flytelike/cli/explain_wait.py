"""What of an execution waits for its part of what many share, for people and for scripts."""

import json
from collections.abc import Iterator

import click

from flytelike.cli import execution_name
from flytelike.model.quota import QuotaPlace, shown_amount, shown_number
from flytelike.remote import Client, tenancy
from flytelike_idl.service import tenancy_pb2 as pb


async def show(client: Client, execution: str, place: tuple[str, str], *, as_json: bool) -> None:
    """Print why something of an execution waits; raises RemoteError when there is no such execution."""
    waits = await tenancy.waits(client, execution_name.parse(execution, *place))
    if as_json:
        click.echo(json.dumps([document_of(wait) for wait in waits], indent=2))
        return
    for wait in waits:
        for line in lines_of(wait):
            click.echo(line)
    if not waits:
        click.echo(f"nothing of {execution} waits for its part of what many share", err=True)


def lines_of(wait: pb.QuotaWait) -> Iterator[str]:
    """Yield what is to be said of one thing that waits."""
    what = f"{wait.node_id} (attempt {wait.attempt})" if wait.node_id else "the execution"
    since = f" since {wait.since.ToDatetime():%Y-%m-%d %H:%M:%S} UTC" if wait.HasField("since") else ""
    yield f"{what} waits{since}, place {wait.place} of {wait.of} in its project and domain"
    if not wait.shortfalls:
        yield "  for its turn: what it asks for is free, and others come first by fair shares"
    for short in wait.shortfalls:
        yield f"  {whose(short)}: {shown_amount(short.resource, short.asked)} asked, {numbers(short)} in use"
        yield f"    {_freed(short)}"


def document_of(wait: pb.QuotaWait) -> dict[str, object]:
    """Return a wait for JSON; amounts are in whole units (thousandths of a processor, bytes)."""
    return {
        "node": wait.node_id,
        "attempt": wait.attempt,
        "since": wait.since.ToJsonString() if wait.HasField("since") else None,
        "place": wait.place,
        "of": wait.of,
        "priority": wait.priority,
        "asks": dict(wait.asks),
        "shortfalls": [
            {
                "place": str(tenancy.place_from(short.place)),
                "resource": short.resource,
                "asked": short.asked,
                "used": short.used,
                "limit": short.limit,
                "held": {holder.name or "others": holder.amount for holder in short.held},
                "never": short.never,
                "freed": _freed(short),
            }
            for short in wait.shortfalls
        ],
    }


def whose(short: pb.QuotaShortfall) -> str:
    """Return whose limit is in the way."""
    place = tenancy.place_from(short.place)
    return "the platform" if place == QuotaPlace() else str(place)


def numbers(short: pb.QuotaShortfall) -> str:
    """Return how much of the limit is in use."""
    return f"{shown_number(short.resource, short.used)} of {shown_number(short.resource, short.limit)}"


def holders(short: pb.QuotaShortfall) -> str:
    """Return who uses the limit, as far as that is told: `vision has 6, others have 2`."""
    told = [f"{it.name} has" if it.name else "others have" for it in short.held]
    return ", ".join(
        f"{who} {shown_number(short.resource, it.amount)}" for who, it in zip(told, short.held, strict=True)
    )


def _freed(short: pb.QuotaShortfall) -> str:
    """Return what would let it go on."""
    if short.never:
        return f"it asks for more than the whole limit: have it raised with `flytelike quota set {_place(short)}`"
    needed = shown_amount(short.resource, short.asked - (short.limit - short.used))
    held = holders(short)
    ends = f" of what is in use ({held}) ends" if held else " of what is in use ends"
    return f"goes on once {needed}{ends}, or the limit is raised"


def _place(short: pb.QuotaShortfall) -> str:
    return str(tenancy.place_from(short.place))
