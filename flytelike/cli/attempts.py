"""Attempts of a node with what they asked of their machines and what they used, for `flytelike get`."""

import json

import click

from flytelike.codec.usage import asked_from_proto, used_from_proto
from flytelike.model.phases import TaskPhase
from flytelike.model.quota import CPU, MEMORY, shown_number
from flytelike.model.usage import ResourceAmounts
from flytelike.remote import Client, executions
from flytelike_idl.admin import task_execution_pb2 as pb
from flytelike_idl.core import identifier_pb2

NOTHING = ResourceAmounts()


async def show_attempts(client: Client, node: identifier_pb2.NodeExecutionIdentifier, *, as_json: bool) -> None:
    """Print a node's attempts, oldest first. Raises RemoteError `unknown-node-execution`."""
    found = await executions.attempts(client, node)
    if not found:
        await executions.node(client, node)  # says so if there is none
    if as_json:
        click.echo(json.dumps([attempt_document(one) for one in found], indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo("the node has no attempts", err=True)
    for one in found:
        for line in attempt_lines(one):
            click.echo(line)


def attempt_document(attempt: pb.TaskExecution) -> dict[str, object]:
    """Return an attempt as JSON data: `asked` and `used` are null where nothing was asked, or measured."""
    closure = attempt.closure
    asked = asked_from_proto(closure.asked) if closure.HasField("asked") else None
    used = used_from_proto(closure.used) if closure.HasField("used") else None
    return {
        "attempt": attempt.id.retry_attempt,
        "phase": TaskPhase(closure.phase).name,
        "seconds": round(_seconds(closure), 3),
        "error": closure.error.code,
        "asked": None if asked is None else {"requests": _amounts(asked.requests), "limits": _amounts(asked.limits)},
        "used": None
        if used is None
        else {
            "memory_peak_bytes": used.memory_peak_bytes or None,
            "processor_seconds": round(used.processor_ns / 1e9, 6),
        },
    }


def attempt_lines(attempt: pb.TaskExecution) -> list[str]:
    """Return what people read of an attempt: its phase, and a line for each thing that it asked for or used."""
    closure = attempt.closure
    asked = asked_from_proto(closure.asked) if closure.HasField("asked") else None
    requests, limits = (NOTHING, NOTHING) if asked is None else (asked.requests, asked.limits)
    used = used_from_proto(closure.used) if closure.HasField("used") else None
    error = f"  {closure.error.code}" if closure.error.code else ""
    phase = TaskPhase(closure.phase)
    lines = [f"attempt {attempt.id.retry_attempt}  {phase.name.lower().replace('_', ' ')}{error}"]
    ended = phase.terminal and closure.HasField("started_at")
    peak = used.memory_peak_bytes if used is not None else 0
    memory = shown_number(MEMORY, peak) if peak else ("not measured" if ended else "")
    lines.append(_line("memory", memory, _asked(MEMORY, requests.memory_bytes, limits.memory_bytes)))
    lines.append(
        _line("processor", _processor(closure, ended=ended), _asked(CPU, requests.cpu_milli, limits.cpu_milli))
    )
    lines.append(_line("GPUs", "", _asked("gpus", requests.gpus, 0)))
    disk = _asked(MEMORY, requests.ephemeral_storage_bytes, limits.ephemeral_storage_bytes)
    lines.append(_line("disk", "", disk))
    return [line for line in lines if line]


def _processor(closure: pb.TaskExecutionClosure, *, ended: bool) -> str:
    if not closure.HasField("used"):
        return "not measured" if ended else ""
    took_s, busy_s = _seconds(closure), closure.used.processor_ns / 1e9
    return f"{_span(busy_s)} over {_span(took_s)} = {busy_s / took_s:.2g} CPU" if took_s > 0 else _span(busy_s)


def _span(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.4g} s"


def _asked(resource: str, request: int, limit: int) -> str:
    if not request:
        return ""
    bound = f" (limit {shown_number(resource, limit)})" if limit else ""
    return f"{shown_number(resource, request)} asked{bound}"


def _line(name: str, used: str, asked: str) -> str:
    if not used and not asked:
        return ""
    between = " of " if used and asked and used != "not measured" else "; " if used and asked else ""
    return f"  {name:10} {used}{between}{asked}"


def _seconds(closure: pb.TaskExecutionClosure) -> float:
    return closure.duration.ToNanoseconds() / 1e9


def _amounts(amounts: ResourceAmounts) -> dict[str, float]:
    return {
        "cpu": amounts.cpu_milli / 1000,
        "memory_bytes": amounts.memory_bytes,
        "gpus": amounts.gpus,
        "ephemeral_storage_bytes": amounts.ephemeral_storage_bytes,
    }
