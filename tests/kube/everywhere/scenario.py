"""What people do with the workflows, and the histories that come of it."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flytelike.controlplane.app import ControlPlane
from flytelike.model.history import AttemptChanged, ElementsChanged, ExecutionChanged, HistoryEntry, NodeChanged
from flytelike.model.ids import ExecutionId, Identifier, ResourceKind
from flytelike.model.literals import Collection, Literal, Primitive, UnionValue, Void
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike.remote import Client, executions, signals
from tests.e2e.cli import flytelike

PROJECT, DOMAIN = "flytesnacks", "development"

DONE, FAILED, ABORTED = WorkflowPhase.SUCCEEDED, WorkflowPhase.FAILED, WorkflowPhase.ABORTED

Line = tuple[object, ...]
Story = dict[str, list[Line]]


@dataclass(frozen=True)
class Case:
    """An execution of a workflow, and how it ends: with an output, or with the code of a failure."""

    name: str
    number: int
    phase: WorkflowPhase
    output: object = None
    error: str = ""
    workflow: str = ""

    @property
    def id(self) -> ExecutionId:
        return ExecutionId(PROJECT, DOMAIN, self.name)


FIRST = (
    Case("branches", 7, DONE, 14),
    Case("gates", 5, DONE, 15),
    Case("mapped", 0, DONE, [0, None, 1]),
    Case("nested", 3, DONE, 14),
    Case("dynamics", 2, DONE, [0, 2]),
    Case("eagers", 2, DONE, 103),
    Case("failing", 3, FAILED, error="USER:ValueError"),
    Case("retried", 3, DONE, 3),
    Case("late", 3, FAILED, error="RetriesExhausted|TimeoutExpired"),
    Case("too-large", 1, FAILED, error="RetriesExhausted|OOMKilled", workflow="too_large"),
    Case("stopped", 3, ABORTED),
    Case("plain", 6, DONE, 36),
    Case("plain-failing", 6, FAILED, error="RetriesExhausted|USER:ContainerError", workflow="plain_failing"),
    Case("cached", 3, DONE, 21),
    Case("mended", 3, FAILED, error="USER:ValueError"),
)
THEN = (Case("cached-again", 3, DONE, 21, workflow="cached"),)
RECOVERED = Case("recovered", 3, DONE, 5)


class Histories:
    """What a control plane was told, execution by execution, each record once."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[int, HistoryEntry]] = {}

    def take(self, entry: HistoryEntry) -> None:
        self._entries.setdefault(entry.execution.name, {}).setdefault(entry.sequence, entry)

    def stories(self) -> dict[str, Story]:
        """Return for each execution what happened at each node, without times and places.

        What happens at several nodes at once has no order.
        """
        return {
            name: _story([entry for _, entry in sorted(entries.items())]) for name, entries in self._entries.items()
        }


@contextmanager
def recorded(patch: pytest.MonkeyPatch) -> Iterator[Histories]:
    """Keep what control planes of this process are told."""
    histories = Histories()
    record = ControlPlane.record

    async def taking(plane: ControlPlane, batch: Any) -> None:
        for entry in batch:
            histories.take(entry)
        await record(plane, batch)

    patch.setattr(ControlPlane, "record", taking)
    yield histories


def _story(entries: list[HistoryEntry]) -> Story:
    found: Story = {}
    elements: dict[object, str] = {}
    for entry in entries:
        record = entry.record
        failure = record.failure and (record.failure.code, record.failure.fault, record.failure.retryable)
        match record:
            case ExecutionChanged():
                found.setdefault("", []).append((record.phase, failure, record.cause))
            case NodeChanged():
                cache = record.cache and record.cache.status
                waits = (record.note.split(" of ")[0], record.waits, record.graph, entry.child is not None)
                shape = (record.parent, record.spec_node_id, record.name, record.is_parent, record.is_child_execution)
                told = found.setdefault(record.path, [])
                # Whether an attempt waits for room, and so its node, is the machine's affair.
                if not (record.phase is NodePhase.RUNNING and told and told[-1][0] is NodePhase.RUNNING):
                    told.append((record.phase, failure, cache, *waits, *shape))
            case AttemptChanged():
                told = found.setdefault(f"{record.path} {record.attempt}", [])
                new = (record.phase, record.task.name, failure)
                if record.phase is not TaskPhase.WAITING_FOR_RESOURCES and new not in told[-1:]:
                    told.append(new)
            case ElementsChanged():
                for span in record.changes:
                    for element in range(span.first, span.first + span.length):
                        elements[f"{record.path}[{element}]"] = span.phase
    return found | {path: [(phase,)] for path, phase in elements.items()}


async def played(endpoint: str, folder: Path) -> None:
    """Register, start everything, give signals, abort, recover; return once all has ended as it should."""
    folder.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).with_name("flows.py"), folder)
    words = ("register", "flows.py", "--version", "1", "--server", endpoint)
    done = await asyncio.to_thread(flytelike, folder / "home", *words, cwd=folder)
    assert done.code == 0, done.stderr
    async with Client(endpoint) as client:
        for case in FIRST:
            await _begin(client, case)
        await asyncio.gather(_answer(client), _stop(client), *(_ended(client, case) for case in FIRST))
        for case in THEN:
            await _begin(client, case)
        await executions.recover(client, ExecutionId(PROJECT, DOMAIN, "mended"), RECOVERED.name)
        await asyncio.gather(*(_ended(client, case) for case in (*THEN, RECOVERED)))
        assert await printed(client, "mended") == b"adding 3 and 1\n"


async def _begin(client: Client, case: Case) -> None:
    name = f"flows.{case.workflow or case.name}"
    plan = Identifier(ResourceKind.LAUNCH_PLAN, PROJECT, DOMAIN, name, "1")
    options = executions.ExecutionOptions(name=case.name)
    await executions.create(client, PROJECT, DOMAIN, plan, {"number": Literal(Primitive(case.number))}, options)


async def printed(client: Client, name: str) -> bytes:
    """Return what the first attempt of the first task of an execution printed, by the API."""
    for node in await executions.nodes(client, ExecutionId(PROJECT, DOMAIN, name)):
        for attempt in await executions.attempts(client, node.id):
            return b"".join([data async for data in executions.logs(client, attempt.id, follow=True)])
    raise AssertionError(f"{name} has no attempt")


async def _answer(client: Client) -> None:
    execution = ExecutionId(PROJECT, DOMAIN, "gates")
    for name, value in (("more", 10), ("allowed", True)):
        while not any(one.id.signal_id == name and one.gates for one in await signals.signals(client, execution)):
            await asyncio.sleep(0.1)
        await signals.give(client, execution, name, Literal(Primitive(value)))


async def _stop(client: Client) -> None:
    """End an execution once its task runs."""
    execution = ExecutionId(PROJECT, DOMAIN, "stopped")
    while True:
        for node in await executions.nodes(client, execution):
            for attempt in await executions.attempts(client, node.id):
                if attempt.closure.phase == TaskPhase.RUNNING:
                    await executions.terminate(client, execution, "enough")
                    return
        await asyncio.sleep(0.1)


async def _ended(client: Client, case: Case) -> None:
    async for _ in executions.watch(client, case.id):
        pass
    found = (await executions.get(client, case.id)).closure
    assert (WorkflowPhase(found.phase), found.error.code) == (case.phase, case.error), (case.name, found.error)
    if case.output is not None:
        _, outputs = await executions.data(client, case.id)
        assert _plain(outputs["o0"].value) == case.output, case.name


def _plain(value: object) -> object:
    match value:
        case Primitive(plain):
            return plain
        case Collection(items):
            return [_plain(item.value) for item in items]
        case UnionValue(inner, _):
            return _plain(inner.value)
        case Void():
            return None
        case _:
            raise AssertionError(value)
