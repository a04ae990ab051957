"""`flytelike backfill`: execute a launch plan for past times of its schedule."""

import asyncio
import json
from datetime import datetime
from pathlib import Path

import click

from flytelike.cli.backfills import counted, document, row
from flytelike.cli.context import connected, json_option, place_options, platform_options
from flytelike.cli.exit_code import ExitCode
from flytelike.cli.moments import Moment, message
from flytelike.cli.rows import show_rows
from flytelike.remote import schedules
from flytelike_idl.service import schedules_pb2 as pb


@click.command("backfill", short_help="Execute a launch plan for past times of its schedule.")
@click.argument("plan", metavar="LAUNCH_PLAN", required=False, default="")
@click.option("--from", "begin", type=Moment(), default=None, help="The first time: 2026-01-31, or with T06:00.")
@click.option("--to", "end", type=Moment(), default=None, help="Times before this one.  [default: now]")
@click.option("--parallel", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many run at once.")
@click.option("--newest-first", is_flag=True, help="Begin with the latest time.")
@click.option("--again", is_flag=True, help="Make executions anew that failed or were aborted.")
@click.option("--name", default="", help="What to call it.  [default: made up]")
@click.option("--dry-run", is_flag=True, help="Only tell which executions it would start, and which there are.")
@click.option("--cancel", default="", metavar="NAME", help="Let the backfill NAME start no more executions.")
@click.option("--abort", is_flag=True, help="With --cancel: end its executions that run, too.")
@json_option
@place_options
@platform_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    plan: str,
    begin: datetime | None,
    end: datetime | None,
    parallel: int,
    newest_first: bool,
    again: bool,
    name: str,
    dry_run: bool,
    cancel: str,
    abort: bool,
    as_json: bool,
    project: str,
    domain: str,
    server: str,
    data: Path,
) -> int:
    """Execute LAUNCH_PLAN (NAME, or NAME@VERSION) for the times of its schedule from --from on and before --to.

    Each time has one execution, however often one asks: those that are there, by the schedule or another backfill, are
    not started again, unless they failed and you say --again. It goes on by itself on the platform:
    `flytelike get backfill NAME` shows how far it is.
    """
    if bool(plan) == bool(cancel) or (abort and not cancel):
        raise click.UsageError("what?  flytelike backfill LAUNCH_PLAN --from DAY, or flytelike backfill --cancel NAME")
    if cancel:
        return asyncio.run(cancelled(server, data, (project, domain, cancel), abort=abort))
    if begin is None:
        raise click.UsageError("from when on?  --from 2026-01-31")
    launch_plan, _, version = plan.partition("@")
    request = pb.CreateBackfillRequest(
        project=project,
        domain=domain,
        launch_plan=launch_plan,
        version=version,
        name=name,
        parallel=parallel,
        newest_first=newest_first,
        again=again,
        dry_run=dry_run,
        begin=message(begin),
        end=None if end is None else message(end),
    )

    async def run() -> pb.CreateBackfillResponse:
        # It goes on after this command: a platform of its own would end with it.
        async with connected(server, data, start=dry_run) as client:
            return await schedules.begin(client, request)

    told = asyncio.run(run())
    if as_json:
        click.echo(json.dumps(document(told.backfill, told.runs, dry_run=dry_run), indent=2, ensure_ascii=False))
    elif dry_run:
        show_rows(
            [row(one, dry_run=True) for one in told.runs], as_json=False, empty="the schedule has no times in the range"
        )
    tell_begun(told, dry_run=dry_run)
    return ExitCode.SUCCESS


def tell_begun(told: pb.CreateBackfillResponse, *, dry_run: bool) -> None:
    """Tell people what was begun, or would be."""
    waiting = sum(run.phase == pb.BACKFILL_RUN_PHASE_WAITING for run in told.runs)
    there = len(told.runs) - waiting
    verb = "would start" if dry_run else "starts"
    before = f", {there} existed before" if there else ""
    click.echo(f"{verb} {waiting} executions, {told.backfill.parallel} at once{before}", err=True)
    if not dry_run:
        click.echo(f"  look again: flytelike get backfill {told.backfill.name}", err=True)


async def cancelled(server: str, data: Path, key: tuple[str, str, str], *, abort: bool) -> ExitCode:
    """Cancel a backfill."""
    async with connected(server, data, start=True) as client:
        told = await schedules.cancel(client, *key, abort=abort)
    click.echo(f"{told.name} cancelled: {counted(told)}", err=True)
    return ExitCode.SUCCESS
