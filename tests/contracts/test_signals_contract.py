"""What every keeper of signals promises the engine: a signal exists once, has one type, and keeps its value."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flytelike.codec.literals import literal_to_proto
from flytelike.embedded.adapters import SignalsOfPlane
from flytelike.model.ids import NodePath
from flytelike.model.phases import NodePhase, WorkflowPhase
from flytelike.model.types import INTEGER, STRING
from flytelike_idl.core import literals_pb2
from propeller.app.control_plane.ports import RemoteSignals
from propeller.ports_signals import SignalRefused, Signals, SignalWanted
from tests.contracts.over_the_wire import over_the_wire
from tests.unit.controlplane.builders import Story, create_execution, execution_id, module, number, served, settings_for
from tests.unit.propeller_engine.fakes import FakeSignals

pytestmark = pytest.mark.anyio
S = 1_000_000_000
PORTS = {"Signals": ("SignalsOfPlane", "RemoteSignals", "FakeSignals")}
WANTED = SignalWanted(execution_id(), "more", INTEGER, NodePath("n0"), False, 5 * S, 0, "")
Give = Callable[[int], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["fake", "sqlite", "wire"])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Signals, Give]]:
    """A keeper of signals for an execution whose nodes `n0` and `n1` run, and how `more` is given."""
    if request.param == "fake":
        fake = FakeSignals()

        async def give(value: int) -> None:
            fake.given[WANTED.execution, WANTED.signal] = literal_to_proto(number(value))

        yield fake, give
        return
    async with served(settings_for(tmp_path)) as running:
        await running.registration.Register(module())
        await running.admin.CreateExecution(create_execution())
        story = Story().run(WorkflowPhase.RUNNING).node("n0", NodePhase.RUNNING).node("n1", NodePhase.RUNNING)
        await running.plane.record(story.entries)

        async def given(value: int) -> None:
            await running.plane.signals.give(WANTED.execution, WANTED.signal, literal_to_proto(number(value)), "me")

        if request.param == "sqlite":
            yield SignalsOfPlane(running.plane), given
            return
        async with over_the_wire(running.plane) as connection:
            yield RemoteSignals(connection), given


async def test_a_signal_that_was_given_is_there_for_every_gate_that_asks(kept: tuple[Signals, Give]) -> None:
    signals, give = kept
    assert await signals.wait(WANTED) is None
    assert await signals.wait(WANTED) is None, "asked again, nothing changes"
    await give(7)
    for path in ("n0", "n1"):
        told = await signals.wait(replace(WANTED, path=NodePath(path)))
        assert told is not None
        assert literals_pb2.Literal.FromString(told) == literal_to_proto(number(7))


async def test_a_signal_has_one_type(kept: tuple[Signals, Give]) -> None:
    signals, _ = kept
    await signals.wait(WANTED)
    with pytest.raises(SignalRefused) as refused:
        await signals.wait(replace(WANTED, path=NodePath("n1"), type=STRING))
    assert not refused.value.failure.retryable
    assert await signals.wait(WANTED) is None, "the first gate waits on"
