"""`flytelike get`: show what is registered and what ran."""

import asyncio
import json
import time
from pathlib import Path

import click

from flytelike.cli import backfills, execution_name, troubles
from flytelike.cli.attempts import show_attempts
from flytelike.cli.context import connected, json_option, place_options, platform_options
from flytelike.cli.elements import node_named, show_elements
from flytelike.cli.exit_code import ExitCode
from flytelike.cli.phase import sign
from flytelike.cli.progress import plain_line
from flytelike.cli.rows import show_rows
from flytelike.cli.tree import NodeRow, Tree
from flytelike.cli.waiting import show_failure
from flytelike.cli.waits import record as told
from flytelike.cli.waits import waits
from flytelike.codec.priority import priority_from_proto
from flytelike.model.ids import ExecutionId
from flytelike.model.phases import WorkflowPhase
from flytelike.model.priority import bounded
from flytelike.remote import Client, executions, maintenance, registry, signals
from flytelike.types.inputs import json_from_literal
from flytelike_idl.admin import execution_pb2
from flytelike_idl.service import watch_pb2

KINDS = ("executions", "execution", "workflows", "tasks", "launch-plans", "projects", "backfills", "backfill")

EAGER = "eager-exec"
"""The label of an execution that an eager task called."""

CALLS_SHOWN = 1_000


@click.command("get", short_help="Show projects, workflows, tasks, launch plans, executions or backfills.")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name", required=False, default="")
@click.argument("node", required=False, default="")
@click.option("--elements", is_flag=True, help="Show the elements of the array NODE of the execution.")
@click.option("--failed", is_flag=True, help="With --elements: only those that failed.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many rows.")
@json_option
@place_options
@platform_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    kind: str,
    name: str,
    node: str,
    elements: bool,
    failed: bool,
    limit: int,
    as_json: bool,
    project: str,
    domain: str,
    server: str,
    data: Path,
) -> int:
    """Show rows of KIND, newest first; with NAME, the versions of that name or that execution whole.

    With NODE, the attempts of a node of the execution: what each asked of its machine, and what it used.
    """
    if kind in {"execution", "backfill"} and not name:
        raise click.UsageError(f"which {kind}?  flytelike get {kind} NAME")
    elements = elements or failed
    if (elements and not node) or (node and kind != "execution"):
        raise click.UsageError("elements are those of an array:  flytelike get execution NAME NODE --elements")

    async def run() -> ExitCode:
        async with connected(server, data, start=True) as client:
            if node:
                named = node_named(name, node, project, domain)
                if elements:
                    await show_elements(client, named, only_failed=failed, as_json=as_json)
                else:
                    await show_attempts(client, named, as_json=as_json)
            elif kind == "backfills":
                await backfills.show_backfills(client, project, domain, limit, as_json=as_json)
            elif kind == "backfill":
                await backfills.show_backfill(client, project, domain, name, as_json=as_json)
            elif kind == "execution":
                await show_execution(client, name, project, domain, as_json=as_json)
            else:
                rows = await listed(client, kind, name, project, domain, limit)
                if kind == "executions":
                    await show_troubles(client)
                show_rows(rows, as_json=as_json, empty=f"no {kind} in {project}/{domain}")
        return ExitCode.SUCCESS

    return asyncio.run(run())


async def show_troubles(client: Client) -> None:
    """Tell what the platform waits for, beside the rows."""
    for trouble in await maintenance.troubles(client):
        click.echo(troubles.line(trouble), err=True)


async def listed(client: Client, kind: str, name: str, project: str, domain: str, limit: int) -> list[dict[str, str]]:
    """Return the rows of a kind as flat records."""
    if kind == "executions":
        found = await executions.recent(client, project, domain, limit=limit)
        return [execution_row(execution) for execution in found]
    if kind == "projects":
        return [{"id": p.id, "name": p.name, "description": p.description} for p in await registry.projects(client)]
    return await registry.versions(client, kind, project, domain, name, limit)


async def calls_of(client: Client, caller: ExecutionId) -> list[dict[str, str]]:
    """Return the executions that eager tasks of an execution called, oldest first."""
    of_caller = f"eq(parent_execution_name,{caller.name})"
    found = await executions.recent(client, caller.project, caller.domain, limit=CALLS_SHOWN, filters=of_caller)
    return [
        {
            "node": call.spec.metadata.parent_node_execution.node_id,
            "execution": call.id.name,
            "target": call.spec.launch_plan.name.rpartition(".")[2],
            "phase": WorkflowPhase(call.closure.phase).name,
        }
        for call in reversed(found)
        if EAGER in call.spec.labels.values
    ]


def execution_row(execution: execution_pb2.Execution) -> dict[str, str]:
    """Return an execution as a flat record."""
    closure = execution.closure
    return {
        "name": execution.id.name,
        "phase": WorkflowPhase(closure.phase).name,
        "target": f"{execution.spec.launch_plan.name}@{execution.spec.launch_plan.version}",
        "started": closure.created_at.ToJsonString(),
        "seconds": f"{taken_s(closure):.3f}",
    }


def taken_s(closure: execution_pb2.ExecutionClosure) -> float:
    """Return how long an execution took; how long it has been going on, if it does."""
    if WorkflowPhase(closure.phase).terminal:
        return closure.duration.ToMilliseconds() / 1e3
    return max(0.0, time.time() - closure.created_at.ToMicroseconds() / 1e6)


async def show_execution(client: Client, name: str, project: str, domain: str, *, as_json: bool) -> None:
    """Print one execution with its inputs, outputs and nodes."""
    target = execution_name.parse(name, project, domain)
    record = await executions.get(client, target)
    inputs, outputs = await executions.data(client, target)
    tree = Tree(target.name)
    tree.take(
        watch_pb2.WatchExecutionResponse(execution=record, node_executions=await executions.nodes(client, target))
    )
    over = WorkflowPhase(record.closure.phase).terminal
    waiting = [] if over else await signals.signals(client, target)
    troubled = [] if over else await maintenance.troubles(client, target)
    shown = {
        "inputs": {key: json_from_literal(value) for key, value in inputs.items()},
        "outputs": {key: json_from_literal(value) for key, value in outputs.items()},
    }
    tree.line_up([] if over else await maintenance.queued(client, target))
    calls = await calls_of(client, target)
    priority = priority_from_proto(record.spec.quality_of_service)
    if as_json:
        nodes = [node_document(row, priority) for _, row in tree.ordered()]
        document = {
            **execution_row(record),
            "priority": priority,
            **shown,
            "nodes": nodes,
            "calls": calls,
            "waits": [told(wait.signal) for wait in waits(waiting)],
            "troubles": troubles.records(troubled),
            "error": record.closure.error.message,
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for key, value in execution_row(record).items():
        click.echo(f"{key:8} {value}")
    if priority:
        click.echo(f"priority {priority}")
    for trouble in troubled:
        click.echo(troubles.line(trouble))
    for key, values in shown.items():
        for var, shown_value in values.items():
            click.echo(f"{key[:-1]:8} {var} = {json.dumps(shown_value, ensure_ascii=False)}")
    at_gate = {wait.gate.node_id: wait for wait in waits(waiting)}
    for _, row in tree.ordered():
        row.waits = "" if row.path in at_gate else row.waits  # told in full below
        urgent = f", priority {bounded(priority + row.priority)}" if row.priority else ""
        click.echo(f"{plain_line(row)}{urgent}")
        for call in calls:
            if call["node"] == row.path:
                depth = "  " * (row.path.count(".") // 2 + 1)
                click.echo(f"  {depth}{sign(WorkflowPhase[call['phase']])} {call['target']} {call['execution']}")
        if row.path in at_gate:
            click.echo(f"      {at_gate[row.path].line}")
    if record.closure.error.message:
        show_failure(record)


def node_document(row: NodeRow, priority: int) -> dict[str, object]:
    """Return a node of an execution with a priority as JSON data; of an array also how far it is."""
    document: dict[str, object] = {
        "node": row.path,
        "phase": row.phase.name,
        "seconds": round(row.elapsed_s, 3),
        "cached": row.cached,
        "note": row.note,
        "waits": row.waits.removeprefix("waits for "),
        "priority": bounded(priority + row.priority),
    }
    return {**document, "elements": row.elements} if row.elements else document
