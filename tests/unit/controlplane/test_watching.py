"""Streams: everything that changes, in order, and nothing that does not."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc import aio

from flytelike.codec.ids import execution_id_to_proto
from flytelike.controlplane.ports import LogNotFound
from flytelike.controlplane.settings import Settings
from flytelike.model.ids import TaskExecutionId
from flytelike.model.phases import NodePhase, TaskPhase, WorkflowPhase
from flytelike_idl.core import identifier_pb2
from flytelike_idl.service import watch_pb2
from tests.unit.controlplane.builders import (
    Running,
    Story,
    create_execution,
    execution_id,
    module,
    served,
    succeeded,
)

pytestmark = pytest.mark.anyio


def watch(*, attempts: bool = False, name: str = "run") -> watch_pb2.WatchExecutionRequest:
    return watch_pb2.WatchExecutionRequest(
        id=execution_id_to_proto(execution_id(name)), include_task_executions=attempts
    )


async def execute(running: Running) -> None:
    await running.registration.Register(module())
    await running.admin.CreateExecution(create_execution())


def seen(updates: list[watch_pb2.WatchExecutionResponse]) -> list[object]:
    found: list[object] = []
    for update in updates:
        found += [(n.id.node_id, NodePhase(n.closure.phase)) for n in update.node_executions]
        found += [(t.id.retry_attempt, TaskPhase(t.closure.phase)) for t in update.task_executions]
        found += [WorkflowPhase(update.execution.closure.phase)] if update.HasField("execution") else []
    return found


async def test_what_has_ended_is_told_at_once(running: Running) -> None:
    await execute(running)
    await running.plane.record(succeeded())
    updates = [update async for update in running.watch.WatchExecution(watch(attempts=True))]
    assert seen(updates) == [("n0", NodePhase.SUCCEEDED), (0, TaskPhase.SUCCEEDED), WorkflowPhase.SUCCEEDED]


async def test_each_change_is_told_when_it_happens(running: Running) -> None:
    await execute(running)
    stream = running.watch.WatchExecution(watch())
    first = await stream.read()
    assert seen([first]) == [WorkflowPhase.QUEUED]
    story = Story().run(WorkflowPhase.RUNNING)
    await running.plane.record(story.entries)
    assert seen([await stream.read()]) == [WorkflowPhase.RUNNING]
    await running.plane.record(story.node("n0", NodePhase.RUNNING).entries)
    assert seen([await stream.read()]) == [("n0", NodePhase.RUNNING)]
    story.node("n0", NodePhase.SUCCEEDED)
    await running.plane.record(story.run(WorkflowPhase.SUCCEEDED).entries)
    assert seen([await stream.read()]) == [("n0", NodePhase.SUCCEEDED), WorkflowPhase.SUCCEEDED]
    assert await stream.read() is aio.EOF


async def test_an_abort_that_was_asked_for_is_seen(running: Running) -> None:
    await execute(running)
    stream = running.watch.WatchExecution(watch())
    await stream.read()
    await running.plane.executions.terminate(execution_id(), "enough", "me")
    assert seen([await stream.read()]) == [WorkflowPhase.ABORTING]
    stream.cancel()


async def test_large_states_come_in_parts_and_the_end_comes_last(running: Running) -> None:
    await execute(running)
    story = Story()
    for index in range(2_500):
        story.node(f"n{index}", NodePhase.SUCCEEDED)
    await running.plane.record(story.run(WorkflowPhase.SUCCEEDED).entries)
    updates = [update async for update in running.watch.WatchExecution(watch())]
    assert [len(update.node_executions) for update in updates] == [1000, 1000, 500]
    assert [update.HasField("execution") for update in updates] == [False, False, True]


async def test_many_watchers_see_the_same(running: Running) -> None:
    await execute(running)

    async def collect() -> set[object]:
        return set(seen([update async for update in running.watch.WatchExecution(watch())]))

    watchers = [asyncio.create_task(collect()) for _ in range(20)]
    for entry in succeeded():
        await running.plane.record([entry])
    results = await asyncio.gather(*watchers)
    assert all(WorkflowPhase.SUCCEEDED in result and ("n0", NodePhase.SUCCEEDED) in result for result in results)


async def test_nobody_to_watch(running: Running) -> None:
    with pytest.raises(aio.AioRpcError) as told:
        await running.watch.WatchExecution(watch(name="none")).read()
    assert told.value.code() is grpc.StatusCode.NOT_FOUND


async def test_streams_end_when_the_server_does(settings: Settings) -> None:
    async with served(settings) as running:
        await execute(running)
        stream = running.watch.WatchExecution(watch())
        await stream.read()
        running.plane.notifier.close()
        with pytest.raises(aio.AioRpcError) as told:
            await stream.read()
    assert told.value.code() is grpc.StatusCode.UNAVAILABLE


class Logs:
    """A log reader with one log."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, bool]] = []

    async def read(self, attempt: TaskExecutionId, offset: int, *, follow: bool) -> AsyncIterator[bytes]:
        self.asked.append((offset, follow))
        if attempt.attempt > 0:
            raise LogNotFound
        for chunk in (b"hello ", b"world\n"):
            yield chunk


async def test_logs_are_passed_on_with_their_positions(settings: Settings) -> None:
    logs = Logs()
    async with served(settings, logs=logs) as running:
        await execute(running)
        story = Story().attempt("n0", TaskPhase.RUNNING).attempt("n0", TaskPhase.RUNNING, 1)
        await running.plane.record(story.entries)
        node = identifier_pb2.NodeExecutionIdentifier(node_id="n0", execution_id=execution_id_to_proto(execution_id()))
        attempt = identifier_pb2.TaskExecutionIdentifier(node_execution_id=node)
        request = watch_pb2.StreamTaskLogsRequest(id=attempt, offset=3, follow=True)
        chunks = [chunk async for chunk in running.watch.StreamTaskLogs(request)]
        assert [(chunk.data, chunk.next_offset) for chunk in chunks] == [(b"hello ", 9), (b"world\n", 15)]
        assert logs.asked == [(3, True)]
        for missing in (1, 2):
            attempt.retry_attempt = missing
            with pytest.raises(aio.AioRpcError) as told:
                await running.watch.StreamTaskLogs(watch_pb2.StreamTaskLogsRequest(id=attempt)).read()
            assert told.value.code() is grpc.StatusCode.NOT_FOUND
