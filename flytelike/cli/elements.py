"""Elements of arrays, for `flytelike get` and `flytelike logs`."""

import json

import click

from flytelike.cli import execution_name
from flytelike.codec.ids import execution_id_to_proto
from flytelike.model.caching import CacheStatus
from flytelike.model.phases import TaskPhase
from flytelike.remote import Client, executions
from flytelike_idl.core import identifier_pb2
from flytelike_idl.service import watch_pb2

SHOWN_MAX = 1_000
"""How many elements are printed unless they are asked for as JSON."""


def node_named(execution: str, node: str, project: str, domain: str) -> identifier_pb2.NodeExecutionIdentifier:
    """Return the id of a node."""
    target = execution_name.parse(execution, project, domain)
    return identifier_pb2.NodeExecutionIdentifier(execution_id=execution_id_to_proto(target), node_id=node)


async def show_elements(
    client: Client, array: identifier_pb2.NodeExecutionIdentifier, *, only_failed: bool, as_json: bool
) -> None:
    """Print an array's elements, one a line."""
    shown = 0
    rows = []
    async for element in executions.elements(client, array, only_failed=only_failed):
        if as_json:
            rows.append(element_document(element))
            continue
        if shown == SHOWN_MAX:
            click.echo(f"only the first {SHOWN_MAX:,} are shown; --json gives all", err=True)
            return
        click.echo(element_line(element))
        shown += 1
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif not shown:
        click.echo("no element has failed" if only_failed else "no element has begun", err=True)


async def element_attempt(
    client: Client, array: identifier_pb2.NodeExecutionIdentifier, index: int, attempt: int | None
) -> identifier_pb2.TaskExecutionIdentifier:
    """Return the attempt of an element, by default its last one."""
    if attempt is None:
        attempt = 0
        async for element in executions.elements(client, array, first=index):
            attempt = element.attempt if element.index == index else 0
            break
    node = identifier_pb2.NodeExecutionIdentifier(execution_id=array.execution_id, node_id=f"{array.node_id}.0.{index}")
    return identifier_pb2.TaskExecutionIdentifier(node_execution_id=node, retry_attempt=attempt)


def element_line(element: watch_pb2.Element) -> str:
    """Return the line of an element, such as `17  failed  attempt 1  USER:ValueError: bad value`."""
    phase = phase_word(element)
    attempt = f"  attempt {element.attempt}" if element.attempt else ""
    message = element.error.message.strip().splitlines()
    error = f"  {element.error.code}: {message[-1] if message else ''}" if element.error.code else ""
    cached = (
        " (cached)"
        if CacheStatus(element.cache_status) is CacheStatus.HIT
        else " (reused)"
        if element.recovered
        else ""
    )
    return f"{element.index:>7}  {phase}{cached}{attempt}{error}"


def element_document(element: watch_pb2.Element) -> dict[str, object]:
    """Return an element as JSON data."""
    return {
        "index": element.index,
        "attempt": element.attempt,
        "phase": phase_word(element),
        "cache": CacheStatus(element.cache_status).name.lower(),
        "recovered": element.recovered,
        "code": element.error.code,
        "error": element.error.message,
    }


def phase_word(element: watch_pb2.Element) -> str:
    """Return the word for an element's phase."""
    phase = TaskPhase(element.phase)
    return "waiting" if phase is TaskPhase.UNDEFINED else phase.name.lower().replace("_", " ")
