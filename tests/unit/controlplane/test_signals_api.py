"""Signals as clients see them: known once a gate is reached, typed, given once, told until heard."""

from collections.abc import Awaitable

import grpc
import pytest
from grpc import aio

from flytelike.codec.ids import execution_id_to_proto
from flytelike.codec.literals import literal_to_proto
from flytelike.codec.types import literal_type_to_proto
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.signals import VALUE_BYTES_MAX, Reached
from flytelike.model.ids import NodePath
from flytelike.model.literals import Literal
from flytelike.model.phases import NodePhase, WorkflowPhase
from flytelike.model.types import BOOLEAN, INTEGER, STRING, LiteralType
from flytelike_idl.admin import signal_pb2
from flytelike_idl.core import identifier_pb2
from tests.unit.controlplane.builders import (
    Running,
    Story,
    create_execution,
    execution_id,
    module,
    number,
    text,
)

pytestmark = pytest.mark.anyio

S = 1_000_000_000


async def refused(call: Awaitable[object]) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as told:
        await call
    return told.value


def named(signal: str = "more", execution: str = "run") -> identifier_pb2.SignalIdentifier:
    return identifier_pb2.SignalIdentifier(
        signal_id=signal, execution_id=execution_id_to_proto(execution_id(execution))
    )


def given(value: Literal, signal: str = "more", execution: str = "run") -> signal_pb2.SignalSetRequest:
    return signal_pb2.SignalSetRequest(id=named(signal, execution), value=literal_to_proto(value))


async def listed(running: Running) -> list[signal_pb2.Signal]:
    request = signal_pb2.SignalListRequest(workflow_execution_id=named().execution_id, limit=10)
    return list((await running.signal.ListSignals(request)).signals)


async def execute(running: Running) -> Story:
    await running.registration.Register(module())
    await running.admin.CreateExecution(create_execution())
    story = Story().run(WorkflowPhase.RUNNING).node("n0", NodePhase.RUNNING)
    await running.plane.record(story.entries)
    return story


async def reach(running: Running, kind: LiteralType = INTEGER, path: str = "n0", signal: str = "more") -> bytes | None:
    gate = Reached(execution_id(), signal, kind, NodePath(path), kind == BOOLEAN, 5 * S, 9 * S)
    return await running.plane.signals.reach(gate)


async def test_a_signal_is_known_once_its_gate_is_reached(running: Running) -> None:
    await execute(running)
    assert await listed(running) == []
    assert await reach(running) is None
    assert await reach(running) is None
    (found,) = await listed(running)
    assert (found.id.signal_id, found.type, found.HasField("value")) == (
        "more",
        literal_type_to_proto(INTEGER),
        False,
    )
    (gate,) = found.gates
    assert (gate.node_id, gate.approval, gate.since.seconds, gate.until.seconds) == ("n0", False, 5, 9)


async def test_what_is_given_is_kept_with_who_gave_it_and_told(running: Running) -> None:
    await execute(running)
    await reach(running)
    await running.signal.SetSignal(given(number(3)))
    assert running.launcher.signals == [(execution_id(), "more")]
    (found,) = await listed(running)
    assert (found.value, found.set_by, found.HasField("set_at")) == (literal_to_proto(number(3)), "anonymous", True)
    assert await reach(running) == literal_to_proto(number(3)).SerializeToString()


async def test_the_same_value_again_changes_nothing_and_another_is_refused(running: Running) -> None:
    await execute(running)
    await reach(running)
    await running.signal.SetSignal(given(number(3)))
    await running.signal.SetSignal(given(number(3)))
    assert len(running.launcher.signals) == 1
    told = await refused(running.signal.SetSignal(given(number(4))))
    assert (told.code(), "was given another value before, by anonymous" in told.details()) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        True,
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (text("many"), "expected int, got str 'many' [wrong-signal-type]"),
        (text("x" * VALUE_BYTES_MAX), "[signal-too-large]"),
    ],
)
async def test_a_value_that_does_not_fit_is_refused(running: Running, value: Literal, told: str) -> None:
    await execute(running)
    await reach(running)
    error = await refused(running.signal.SetSignal(given(value)))
    assert (error.code(), told in error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, True)


async def test_a_signal_that_nothing_waits_for_is_refused_with_those_that_are_waited_for(running: Running) -> None:
    await execute(running)
    assert (await refused(running.signal.SetSignal(given(number(1))))).code() is grpc.StatusCode.INVALID_ARGUMENT
    await reach(running, signal="other")
    with pytest.raises(Refusal) as told:
        await running.plane.signals.give(execution_id(), "more", literal_to_proto(number(1)), "ada")
    (found,) = told.value.diagnostics
    assert (found.code, found.help) == ("unknown-signal", ("it waits for `other`",))


async def test_what_has_ended_takes_no_signals(running: Running) -> None:
    story = await execute(running)
    await reach(running)
    await running.plane.record(story.node("n0", NodePhase.ABORTED).run(WorkflowPhase.ABORTED).entries)
    (found,) = await listed(running)
    assert list(found.gates) == []
    for signal in ("more", "never"):
        told = await refused(running.signal.SetSignal(given(number(1), signal)))
        assert (told.code(), "[execution-ended]" in told.details()) == (grpc.StatusCode.FAILED_PRECONDITION, True)


async def test_an_unknown_execution_is_not_found(running: Running) -> None:
    told = await refused(running.signal.SetSignal(given(number(1), execution="nobody")))
    assert told.code() is grpc.StatusCode.NOT_FOUND


async def test_the_launcher_is_told_until_it_has_heard(running: Running) -> None:
    await execute(running)
    await reach(running)
    running.launcher.failing = True
    await running.signal.SetSignal(given(number(3)))
    assert running.launcher.signals == []
    assert await running.plane.dispatch.reconcile() == 1
    running.launcher.failing = False
    assert await running.plane.dispatch.reconcile() == 0
    assert running.launcher.signals == [(execution_id(), "more")]
    assert await running.plane.dispatch.reconcile() == 0
    assert len(running.launcher.signals) == 1


async def test_a_signal_is_of_one_type(running: Running) -> None:
    await execute(running)
    await reach(running)
    with pytest.raises(Refusal) as told:
        await reach(running, STRING, "n1")
    assert [found.code for found in told.value.diagnostics] == ["conflicting-signals"]
    asked = signal_pb2.SignalGetOrCreateRequest(id=named(), type=literal_type_to_proto(STRING))
    error = await refused(running.signal.GetOrCreateSignal(asked))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_signal_can_be_made_by_hand(running: Running) -> None:
    await execute(running)
    asked = signal_pb2.SignalGetOrCreateRequest(id=named(), type=literal_type_to_proto(INTEGER))
    made = await running.signal.GetOrCreateSignal(asked)
    assert made == await running.signal.GetOrCreateSignal(asked)
    await running.signal.SetSignal(given(number(3)))
    assert await reach(running) == literal_to_proto(number(3)).SerializeToString()
    unnamed = signal_pb2.SignalGetOrCreateRequest(id=named(""), type=literal_type_to_proto(INTEGER))
    assert (await refused(running.signal.GetOrCreateSignal(unnamed))).code() is grpc.StatusCode.INVALID_ARGUMENT
