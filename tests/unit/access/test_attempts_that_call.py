"""What an attempt may do with its own token: start, watch and end the calls of its own node while it runs."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf.message import Message
from sqlalchemy import update

from flytelike.codec.ids import execution_id_to_proto, identifier_to_proto, node_execution_id_to_proto
from flytelike.codec.literals import literal_map_to_proto
from flytelike.controlplane.access.ports import AttemptTokens, Bearer
from flytelike.controlplane.access.roles import Place, Role
from flytelike.controlplane.access.table import RULES, ByAttempt
from flytelike.controlplane.access.table import Door as Entry
from flytelike.controlplane.repository.audit import AuditFilter
from flytelike.controlplane.schema import executions
from flytelike.controlplane.server import servicers_of
from flytelike.model.failure import Failure, Fault
from flytelike.model.history import ElementFailure, ElementsChanged, ElementSpan, HistoryEntry
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike_idl.admin import execution_pb2
from flytelike_idl.service import calls_pb2
from tests.unit.access.aiming import Aim, aimed
from tests.unit.access.world import OTHER, Guarded, guarded, user_grant
from tests.unit.controlplane.builders import (
    DOMAIN,
    PROJECT,
    START_NS,
    Story,
    create_execution,
    execution_id,
    number,
    settings_for,
    task_id,
)

pytestmark = pytest.mark.anyio

START, WATCH = "/flytelike.service.CallService/StartCall", "/flytelike.service.CallService/WatchCalls"
END = "/flytelike.service.AdminService/TerminateExecution"
NODE = NodeExecutionId(execution_id("eager"), NodePath("n0"))
ENDED, UNRECORDED, DENIED = "attempt-ended", "attempt-not-recorded", "permission-denied"


class SpokenTokens(AttemptTokens):
    """Tokens that say in clear whose they are."""

    def claims(self, token: str) -> bool:
        return token.startswith("of:")

    async def bearer(self, token: str) -> Bearer | None:
        _, name, attempt = token.rsplit(":", 2)
        return None if name == "gone" else Bearer(f"{name}:{attempt}", int(attempt))

    def name_of(self, node: NodeExecutionId, attempt: int) -> str:
        return f"{node.execution}/{node.path}:{attempt}"


def token(node: NodeExecutionId = NODE, attempt: int = 0) -> str:
    return f"of:{node.execution}/{node.path}:{attempt}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Guarded]:
    """One in which the first attempt of `NODE` runs, and who launched it may read another project."""
    grants = {"ann": user_grant("ann", Role.VIEWER, Place(OTHER))}
    async with guarded(settings_for(tmp_path), grants, SpokenTokens()) as world:
        await world.running.plane.executions.create(create_execution("eager"), "victim")
        await world.running.plane.record(running().entries)
        world.tokens = {**world.tokens, "attempt": token()}
        yield world


def running() -> Story:
    story = Story(NODE.execution).run(WorkflowPhase.RUNNING).node("n0", NodePhase.RUNNING)
    return story.attempt("n0", TaskPhase.RUNNING)


async def after(world: Guarded, story: Story) -> None:
    """Record what a story tells beyond the beginning."""
    await world.running.plane.record(story.entries[len(running().entries) :])


def start(node: NodeExecutionId = NODE, name: str = "called", project: str = PROJECT) -> Message:
    return calls_pb2.StartCallRequest(
        caller=node_execution_id_to_proto(node),
        name=name,
        target=identifier_to_proto(replace(task_id(), project=project)),
        inputs=literal_map_to_proto({"x": number(3)}),
    )


def watch(node: NodeExecutionId = NODE) -> Message:
    return calls_pb2.WatchCallsRequest(caller=node_execution_id_to_proto(node))


def end(name: str = "called") -> Message:
    return execution_pb2.ExecutionTerminateRequest(id=execution_id_to_proto(execution_id(name)), cause="enough")


async def told(world: Guarded, path: str, request: Message, held: str = token()) -> str:
    """Return the code with which whoever holds a token is refused; nothing if they are not."""
    from flytelike.remote.access import Access
    from flytelike.remote.client import Client
    from flytelike.remote.errors import RemoteError

    async with Client(world.running.addresses.grpc, Access(token=held)) as client:
        try:
            if path == WATCH:
                await anext(client.stream(client.calls.WatchCalls(request)))
            elif path == START:
                await client.call(client.calls.StartCall(request))
            else:
                await client.call(client.admin.TerminateExecution(request))
        except RemoteError as error:
            return error.diagnostics[0].code
    return ""


async def test_an_attempt_starts_watches_and_ends_its_calls(world: Guarded) -> None:
    assert await told(world, START, start()) == ""
    assert await told(world, WATCH, watch()) == ""
    assert await told(world, END, end()) == ""
    assert [name.name for name, _, _ in world.running.launcher.aborted] == ["called"]


async def test_it_does_nothing_else(world: Guarded) -> None:
    # How much is used is sampled when it likes.
    before, tried = {**await world.rows(), "quota_samples": []}, 0
    for service, _ in servicers_of(world.running.plane):
        for method in service.methods:
            rule = RULES[f"{service.name}/{method.name}"]
            path = f"/{service.full_name}/{method.name}"
            request = aimed(method, Aim(PROJECT)).SerializeToString()
            found = await world.status(path, request, "attempt", stream=method.server_streaming)
            assert found == ("OK" if rule.door is Entry.OPEN else "PERMISSION_DENIED"), path
            tried += rule.by_attempt is not ByAttempt.NEVER
    assert tried == 3
    assert {**await world.rows(), "quota_samples": []} == before


@pytest.mark.parametrize(
    "node",
    [
        NodeExecutionId(NODE.execution, NodePath("n1")),
        NodeExecutionId(execution_id("run"), NodePath("n0")),
        NodeExecutionId(execution_id("none"), NodePath("n0")),
        NodeExecutionId(ExecutionId(OTHER, DOMAIN, "eager"), NodePath("n0")),
    ],
    ids=str,
)
async def test_it_calls_in_no_other_name(world: Guarded, node: NodeExecutionId) -> None:
    assert await told(world, START, start(node)) == DENIED
    assert await told(world, WATCH, watch(node)) == DENIED


async def test_it_ends_no_execution_but_its_calls(world: Guarded) -> None:
    await world.running.plane.executions.create(create_execution("beside"), "victim")
    assert await told(world, START, start()) == ""
    for name in ("beside", "eager", "none"):
        assert await told(world, END, end(name)) == DENIED
    assert await told(world, END, end(), token(NodeExecutionId(NODE.execution, NodePath("n1")))) == DENIED
    assert world.running.launcher.aborted == []


@pytest.mark.parametrize(
    "story",
    [
        running().attempt("n0", TaskPhase.SUCCEEDED),
        running().attempt("n0", TaskPhase.RETRYABLE_FAILED),
        running().attempt("n0", TaskPhase.RUNNING, 1),
        running().node("n0", NodePhase.FAILED),
        running().run(WorkflowPhase.SUCCEEDED),
        running().run(WorkflowPhase.ABORTED),
    ],
)
async def test_what_has_ended_calls_nobody(world: Guarded, story: Story) -> None:
    assert await told(world, START, start()) == ""
    await after(world, story)
    assert await told(world, START, start(name="more")) == ENDED
    assert await told(world, WATCH, watch()) == ENDED
    assert await told(world, END, end()) == ENDED


async def test_what_is_being_aborted_calls_nobody(world: Guarded) -> None:
    await world.running.plane.executions.terminate(NODE.execution, "enough", "ann")
    assert await told(world, START, start()) == ENDED


async def test_the_attempt_after_it_calls_once_it_has_begun(world: Guarded) -> None:
    following = token(attempt=1)
    assert await told(world, START, start(), following) == UNRECORDED
    await after(world, running().attempt("n0", TaskPhase.RETRYABLE_FAILED).attempt("n0", TaskPhase.QUEUED, 1))
    assert await told(world, START, start(), following) == ""
    assert await told(world, START, start(), token()) == ENDED


async def test_what_lies_in_something_that_has_ended_calls_nobody(world: Guarded) -> None:
    inner = NodeExecutionId(NODE.execution, NodePath("n0.0.n2"))
    story = running().node("n0.0.n2", NodePhase.RUNNING).attempt("n0.0.n2", TaskPhase.RUNNING)
    await after(world, story)
    assert await told(world, START, start(inner), token(inner)) == ""
    await world.running.plane.record(story.node("n0", NodePhase.ABORTED).entries[-1:])
    assert await told(world, START, start(inner), token(inner)) == ENDED


@pytest.mark.parametrize(
    ("failed", "phase", "held", "code"),
    [
        (None, TaskPhase.RUNNING, 0, ""),
        (None, TaskPhase.SUCCEEDED, 0, ENDED),
        (0, TaskPhase.RETRYABLE_FAILED, 0, ENDED),
        (0, TaskPhase.RETRYABLE_FAILED, 1, ""),
        (0, TaskPhase.RUNNING, 0, ENDED),
        (0, TaskPhase.RUNNING, 1, ""),
        (1, TaskPhase.FAILED, 1, ENDED),
    ],
)
async def test_elements_of_arrays_call_while_they_run(
    world: Guarded, failed: int | None, phase: TaskPhase, held: int, code: str
) -> None:
    failures = (
        () if failed is None else (ElementFailure(5, failed, Failure("USER:Error", "no", Fault.USER, retryable=True)),)
    )
    changes = (ElementSpan(5, 1, phase),)
    record = ElementsChanged(NodePath("n0"), 0, START_NS, 8, 1, 0, 0, changes=changes, failures=failures)
    await world.running.plane.record([HistoryEntry(NODE.execution, len(running().entries) + 1, record)])
    element = NodeExecutionId(NODE.execution, NodePath("n0.0.5"))
    assert await told(world, START, start(element), token(element, held)) == code


async def test_it_calls_what_its_launcher_may_read(world: Guarded) -> None:
    assert await told(world, START, start(project=OTHER)) == DENIED
    await world.running.plane.database.write(
        lambda connection: connection.execute(update(executions).where(executions.c.name == "eager").values(user="ann"))
    )
    assert await told(world, START, start(project=OTHER)) == "unknown-task", "it may, and there is none"


async def test_a_token_that_is_not_good_gets_nowhere(world: Guarded) -> None:
    assert await told(world, START, start(), "of:gone:0") == "token-not-accepted"


async def test_the_audit_log_says_which_attempt_it_was(world: Guarded) -> None:
    await told(world, START, start())
    await told(world, START, start(project=OTHER))
    last = (await world.running.plane.audit.entries(AuditFilter(), 0, 2))[::-1]
    assert [(entry.actor, entry.via, entry.outcome) for entry in last] == [
        (f"{NODE.execution}/n0:0", "attempt", "OK"),
        (f"{NODE.execution}/n0:0", "attempt", "PERMISSION_DENIED"),
    ]
