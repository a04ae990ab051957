"""Backfills, shown."""

import json
from collections.abc import Sequence

import click

from flytelike.cli.moments import shown
from flytelike.cli.rows import show_rows
from flytelike.model.phases import WorkflowPhase
from flytelike.remote import Client, schedules
from flytelike_idl.service import schedules_pb2 as pb

WORDS = {
    pb.BACKFILL_RUN_PHASE_WAITING: "waiting",
    pb.BACKFILL_RUN_PHASE_RUNNING: "running",
    pb.BACKFILL_RUN_PHASE_SUCCEEDED: "succeeded",
    pb.BACKFILL_RUN_PHASE_FAILED: "failed",
    pb.BACKFILL_RUN_PHASE_REFUSED: "not started",
    pb.BACKFILL_RUN_PHASE_EXISTING: "existed before",
    pb.BACKFILL_RUN_PHASE_CANCELLED: "cancelled",
}


async def show_backfills(client: Client, project: str, domain: str, limit: int, *, as_json: bool) -> None:
    """Print the newest backfills of a domain."""
    found = await schedules.backfills(client, project, domain, "", limit)
    if as_json:
        click.echo(json.dumps([document(one, ()) for one in found], indent=2, ensure_ascii=False))
        return
    show_rows([summary(one) for one in found], as_json=False, empty=f"no backfills in {project}/{domain}")


async def show_backfill(client: Client, project: str, domain: str, name: str, *, as_json: bool) -> None:
    """Print a backfill with its times."""
    told = await schedules.backfill(client, project, domain, name)
    if as_json:
        click.echo(json.dumps(document(told.backfill, told.runs), indent=2, ensure_ascii=False))
        return
    for key, value in summary(told.backfill).items():
        click.echo(f"{key:11} {value}")
    show_rows([row(one) for one in told.runs], as_json=False, empty="it has no times")


def counted(found: pb.Backfill) -> str:
    """Return how many times of a backfill are in which phase."""
    return ", ".join(f"{one.count} {WORDS[one.phase]}" for one in found.counts) or "no times"


def phase_word(found: pb.Backfill) -> str:
    """Return how it is with a backfill."""
    return pb.BackfillPhase.Name(found.phase).removeprefix("BACKFILL_PHASE_").lower()


def summary(found: pb.Backfill) -> dict[str, str]:
    """Return a backfill as a flat record."""
    return {
        "name": found.name,
        "launch plan": f"{found.launch_plan.name}@{found.launch_plan.version}",
        "from": shown(found.begin),
        "to": shown(found.end),
        "phase": phase_word(found),
        "executions": counted(found),
    }


def state_word(run: pb.BackfillRun, *, dry_run: bool) -> str:
    """Return how it is with a time, in a word; before anything has begun, what would be."""
    return "would start" if dry_run and run.phase == pb.BACKFILL_RUN_PHASE_WAITING else WORDS[run.phase]


def row(run: pb.BackfillRun, *, dry_run: bool = False) -> dict[str, str]:
    """Return a time of a backfill as a flat record."""
    word = state_word(run, dry_run=dry_run)
    phase = WorkflowPhase(run.execution_phase).name.lower() if run.execution_phase else ""
    existing = run.phase == pb.BACKFILL_RUN_PHASE_EXISTING
    return {
        "time": shown(run.at),
        "execution": run.execution,
        "state": f"{word}, {phase}" if existing and phase else word,
        "why": run.fault,
    }


def document(found: pb.Backfill, runs: Sequence[pb.BackfillRun], *, dry_run: bool = False) -> dict[str, object]:
    """Return a backfill for scripts."""
    return {
        "name": "" if dry_run else found.name,
        "launch_plan": found.launch_plan.name,
        "version": found.launch_plan.version,
        "from": found.begin.ToJsonString(),
        "to": found.end.ToJsonString(),
        "parallel": found.parallel,
        "phase": "" if dry_run else phase_word(found),
        "counts": {WORDS[one.phase]: one.count for one in found.counts},
        "executions": [
            {
                "at": run.at.ToJsonString(),
                "execution": run.execution,
                "state": state_word(run, dry_run=dry_run),
                "phase": WorkflowPhase(run.execution_phase).name if run.execution_phase else "",
                "fault": run.fault,
            }
            for run in runs
        ],
    }
