"""`flytelike explain cache`: why a node's result came from the cache or did not, in words."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import click
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp

from flytelike.cli import execution_name
from flytelike.cli.elements import node_named
from flytelike.model.caching import CacheStatus
from flytelike.model.phases import TaskPhase
from flytelike.remote import Client, caching, executions
from flytelike_idl.core import identifier_pb2
from flytelike_idl.service import caching_pb2 as pb

REASONS: Final = {
    "of_elements": "it is a map: its elements are cached one by one",
    "not_a_task": "it runs no task of its own: only results of tasks are cached",
    "not_enabled": "its task is not cached: `@task(cache=True)` would cache it",
    "no_outputs": "its task gives nothing, so there is nothing to keep",
    "switched_off": "the execution was started with --no-cache",
    "overwritten": "the execution was started with --overwrite-cache: everything is computed anew",
    "data_lost": "the result was in the cache, but data that it names is gone; the entry was dropped",
    "evicted": "the result was in the cache and has been evicted",
    "expired": "the result was in the cache, and its time to live is over",
    "computed_twice": "equal work was being done at the same time; with `cache_serialize=True` one waits for the other",
    "computed_elsewhere": "another node was computing the same result; this one waited for it",
    "catalog_failed": "the catalog could not be reached",
    "inputs_unreadable": "its inputs could not be read",
    "nothing_yet": "no result of this task had been cached before",
}
HEADLINES: Final = {
    CacheStatus.DISABLED: "not cached",
    CacheStatus.MISS: "miss",
    CacheStatus.HIT: "hit",
    CacheStatus.POPULATED: "miss; the result was computed and is cached now",
    CacheStatus.LOOKUP_FAILURE: "not looked up; the result was computed",
    CacheStatus.PUT_FAILURE: "miss; the result was computed, and could not be cached",
    CacheStatus.SKIPPED: "not looked up",
    CacheStatus.EVICTED: "miss; evicted",
}
PARTS: Final = {
    "interface": "its interface differs: the types of inputs or outputs have changed",
    "version": "its cache version differs",
    "environment": "its image differs",
    "input": "its input differs",
    "code": "its code differs",
}


async def show(client: Client, execution: str, node: str, place: tuple[str, str], *, as_json: bool) -> None:
    """Print the explanation."""
    target = execution_name.parse(execution, *place)
    found = await caching.explain(client, target, node)
    counts = await of_elements(client, execution, node, place) if found.why == "of_elements" else Counter()
    if as_json:
        document = json_format.MessageToDict(found, preserving_proto_field_name=True)
        told = {"elements": {status.name.lower(): count for status, count in counts.items()}} if counts else {}
        click.echo(json.dumps({"execution": str(target), "node": node, **document, **told}, indent=2))
        return
    for line in lines(found, f"{target.name}/{node}"):
        click.echo(line)
    for status, count in sorted(counts.items()):
        click.echo(f"  {count:,} of its elements: {HEADLINES[status]}")


async def of_elements(client: Client, execution: str, node: str, place: tuple[str, str]) -> Counter[CacheStatus]:
    """Return how many elements of a map that have succeeded there are, by what the cache had to do with them."""
    array = node_named(execution, node, *place)
    found = executions.elements(client, array)
    return Counter([CacheStatus(it.cache_status) async for it in found if it.phase == TaskPhase.SUCCEEDED.value])


def lines(found: pb.ExplainCacheResponse, where: str) -> Iterator[str]:
    """Yield the explanation in words."""
    status = CacheStatus(found.status)
    yield f"{where}: {HEADLINES[status]}"
    if found.why and (reason := REASONS.get(found.why, found.why)):
        yield f"  {reason}"
    if not found.HasField("nearest"):
        return
    if status is CacheStatus.HIT:
        yield f"  taken from {written_by(found.nearest)}"
        for one in found.differences:
            yield f"    {difference(one)} since, under the same cache version"
        return
    same = found.key.digest == found.nearest.key.digest
    if same:
        yield f"  instead of the result of {written_by(found.nearest)}"
    elif found.differences:
        yield f"  nearest result: {written_by(found.nearest)}"
    for one in found.differences:
        yield f"    {difference(one)}{', under the same cache version' if same else ''}"


def written_by(entry: pb.CacheEntry) -> str:
    """Return who computed a result and when, and what became of it."""
    text = name_of(entry.source)
    if entry.HasField("created_at"):
        text += f" of {shown_at(entry.created_at)}"
    if entry.gone:
        text += f", {entry.gone.replace('_', ' ')}"
        if entry.HasField("replaced_by"):
            when = f" at {shown_at(entry.gone_at)}" if entry.HasField("gone_at") else ""
            how = " by" if entry.gone == "overwritten" else ", then computed anew by"
            text += f"{when}{how} {name_of(entry.replaced_by)}"
    return text


def name_of(source: identifier_pb2.TaskExecutionIdentifier) -> str:
    """Return which node of which execution computed something."""
    node = source.node_execution_id
    return f"{node.execution_id.name}/{node.node_id}"


def shown_at(at: Timestamp) -> str:
    """Return an instant for people."""
    return f"{datetime.fromtimestamp(at.ToMicroseconds() / 1e6, UTC):%Y-%m-%d %H:%M:%S} UTC"


def difference(one: pb.CacheDifference) -> str:
    """Return a differing part in words."""
    before, now = shown(one.before), shown(one.now)
    match one.part:
        case "code" if not one.before:
            return f"code: `{one.name}` is new"
        case "code" if not one.now:
            return f"code: `{one.name}` is not used any more"
        case "code":
            return f"code: `{one.name}` has changed"
        case "input":
            return f"input `{one.name}` was {before or 'not there'}, now {now or 'not there'}"
        case "version" | "environment":
            return f"{PARTS[one.part]}: was {before or 'none'}, now {now or 'none'}"
        case _:
            return PARTS.get(one.part, one.part)


def shown(value: str) -> str:
    """Return a value, a digest by its first letters."""
    return value[:19] if value.startswith("sha256:") else value
