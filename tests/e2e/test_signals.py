"""`flytelike signal` on the real thing: an execution that waits says so, and goes on when it is answered."""

import asyncio
import json
from pathlib import Path

import pytest

from flytelike.codec.ids import execution_id_to_proto
from flytelike.model.gate import Approval, Signal
from flytelike.model.graph import Binding, BoundPromise, GateTarget, Node, Promise, WorkflowTemplate
from flytelike.model.ids import WORKFLOW_INPUTS, NodeId
from flytelike.model.types import INTEGER
from flytelike.remote import Client, executions, signals
from flytelike_idl.admin import execution_pb2
from tests.e2e.cli import Outcome, flytelike, up
from tests.unit.controlplane.builders import (
    a_plan,
    create_execution,
    execution_id,
    interface,
    register_request,
    workflow_id,
)

TRIES = 5_000


def waiting_workflow() -> WorkflowTemplate:
    """Approve the input, then wait for a number, which is the output."""
    x = BoundPromise(Promise(WORKFLOW_INPUTS, "x"))
    approval = Node(NodeId("n0"), GateTarget(Approval("ok")), (Binding("x", x),))
    number = Node(NodeId("n1"), GateTarget(Signal("more", INTEGER, "o0")), upstream=(NodeId("n0"),))
    outputs = (Binding("o0", BoundPromise(Promise(NodeId("n1"), "o0"))),)
    return WorkflowTemplate(workflow_id(), interface({"x": INTEGER}, {"o0": INTEGER}), (approval, number), outputs)


async def begin(endpoint: str, *names: str) -> None:
    async with Client(endpoint) as client:
        await client.registration.Register(register_request(waiting_workflow(), a_plan()))
        for name in names:
            await client.admin.CreateExecution(create_execution(name))


async def reached(endpoint: str, execution: str, name: str) -> None:
    """Ask until the gate of a signal waits; each question takes its time."""
    async with Client(endpoint) as client:
        for _ in range(TRIES):
            found = await signals.signals(client, execution_id(execution))
            if any(one.id.signal_id == name and one.gates for one in found):
                return
    raise AssertionError(f"{execution} never waited for {name}")


async def end(endpoint: str, name: str) -> execution_pb2.Execution:
    async with Client(endpoint) as client:
        async for _ in executions.watch(client, execution_id(name)):
            pass
        return await client.admin.GetExecution(
            execution_pb2.WorkflowExecutionGetRequest(id=execution_id_to_proto(execution_id(name)))
        )


@pytest.mark.timeout(120)
def test_gates_are_listed_and_answered(tmp_path: Path) -> None:
    data, place = tmp_path / "data", ["--project", execution_id().project, "--domain", execution_id().domain]

    def signal(*words: str) -> Outcome:
        return flytelike(data, "signal", *words, *place)

    with up(data) as running:
        asyncio.run(begin(running.grpc, "one", "two"))
        asyncio.run(reached(running.grpc, "one", "ok"))
        (approval,) = signal("one", "--json").document
        assert (approval["type"], approval["given"], approval["gates"][0]["approval"]) == ("bool", False, True)
        told = signal("one")
        assert told.stdout.startswith('waits for approval "ok" since ')
        assert told.stdout.endswith("answer with: flytelike signal one ok --approve (or --reject)\n")
        assert signal("one", "ok", "--approve").code == 0
        running.kill()

    with up(data) as running:
        asyncio.run(reached(running.grpc, "one", "more"))
        shown = flytelike(data, "get", "execution", "one", *place)
        assert "answer with: flytelike signal one more --value ..." in shown.stdout
        wrong = signal("one", "more", "--value", "many")
        assert (wrong.code, "wrong-value" in wrong.stderr or "int" in wrong.stderr) == (2, True)
        assert signal("one", "more", "--approve").code == 2
        assert signal("one", "nothing", "--value", "1").code == 2
        assert signal("one", "more", "--value", "7").code == 0
        assert asyncio.run(end(running.grpc, "one")).closure.phase == 4
        document = flytelike(data, "get", "execution", "one", "--json", *place).document
        assert (document["outputs"], document["waits"]) == ({"o0": 7}, [])
        assert "more = 7, given by anonymous at" in signal("one").stdout

        asyncio.run(reached(running.grpc, "two", "ok"))
        assert signal("two", "ok", "--reject").code == 0
        ended = asyncio.run(end(running.grpc, "two"))
        assert (ended.closure.phase, ended.closure.error.code) == (6, "ReceivedRejectSignal")
        assert json.dumps(signal("two", "--json").document).count('"value": false') == 1
