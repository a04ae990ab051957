"""Calls of eager tasks: started once however often they are asked for, ended with their callers."""

import asyncio

import grpc
import pytest
from grpc import aio

from flytelike.codec.ids import execution_id_to_proto, identifier_to_proto
from flytelike.codec.literals import literal_map_to_proto
from flytelike.model.phases import NodePhase, WorkflowPhase
from flytelike_idl.core import identifier_pb2
from flytelike_idl.service import calls_pb2, calls_pb2_grpc
from tests.unit.controlplane.builders import (
    Running,
    Story,
    create_execution,
    execution_id,
    module,
    number,
    task_id,
)

pytestmark = pytest.mark.anyio

CALLER = identifier_pb2.NodeExecutionIdentifier(node_id="n0", execution_id=execution_id_to_proto(execution_id("run")))


def call(name: str = "called") -> calls_pb2.StartCallRequest:
    return calls_pb2.StartCallRequest(
        caller=CALLER,
        name=name,
        target=identifier_to_proto(task_id()),
        inputs=literal_map_to_proto({"x": number(3)}),
    )


async def calls_of(running: Running) -> calls_pb2_grpc.CallServiceStub:
    await running.registration.Register(module())
    await running.admin.CreateExecution(create_execution())
    return calls_pb2_grpc.CallServiceStub(running.channel)


async def test_a_call_is_an_execution_below_its_caller_and_is_made_once(running: Running) -> None:
    calls = await calls_of(running)
    for _ in range(2):
        assert (await calls.StartCall(call())).id.name == "called"
    launched = [request for request in running.launcher.launched if request.id.name == "called"]
    assert len(launched) == 1
    assert (launched[0].parent.execution.name, launched[0].parent.path, launched[0].depth) == ("run", "n0", 1)


async def test_a_name_that_others_have_is_not_taken_for_a_call(running: Running) -> None:
    calls = await calls_of(running)
    await running.admin.CreateExecution(create_execution("other"))
    with pytest.raises(aio.AioRpcError) as refused:
        await calls.StartCall(call("other"))
    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS


async def test_who_has_ended_calls_nobody(running: Running) -> None:
    calls = await calls_of(running)
    await running.plane.record(
        Story(execution_id("run")).run(WorkflowPhase.RUNNING).node("n0", NodePhase.FAILED).entries
    )
    with pytest.raises(aio.AioRpcError) as refused:
        await calls.StartCall(call())
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize("phase", [NodePhase.SUCCEEDED, NodePhase.FAILED, NodePhase.ABORTED])
async def test_calls_end_with_the_node_that_made_them(running: Running, phase: NodePhase) -> None:
    calls = await calls_of(running)
    await calls.StartCall(call())
    stream = calls.WatchCalls(calls_pb2.WatchCallsRequest(caller=CALLER))
    first = await stream.read()
    assert [(state.name, state.phase) for state in first.calls] == [("called", WorkflowPhase.QUEUED)]
    await running.plane.record(Story(execution_id("run")).run(WorkflowPhase.RUNNING).node("n0", phase).entries)
    await running.plane.dispatch.reconcile()
    assert [(name.name, cause) for name, cause, _ in running.launcher.aborted][0] == (
        "called",
        "its caller in run has ended",
    )
    stream.cancel()


async def test_who_watches_hears_of_each_end(running: Running) -> None:
    calls = await calls_of(running)
    await calls.StartCall(call())
    stream = calls.WatchCalls(calls_pb2.WatchCallsRequest(caller=CALLER))
    await stream.read()
    story = Story(execution_id("called")).run(WorkflowPhase.RUNNING).run(WorkflowPhase.SUCCEEDED, output_uri="mem://o")
    await running.plane.record(story.entries)
    (state,) = (await stream.read()).calls
    assert (state.name, state.phase, state.output_uri) == ("called", WorkflowPhase.SUCCEEDED, "mem://o")
    stream.cancel()


async def test_who_watches_hears_of_each_new_call(running: Running) -> None:
    calls = await calls_of(running)
    stream = calls.WatchCalls(calls_pb2.WatchCallsRequest(caller=CALLER))
    assert not (await stream.read()).calls
    await calls.StartCall(call())
    (state,) = (await asyncio.wait_for(stream.read(), 10)).calls
    assert state.name == "called"
    stream.cancel()
