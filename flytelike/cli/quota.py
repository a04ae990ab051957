"""`flytelike quota`: what teams and projects may use, and what they use now."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from typing_extensions import override

from flytelike.cli import quota_queue
from flytelike.cli.context import connected, json_option, platform_options
from flytelike.cli.quantities import Age
from flytelike.cli.tenancy_plan import carry_out, tell
from flytelike.model.quota import (
    RESOURCES,
    QuotaPlace,
    QuotaTerms,
    amount_from,
    is_resource,
    resource_order,
    shown_amounts,
    shown_number,
)
from flytelike.remote import tenancy
from flytelike.remote.errors import RemoteError
from flytelike_idl.service import tenancy_pb2 as pb


class Place(click.ParamType[QuotaPlace]):
    """Whose a quota is: `team:NAME`, `PROJECT`, `PROJECT/DOMAIN` or `platform:`."""

    name = "place"

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> QuotaPlace:
        if isinstance(value, QuotaPlace):
            return value
        try:
            return QuotaPlace.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Amount(click.ParamType[tuple[str, int | None]]):
    """A resource and how much of it: `cpu=16`, `memory=64Gi`, `attempts=50`; `cpu=none` takes it away."""

    name = "resource=amount"

    @override
    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int | None]:
        if isinstance(value, tuple):
            return value
        resource, equals, amount = str(value).partition("=")
        if not equals or not is_resource(resource):
            self.fail(f"{value!r}: write RESOURCE=AMOUNT with one of {', '.join(RESOURCES)}, gpu/<type>", param, ctx)
        try:
            return resource, None if amount == "none" else amount_from(resource, amount)
        except ValueError as error:
            self.fail(f"{resource}: {error}", param, ctx)


@click.group(
    "quota", short_help="Show what teams and projects may use and use now; set it.", invoke_without_command=True
)
@click.pass_context
def command(context: click.Context) -> None:
    """Show quotas and what is used of them; set and remove them. Without a verb: list all.

    A PLACE is team:NAME, PROJECT, PROJECT/DOMAIN or platform: (all together).
    """
    if context.invoked_subcommand is None:
        context.invoke(list_)


@command.command("list")
@click.option("--team", default="", help="Only those of a team and its projects.")
@click.option("-p", "--project", default="", help="Only those of a project and its domains.")
@json_option
@platform_options
def list_(*, team: str, project: str, as_json: bool, server: str, data: Path) -> None:
    """List quotas, and what is used of them now."""
    found = asyncio.run(_quotas(server, data, team, project, used=True))
    if as_json:
        click.echo(json.dumps([document_of(use) for use in found], indent=2))
        return
    for use in found:
        for line in lines_of(use):
            click.echo(line)


@command.command("get")
@click.argument("place", type=Place())
@json_option
@platform_options
def get(*, place: QuotaPlace, as_json: bool, server: str, data: Path) -> None:
    """Show the quota of PLACE, and what is used of it now."""
    use = asyncio.run(_quota(server, data, place))
    if as_json:
        click.echo(json.dumps(document_of(use), indent=2))
        return
    for line in lines_of(use):
        click.echo(line)


@command.command("queue")
@click.argument("place", type=Place(), default="platform:")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many rows.")
@json_option
@platform_options
def queue(*, place: QuotaPlace, limit: int, as_json: bool, server: str, data: Path) -> None:
    """Show who waits at PLACE and below it, and for what; without PLACE anywhere. Who is next stands first.

    Of projects that you may not read it is only told how many wait.
    """

    async def run() -> None:
        async with connected(server, data, start=True) as client:
            await quota_queue.show(client, place, limit, as_json=as_json)

    asyncio.run(run())


@command.command("history")
@click.argument("place", type=Place())
@click.option("--since", "age_s", type=Age(), default="1d", show_default=True, help="From so long ago on, such as 12h.")
@json_option
@platform_options
def history(*, place: QuotaPlace, age_s: int, as_json: bool, server: str, data: Path) -> None:
    """Show what was used at PLACE over time: a line for a minute in which something had changed."""

    async def run() -> list[pb.QuotaSample]:
        async with connected(server, data, start=True) as client:
            since_ns = time.time_ns() - age_s * 1_000_000_000
            return [sample async for sample in tenancy.samples(client, place, since_ns)]

    found = asyncio.run(run())
    if as_json:
        documents = [{"at": one.at.ToJsonString(), "used": dict(one.used), "waiting": one.waiting} for one in found]
        click.echo(json.dumps(documents, indent=2))
        return
    for one in found:
        waiting = f"  {one.waiting} waiting" if one.waiting else ""
        click.echo(f"{one.at.ToDatetime():%Y-%m-%d %H:%M} UTC  {shown_amounts(one.used) or 'nothing'}{waiting}")


@command.command("set")
@click.argument("place", type=Place())
@click.option("--limit", "limits", type=Amount(), multiple=True, help="At most so much, such as cpu=16.")
@click.option("--guarantee", "guaranteed", type=Amount(), multiple=True, help="At least so much, such as cpu=4.")
@click.option("--weight", type=float, default=None, help="Its part of what is left, beside its siblings.  [default: 1]")
@json_option
@platform_options
def set_(
    *,
    place: QuotaPlace,
    limits: tuple[tuple[str, int | None], ...],
    guaranteed: tuple[tuple[str, int | None], ...],
    weight: float | None,
    as_json: bool,
    server: str,
    data: Path,
) -> None:
    """Change the quota of PLACE. What is not named stays; RESOURCE=none takes a limit or guarantee away."""

    async def run() -> pb.TenancyChange:
        async with connected(server, data, start=True) as client:
            now = QuotaTerms()
            async for use in tenancy.quotas(client, place.team, place.project):
                if tenancy.place_from(use.quota.place) == place:
                    now = QuotaTerms(dict(use.quota.limits), dict(use.quota.guaranteed), use.quota.weight)
            terms = QuotaTerms(
                _merged(now.limits, limits),
                _merged(now.guaranteed, guaranteed),
                now.weight if weight is None else weight,
            )
            return (await tenancy.apply(client, [tenancy.quota_wish(place, terms)])).changes[0]

    tell(asyncio.run(run()), as_json=as_json)


@command.command("remove")
@click.argument("place", type=Place())
@json_option
@platform_options
def remove(*, place: QuotaPlace, as_json: bool, server: str, data: Path) -> None:
    """Remove the quota of PLACE: nothing is bounded and nothing guaranteed there any more."""
    wish = tenancy.quota_wish(place, None)
    wish.change = True
    tell(asyncio.run(carry_out(server, data, wish)), as_json=as_json)


def document_of(use: pb.QuotaUse) -> dict[str, object]:
    """Return a quota and its use for JSON; amounts are in whole units (thousandths of a processor, bytes)."""
    return {
        "place": str(tenancy.place_from(use.quota.place)),
        "team": use.team,
        "limits": dict(use.quota.limits),
        "guaranteed": dict(use.quota.guaranteed),
        "weight": use.quota.weight,
        "used": dict(use.used),
        "waiting": use.waiting,
    }


def lines_of(use: pb.QuotaUse) -> list[str]:
    """Return a quota and its use for people."""
    quota, used = use.quota, use.used
    head = f"{tenancy.place_from(quota.place)}  weight {quota.weight:g}"
    lines = [head + (f"  {use.waiting} waiting" if use.waiting else "")]
    for name in sorted({*quota.limits, *quota.guaranteed, *used}, key=resource_order):
        shown = f"  {name:14} {shown_number(name, used.get(name, 0)):>10} used"
        if name in quota.limits:
            shown += f" of {shown_number(name, quota.limits[name])}"
        if name in quota.guaranteed:
            shown += f", {shown_number(name, quota.guaranteed[name])} guaranteed"
        lines.append(shown)
    return lines


def _merged(now: Mapping[str, int], said: Sequence[tuple[str, int | None]]) -> dict[str, int]:
    merged = {**now, **dict(said)}
    return {name: amount for name, amount in merged.items() if amount is not None}


async def _quotas(server: str, data: Path, team: str, project: str, *, used: bool = False) -> list[pb.QuotaUse]:
    async with connected(server, data, start=True) as client:
        return [use async for use in tenancy.quotas(client, team, project, used=used)]


async def _quota(server: str, data: Path, place: QuotaPlace) -> pb.QuotaUse:
    for use in await _quotas(server, data, place.team, place.project):
        if tenancy.place_from(use.quota.place) == place:
            return use
    raise RemoteError("NOT_FOUND", f"{place} has no quota")
