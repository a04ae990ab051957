"""A dynamic node keeps the graph that its task gave in an earlier execution, if its inputs are those of then."""

from dataclasses import replace

from flytelike.model.ids import Digest
from flytelike.model.phases import WorkflowPhase
from flytelike.model.reuse import ReusedNode, Way
from tests.unit.propeller_engine.builders import chain, closure, request
from tests.unit.propeller_engine.fakes import user_failure
from tests.unit.propeller_engine.kinds import closure as joined
from tests.unit.propeller_engine.kinds import constant, of, task, workflow
from tests.unit.propeller_engine.test_taking_over import listed, source, started, take
from tests.unit.propeller_engine.world import World, live

THEN, NOW = Digest("sha256:then"), Digest("sha256:now")


def keep(path: str) -> ReusedNode:
    return ReusedNode(Way.KEEP_GRAPH, replace(source(path), graph=THEN))


async def failed_inside() -> World:
    """Execute as `e0`: `n0`, then the dynamic `n1` whose graph is a chain; its last node fails."""
    world = World(closure(chain(2)))
    graph = joined(workflow(task("a", constant(1)), task("b", of("a")), output=of("b")))
    world.closures.gives = THEN, graph
    world.executor.expanding = {"n1"}
    world.executor.script = lambda spec: user_failure() if spec.key.path == "n1.0.b" else {"o": 20}
    assert await world.executed(request("e0")) is WorkflowPhase.FAILED
    assert started(world) == ["n0", "n1", "n1.0.a", "n1.0.b"]
    world.executor.starts.clear()
    world.executor.script = lambda spec: {"o": 7}
    world.closures.gives = NOW, joined(workflow(task("a", constant(2)), output=of("a")))
    return world


LISTED = {"n0": take("n0"), "n1": keep("n1"), "n1.0.a": take("n1.0.a")}


def test_the_task_does_not_run_again_and_what_succeeded_in_its_graph_is_reused() -> None:
    async def body() -> None:
        world = await failed_inside()
        again = listed(world, LISTED)
        assert await world.executed(again) is WorkflowPhase.SUCCEEDED
        assert started(world) == ["n1.0.b"]
        assert [it for it in world.story(again.id) if it.startswith("n1 ")] == ["n1 DYNAMIC_RUNNING", "n1 SUCCEEDED"]
        assert world.inputs(again.id, "n1") == {"x": [20]}

    live(body())


def test_with_other_inputs_the_task_runs_and_nothing_counts_that_is_listed_of_another_graph() -> None:
    async def body() -> None:
        world = await failed_inside()
        again = listed(world, {it: node for it, node in LISTED.items() if it != "n0"})  # n0 gives 7 now, it gave 20
        assert await world.executed(again) is WorkflowPhase.SUCCEEDED
        assert started(world) == ["n0", "n1", "n1.0.a"]
        notes = [getattr(entry.record, "note", "") for entry in world.entries(again.id)]
        assert "runs, since its inputs changed: `x`" in notes
        assert "runs, since its graph is another one now" in notes

    live(body())


def test_the_task_runs_when_its_graph_is_gone_and_what_is_listed_counts_if_it_gives_the_same_again() -> None:
    async def body() -> None:
        world = await failed_inside()
        world.closures.gives = THEN, world.closures.graphs.pop(THEN)
        again = listed(world, LISTED)
        assert await world.executed(again) is WorkflowPhase.SUCCEEDED
        assert started(world) == ["n1", "n1.0.b"]

    live(body())


def test_an_engine_that_comes_later_goes_on_with_the_kept_graph() -> None:
    async def body() -> None:
        world = await failed_inside()
        world.executor.script = lambda spec: None
        again = listed(world, LISTED)
        engine = await world.engine()
        await engine.submit(again)
        await world.settle()
        assert started(world) == ["n1.0.b"]
        await engine.close()
        world.machine_restarts()
        world.executor.script = lambda spec: {"o": 7}
        engine = await world.engine()
        await world.ended(again.id)
        await engine.close()
        assert world.phase(again.id) is WorkflowPhase.SUCCEEDED
        assert started(world) == ["n1.0.b", "n1.0.b"]

    live(body())
