"""`flytelike cache`: what is in the cache of results, how it serves, and taking things out."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
from google.protobuf import json_format
from google.protobuf.message import Message

from flytelike.cli.context import connected, json_option, platform_options
from flytelike.cli.explain_cache import written_by
from flytelike.cli.quantities import Age, Size
from flytelike.cli.rows import show_rows
from flytelike.cli.tree import shown_seconds
from flytelike.remote import Client, caching
from flytelike.remote.caching import Which
from flytelike_idl.service import caching_pb2 as pb

T = TypeVar("T")

PROJECT = click.option("-p", "--project", default="", help="Only of this project.")
DOMAIN = click.option("-d", "--domain", default="", help="Only of this domain.")
TASK = click.option("--task", default="", help="Only of this task, by its whole name.")


@click.group("cache", short_help="Show or evict cached results.")
def command() -> None:
    """Show which results are cached and how they serve, or take them out."""


@command.command("list")
@PROJECT
@DOMAIN
@TASK
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many rows.")
@json_option
@platform_options
def list_(*, project: str, domain: str, task: str, limit: int, as_json: bool, server: str, data: Path) -> None:
    """List cached results, newest first."""
    which = Which(project, domain, task)
    found = run(server, data, lambda client: caching.entries(client, which, limit))
    if as_json:
        click.echo(json.dumps([document(entry) for entry in found], indent=2))
        return
    show_rows([entry_row(entry) for entry in found], as_json=False, empty="nothing is cached")


@command.command("stats")
@PROJECT
@DOMAIN
@TASK
@json_option
@platform_options
def stats(*, project: str, domain: str, task: str, as_json: bool, server: str, data: Path) -> None:
    """Show hits, misses and time saved, by task."""
    which = Which(project, domain, task)
    found = run(server, data, lambda client: caching.statistics(client, which))
    if as_json:
        click.echo(json.dumps([document(one) for one in found], indent=2))
        return
    show_rows([statistics_row(one) for one in found], as_json=False, empty="nothing was cached yet")


@command.command("evict")
@PROJECT
@DOMAIN
@TASK
@click.option("--older-than", type=Age(), default=None, help="Only results not used for so long, such as 30d.")
@click.option("--larger-than", type=Size(), default=0, help="Only results of more bytes, such as 500M.")
@click.option("--keep", type=Size(), default=0, help="Take out those unused for longest until so much is left.")
@click.option("--all", "everything", is_flag=True, help="Take out everything.")
@click.option("--dry-run", is_flag=True, help="Only tell how much it would be.")
@json_option
@platform_options
def evict(  # noqa: PLR0913 - one parameter an option
    *,
    project: str,
    domain: str,
    task: str,
    older_than: int | None,
    larger_than: int,
    keep: int,
    everything: bool,
    dry_run: bool,
    as_json: bool,
    server: str,
    data: Path,
) -> None:
    """Take results out of the cache. Data that executions refer to stays in the store."""
    before_ns = time.time_ns() - older_than * 1_000_000_000 if older_than is not None else 0
    which = Which(project, domain, task, before_ns, larger_than)
    if which == Which() and not (keep or everything):
        raise click.UsageError("say which results: --project, --task, --older-than, --larger-than, --keep, or --all")
    done = run(server, data, lambda client: caching.evict(client, which, keep_bytes=keep, dry_run=dry_run))
    if as_json:
        told = {"entries": done.entries, "size_bytes": done.size_bytes, "dry_run": dry_run}
        click.echo(json.dumps(told))
        return
    results = "1 result" if done.entries == 1 else f"{done.entries} results"
    click.echo(f"{'would evict' if dry_run else 'evicted'} {results}, {shown_bytes(done.size_bytes)}")


def run(server: str, data: Path, ask: Callable[[Client], Awaitable[T]]) -> T:
    """Ask the platform."""

    async def asked() -> T:
        async with connected(server, data, start=True) as client:
            return await ask(client)

    return asyncio.run(asked())


def document(message: Message) -> dict[str, object]:
    """Return a message for scripts."""
    found: dict[str, object] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return found


def entry_row(entry: pb.CacheEntry) -> dict[str, str]:
    """Return a result as a flat record."""
    return {
        "task": entry.key.task,
        "computed by": written_by(entry),
        "took": shown_seconds(entry.duration.ToMilliseconds() / 1e3),
        "size": shown_bytes(entry.size_bytes),
        "hits": str(entry.hits),
        "version": entry.key.version[:24],
    }


def statistics_row(one: pb.CacheStatistics) -> dict[str, str]:
    """Return a task's statistics as a flat record."""
    return {
        "project": f"{one.project}/{one.domain}",
        "task": one.task,
        "hits": str(one.hits),
        "misses": str(one.misses),
        "saved": shown_seconds(one.saved.ToMilliseconds() / 1e3),
        "results": str(one.entries),
        "size": shown_bytes(one.size_bytes),
    }


def shown_bytes(size: int) -> str:
    """Return a size people read at a glance."""
    for unit, power in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= power:
            return f"{size / power:.1f} {unit}"
    return f"{size} B"
