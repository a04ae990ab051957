"""`flytelike schedule`: which launch plans start executions by themselves, and when."""

import json
from pathlib import Path

import click

from flytelike.cli.cache import run
from flytelike.cli.context import json_option, place_options, platform_options
from flytelike.cli.moments import shown
from flytelike.cli.phase import sign
from flytelike.cli.rows import show_rows
from flytelike.model.ids import Identifier, ResourceKind
from flytelike.model.phases import WorkflowPhase
from flytelike.remote import Client, registry, schedules
from flytelike_idl.service import schedules_pb2 as pb

PLAN = click.argument("plan", metavar="LAUNCH_PLAN")


@click.group("schedule", short_help="Show schedules of launch plans; activate and deactivate them.")
def command() -> None:
    """Show when launch plans start executions by themselves, and let them.

    A launch plan gets a schedule from its author: `LaunchPlan.create(..., schedule=CronSchedule("0 6 * * *"))`. It
    fires once a version is active, as long as the platform runs (`flytelike up`). For times that have passed there is
    `flytelike backfill`.
    """


@command.command("list")
@json_option
@place_options
@platform_options
def list_(*, as_json: bool, project: str, domain: str, server: str, data: Path) -> None:
    """List schedules: the active ones by what comes next, then the others."""
    found = run(server, data, lambda client: schedules.schedules(client, project, domain, 1))
    if as_json:
        click.echo(json.dumps([document(one) for one in found], indent=2, ensure_ascii=False))
        return
    show_rows([row(one) for one in found], as_json=False, empty=f"no launch plan of {project}/{domain} has a schedule")
    for one in found:
        tell_missed(one)


@command.command("next")
@PLAN
@click.option("--count", type=click.IntRange(1, 100), default=5, show_default=True, help="How many next times.")
@click.option("--last", type=click.IntRange(1, 100), default=5, show_default=True, help="How many last times.")
@json_option
@place_options
@platform_options
def next_(  # noqa: PLR0913 - one parameter an option
    *, plan: str, count: int, last: int, as_json: bool, project: str, domain: str, server: str, data: Path
) -> None:
    """Show when LAUNCH_PLAN starts executions next, and what came of the last times."""
    found = run(server, data, lambda client: schedules.schedule(client, project, domain, plan, count, last))
    if as_json:
        click.echo(json.dumps(document(found), indent=2, ensure_ascii=False))
        return
    state = f"active since {shown(found.active_since)}, by {found.activated_by}" if found.active else "not active"
    click.echo(f"{found.id.name}@{found.id.version}: {found.words}; {state}")
    for at in found.next:
        click.echo(f"  {'' if found.active else 'would be '}next {shown(at)}")
    for one in found.last:
        click.echo(f"  {last_line(one)}")
    tell_missed(found)
    if not found.active:
        click.echo(f"  activate it:  flytelike schedule activate {found.id.name}", err=True)


@command.command("activate")
@PLAN
@place_options
@platform_options
def activate(*, plan: str, project: str, domain: str, server: str, data: Path) -> None:
    """Make a version of LAUNCH_PLAN (NAME, or NAME@VERSION; without one the newest) the active one.

    Its schedule fires from now on; that of the version that was active does no more.
    """
    name, _, version = plan.partition("@")

    async def ask(client: Client) -> pb.ScheduledPlan | None:
        known = version or await newest(client, project, domain, name)
        identifier = Identifier(ResourceKind.LAUNCH_PLAN, project, domain, name, known)
        await schedules.switch(client, identifier, active=True)
        click.echo(f"{name}@{known} is active", err=True)
        found = [one for one in await schedules.schedules(client, project, domain, 1) if one.id.name == name]
        return next((one for one in found if one.active), None)

    found = run(server, data, ask)
    if found is None:
        click.echo("it has no schedule: nothing starts by itself", err=True)
    elif found.next:
        click.echo(f"{found.words}, next {shown(found.next[0])}", err=True)


@command.command("deactivate")
@PLAN
@place_options
@platform_options
def deactivate(*, plan: str, project: str, domain: str, server: str, data: Path) -> None:
    """Let LAUNCH_PLAN start nothing by itself any more. Executions that run go on."""
    name, _, version = plan.partition("@")

    async def ask(client: Client) -> None:
        known = version or await schedules.active_version(client, project, domain, name)
        identifier = Identifier(ResourceKind.LAUNCH_PLAN, project, domain, name, known)
        await schedules.switch(client, identifier, active=False)
        click.echo(f"{name}@{known} is not active any more", err=True)

    run(server, data, ask)


async def newest(client: Client, project: str, domain: str, name: str) -> str:
    """Return the newest version of a launch plan; raises RemoteError."""
    found = await registry.versions(client, "launch-plans", project, domain, name, 1)
    if not found:
        raise registry.missing(name, "")
    return found[0]["version"]


def tell_missed(found: pb.ScheduledPlan) -> None:
    """Tell of times that were too many to be caught up, and how to run them."""
    if found.HasField("missed_to"):
        name, begin, end = found.id.name, found.missed_from, found.missed_to
        told = f"{name}: from {shown(begin)} to {shown(end)} nobody started it, too often to be caught up"
        how = f"flytelike backfill {name} --from {begin.ToJsonString()} --to {end.ToJsonString()}"
        click.echo(f"{told}; run it with:  {how}", err=True)


def last_line(run_: pb.ScheduledRun) -> str:
    """Return what came of a time, in one line."""
    if run_.fault:
        return f"last {shown(run_.at)} ✗ not started: {run_.fault}"
    phase = WorkflowPhase(run_.phase)
    return f"last {shown(run_.at)} {sign(phase)} {run_.execution} {phase.name.lower()}"


def row(found: pb.ScheduledPlan) -> dict[str, str]:
    """Return a schedule as a flat record."""
    last = found.last[0] if found.last else None
    return {
        "name": found.id.name,
        "version": found.id.version,
        "schedule": found.words,
        "state": "active" if found.active else "inactive",
        "next": shown(found.next[0]) if found.active and found.next else "",
        "last": last_line(last).removeprefix("last ") if last else "",
    }


def document(found: pb.ScheduledPlan) -> dict[str, object]:
    """Return a schedule for scripts."""
    return {
        "name": found.id.name,
        "version": found.id.version,
        "schedule": found.words,
        "active": found.active,
        "activated_by": found.activated_by,
        "next": [at.ToJsonString() for at in found.next],
        "last": [
            {
                "at": one.at.ToJsonString(),
                "execution": one.execution,
                "phase": WorkflowPhase(one.phase).name if one.execution else "",
                "fault": one.fault,
            }
            for one in found.last
        ],
        "late": found.late,
        "missed": (
            {"from": found.missed_from.ToJsonString(), "to": found.missed_to.ToJsonString()}
            if found.HasField("missed_to")
            else None
        ),
    }
