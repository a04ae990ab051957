"""Gates, end to end in the engine: what they wait for, what they give, and that they cost nothing meanwhile."""

import pytest

from flytelike.model.ids import NodePath
from flytelike.model.phases import WorkflowPhase
from flytelike_idl.core import literals_pb2 as pb
from propeller.core.node_state import AtGate
from propeller.engine import Engine
from tests.unit.propeller_engine.builders import request
from tests.unit.propeller_engine.fakes import S
from tests.unit.propeller_engine.kinds import approve, closure, constant, of, signal, sleep, task, workflow
from tests.unit.propeller_engine.world import World, live

ME = request().id


def integer(value: int) -> pb.Literal:
    return pb.Literal(scalar=pb.Scalar(primitive=pb.Primitive(integer=value)))


def boolean(value: bool) -> pb.Literal:
    return pb.Literal(scalar=pb.Scalar(primitive=pb.Primitive(boolean=value)))


async def give(world: World, engine: Engine, name: str, value: pb.Literal) -> None:
    world.signals.given[ME, name] = value
    await engine.signalled(ME, name)
    await world.settle()


def test_a_signal_gives_its_value() -> None:
    async def body() -> None:
        world = World(closure(workflow(signal("g"), task("t", of("g")), output=of("t"))))
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        assert world.executor.starts == []
        wanted = world.signals.wanted[ME, NodePath("g")]
        assert (wanted.signal, wanted.approval, wanted.until_ns) == ("given-g", False, 0)
        await give(world, engine, "given-g", integer(8))
        await world.ended(ME)
        assert world.inputs(ME, "t") == {"x": [8]}
        await engine.close()

    live(body())


@pytest.mark.parametrize("approved", [True, False])
def test_an_approval_gives_what_was_approved_or_fails(approved: bool) -> None:
    async def body() -> None:
        world = World(closure(workflow(task("a"), approve("g", of("a")), task("t", of("g")), output=of("t"))))
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        assert world.outputs(world.signals.wanted[ME, NodePath("g")].inputs_uri) == {"o": 1}
        await give(world, engine, "ok-g", boolean(approved))
        await world.ended(ME)
        if approved:
            assert world.inputs(ME, "t") == {"x": [1]}
        else:
            failure = world.entries(ME)[-1].record.failure
            assert (failure.code, failure.message) == ("ReceivedRejectSignal", "`g` was rejected")
        await engine.close()

    live(body())


def test_a_sleep_passes_with_time_and_across_a_restart() -> None:
    async def body() -> None:
        world = World(closure(workflow(sleep("z", 60 * S), task("t", constant(1), after=["z"]), output=of("t"))))
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        began = world.clock.now
        world.clock.advance(50 * S)
        await engine.close()
        world.machine_restarts()
        engine = await world.engine()
        await world.settle()
        assert began + 60 * S in world.clock.pending()
        await world.ended(ME)
        assert world.phase(ME) is WorkflowPhase.SUCCEEDED
        await engine.close()

    live(body())


def test_a_gate_that_waits_longer_than_it_may_times_out() -> None:
    async def body() -> None:
        world = World(closure(workflow(signal("g", timeout_ns=5 * S), task("t", of("g")), output=of("t"))))
        assert await world.executed(request()) is WorkflowPhase.FAILED
        assert "g TIMED_OUT" in world.story(ME)
        failure = world.entries(ME)[-1].record.failure
        assert failure.code == "TimeoutExpired"
        assert failure.message == "Waiting for the signal `given-g` took longer than its timeout of 5 s"

    live(body())


@pytest.mark.parametrize("told", [True, False], ids=["told", "given while no engine ran"])
def test_a_signal_survives_a_restart(told: bool) -> None:
    async def body() -> None:
        world = World(closure(workflow(signal("g"), task("t", of("g")), output=of("t"))))
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        await engine.close()
        world.machine_restarts()
        if not told:
            world.signals.given[ME, "given-g"] = integer(3)
        engine = await world.engine()
        await world.settle()
        if told:
            await give(world, engine, "given-g", integer(3))
        await world.ended(ME)
        assert world.inputs(ME, "t") == {"x": [3]}
        await engine.close()

    live(body())


def test_news_of_a_signal_that_nobody_waits_for_change_nothing() -> None:
    async def body() -> None:
        world = World(closure(workflow(signal("g"), output=of("g"))))
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        await give(world, engine, "another", integer(3))
        await engine.signalled(request("unknown").id, "given-g")
        assert world.phase(ME) is WorkflowPhase.RUNNING
        run = engine._driver.runs[ME]
        assert isinstance(run.state.get(NodePath("g")), AtGate)
        await give(world, engine, "given-g", integer(3))
        await world.ended(ME)
        await engine.close()

    live(body())
