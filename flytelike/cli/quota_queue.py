"""Who waits for their part of what many share, for people and for scripts."""

import json
import time

import click

from flytelike.cli.explain_wait import document_of, holders, numbers, whose
from flytelike.cli.rows import show_rows
from flytelike.codec.ids import execution_id_from_proto
from flytelike.model.quota import QuotaPlace, resource_order, shown_amount
from flytelike.remote import Client, tenancy
from flytelike_idl.service import tenancy_pb2 as pb

_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


async def show(client: Client, place: QuotaPlace, limit: int, *, as_json: bool) -> None:
    """Print the first `limit` who wait at a place; raises RemoteError."""
    found = await tenancy.queue(client, place, limit)
    if as_json:
        entries = [{"execution": _name(entry), **document_of(entry.wait)} for entry in found.entries]
        document = {"place": str(place), "waiting": found.waiting, "unnamed": found.unnamed, "entries": entries}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    if found.entries:
        now_ns = time.time_ns()
        show_rows([row(entry, now_ns) for entry in found.entries], as_json=False, empty="")
    for line in rest(found, place):
        click.echo(line, err=True)


def row(entry: pb.QuotaQueueEntry, now_ns: int) -> dict[str, str]:
    """Return one who waits as words."""
    wait = entry.wait
    asks = [shown_amount(name, wait.asks[name]) for name in sorted(wait.asks, key=resource_order)]
    return {
        "place": f"{wait.place} of {wait.of}",
        "execution": _name(entry),
        "node": f"{wait.node_id} (attempt {wait.attempt})" if wait.node_id else "the execution",
        "priority": str(wait.priority),
        "waits": waited(now_ns - wait.since.ToNanoseconds()) if wait.HasField("since") else "",
        "asks for": ", ".join(asks),
        "in its way": "; ".join(map(_in_the_way, wait.shortfalls)) or "its turn: others come first by fair shares",
    }


def rest(found: pb.ListQuotaQueueResponse, place: QuotaPlace) -> list[str]:
    """Return what is to be said of those who wait and are not shown."""
    where = "on the platform" if place == QuotaPlace() else f"at {place}"
    if not found.waiting:
        return [f"nobody waits {where} for their part of what many share"]
    left = found.waiting - found.unnamed - len(found.entries)
    lines = []
    if left > 0:
        lines.append(f"{left} more wait: `--limit` shows more of them" if found.token else f"{left} more wait")
    if found.unnamed:
        lines.append(f"{found.unnamed} others wait {where}, in projects that you may not read")
    return lines


def waited(ns: int) -> str:
    """Return a length of time at a glance: `3 min`, `2 h`."""
    seconds = max(0, ns // 1_000_000_000)
    size, unit = next((each for each in _SPANS if seconds >= each[0]), _SPANS[-1])
    return f"{seconds // size} {unit}"


def _in_the_way(short: pb.QuotaShortfall) -> str:
    held = holders(short)
    told = f"{whose(short)}: {numbers(short)} {short.resource} in use"
    return f"{told} ({held})" if held else told


def _name(entry: pb.QuotaQueueEntry) -> str:
    return str(execution_id_from_proto(entry.execution))
