"""`flytelike gc`: delete what nobody needs any more, or say how much it would be."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import click
from google.protobuf.duration_pb2 import Duration
from typing_extensions import override

from flytelike.cli.collection import document_of, lines_of, rule_lines
from flytelike.cli.context import connected, json_option, platform_options
from flytelike.cli.exit_code import ExitCode
from flytelike.controlplane.collecting.durations import SECOND_NS, duration_ns
from flytelike.controlplane.collecting.policy import STATES
from flytelike.model.ids import ExecutionId
from flytelike.remote import Client, maintenance
from flytelike_idl.service import maintenance_pb2 as pb


class Age(click.ParamType[int]):
    """A duration such as `30d`, in nanoseconds."""

    name = "duration"

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = duration_ns(str(value))
        if found is None:
            self.fail(f"{value!r} is no duration; write one such as 30d, 12h or 1d12h", param, ctx)
        return found


def labels_of(words: Sequence[str]) -> dict[str, str]:
    """Return labels written as `key=value`; raises a usage error for other words."""
    pairs = [word.partition("=") for word in words]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise click.UsageError("labels are written KEY=VALUE, such as --label customer=acme")
    return {key: value for key, _, value in pairs}


@click.command("gc", short_help="Delete what nobody needs any more.")
@click.option("--older-than", type=Age(), default=None, help="Executions that ended so long ago, such as 30d.")
@click.option("-p", "--project", default="", help="Only those of a project; a pattern such as 'team-*'.")
@click.option("-d", "--domain", default="", help="Only those of a domain.")
@click.option("--workflow", default="", help="Only those of a workflow; a pattern.")
@click.option("--state", "states", multiple=True, type=click.Choice(sorted(STATES)), help="Only those that ended so.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Only those with this label.")
@click.option("--keep-latest", type=click.IntRange(0), default=0, help="Keep so many of each workflow.")
@click.option("--dry-run", is_flag=True, help="Only say how much it would be.")
@click.option("--policies", is_flag=True, help="Show the rules of retention.yaml and end.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@platform_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    older_than: int | None,
    project: str,
    domain: str,
    workflow: str,
    states: tuple[str, ...],
    labels: tuple[str, ...],
    keep_latest: int,
    dry_run: bool,
    policies: bool,
    yes: bool,
    as_json: bool,
    server: str,
    data: Path,
) -> int:
    """Delete executions that ended long ago, with their data, logs and records, and what nobody names.

    What others refer to stays. Without --older-than, the rules of `retention.yaml` in the data folder hold.
    """
    if policies:
        return asyncio.run(show_policies(server, data, as_json=as_json))
    narrowed = any((project, domain, workflow, states, labels, keep_latest))
    if older_than is None and narrowed:
        raise click.UsageError("how old? these options narrow --older-than; give it, too (0s for any age)")
    rule = pb.RetentionRule(
        project=project,
        domain=domain,
        workflow=workflow,
        states=states,
        labels=labels_of(labels),
        keep_latest=keep_latest,
    )
    if older_than is not None:
        rule.older_than.CopyFrom(Duration(seconds=older_than // SECOND_NS))
    rules = [] if older_than is None else [rule]
    return asyncio.run(collected(server, data, rules, (), ask=not (yes or dry_run), dry_run=dry_run, as_json=as_json))


async def collected(
    server: str,
    data: Path,
    rules: Sequence[pb.RetentionRule],
    executions: Sequence[ExecutionId],
    *,
    ask: bool,
    dry_run: bool,
    as_json: bool,
) -> ExitCode:
    """Collect and print the report; on a terminal, say first what would go and ask."""
    async with connected(server, data, start=True) as client:
        if ask and sys.stdin.isatty():
            would = await reported(maintenance.collect(client, rules, executions, dry_run=True))
            click.echo("\n".join(lines_of(would)), err=True)
            if not click.confirm("delete it?", err=True):
                return ExitCode.SUCCESS
        report = await reported(maintenance.collect(client, rules, executions, dry_run=dry_run))
    if as_json:
        click.echo(json.dumps(document_of(report), indent=2))
    else:
        click.echo("\n".join(lines_of(report)))
    return ExitCode.SUCCESS


async def reported(told: AsyncIterator[pb.CollectGarbageResponse]) -> pb.CollectionReport:
    """Show how it goes on stderr, and return the report."""
    report = pb.CollectionReport()
    async for one in told:
        if one.HasField("report"):
            report = one.report
        elif sys.stderr.isatty():
            click.echo(f"\r\x1b[K{one.step}{f' {one.done}' if one.done else ''}", err=True, nl=False)
        elif not one.done:
            click.echo(one.step, err=True)
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)
    return report


async def show_policies(server: str, data: Path, *, as_json: bool) -> ExitCode:
    """Print the owner's rules."""
    async with connected(server, data, start=True) as client:
        found = await policies_of(client)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return ExitCode.SUCCESS
    lines = rule_lines(found)
    click.echo("\n".join(lines) if lines else "no rules: nothing is deleted unless `flytelike gc --older-than` says so")
    return ExitCode.SUCCESS


async def policies_of(client: Client) -> dict[str, object]:
    """Return the owner's rules as a document."""
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - a tenth of a second for one option

    return MessageToDict(await maintenance.retention(client), preserving_proto_field_name=True)
