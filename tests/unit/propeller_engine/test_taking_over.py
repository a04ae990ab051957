"""What the engine takes over from earlier executions: documents are copied, and looked at first."""

from dataclasses import replace
from hashlib import sha256

import pytest

from flytelike.codec.parse import serialise
from flytelike.codec.reuse import reuse_list_to_proto
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.launch import LaunchRequest
from flytelike.model.phases import WorkflowPhase
from flytelike.model.reuse import ReusedNode, ReuseList, ReuseSource, Way
from flytelike_idl.core import literals_pb2 as pb
from propeller.engine import places
from propeller.engine.taking_over import difference
from tests.unit.propeller_engine.builders import chain, closure, request, step
from tests.unit.propeller_engine.fakes import literals, user_failure
from tests.unit.propeller_engine.kinds import MORE, branch, constant, of, signal, sleep, task, when, workflow
from tests.unit.propeller_engine.kinds import closure as joined
from tests.unit.propeller_engine.world import World, live

OLD = ExecutionId("p", "d", "e0")


def source(path: str, attempt: int = 0, child: str = "") -> ReuseSource:
    at = NodePath(path)
    inputs, outputs = places.inputs_uri("mem://meta", OLD, at), places.outputs_uri("mem://meta", OLD, at, attempt)
    return ReuseSource(OLD, "mem://raw", at, attempt, inputs, outputs, child)


def take(path: str, way: Way = Way.TAKE_IF_INPUTS_EQUAL) -> ReusedNode:
    return ReusedNode(way, source(path))


def listed(world: World, nodes: dict[str, ReusedNode], name: str = "e1") -> LaunchRequest:
    """Return a request that names a stored list."""
    reuse: ReuseList = {NodePath(path): node for path, node in nodes.items()}
    data = serialise(reuse_list_to_proto(reuse))
    world.blobs.objects["mem://reuse"] = data
    return request(name, reuse_uri="mem://reuse", reuse_digest=f"sha256:{sha256(data).hexdigest()}")


async def failed_at(world: World, path: str) -> None:
    """Execute as `e0`, which fails at a node."""
    world.executor.script = lambda spec: user_failure() if spec.key.path == path else {"o": len(spec.key.path) * 10}
    assert await world.executed(request("e0")) is WorkflowPhase.FAILED
    world.executor.starts.clear()
    world.executor.script = lambda spec: {"o": 7}


def started(world: World) -> list[str]:
    return [key.path for key in world.executor.starts]


def test_what_succeeded_is_taken_over_and_the_rest_runs() -> None:
    async def body() -> None:
        world = World(closure(chain(3)))
        await failed_at(world, "n2")
        old = dict(world.blobs.objects)
        again = listed(world, {"n0": take("n0"), "n1": take("n1")})
        assert await world.executed(again) is WorkflowPhase.SUCCEEDED
        assert started(world) == ["n2"]
        assert world.story(again.id)[:3] == ["RUNNING", "n0 RECOVERED", "n1 RECOVERED"]
        assert world.inputs(again.id, "n2") == {"x": [20]}
        assert {uri: world.blobs.objects[uri] for uri in old} == old, "old data changed"

    live(body())


def test_inputs_and_outputs_lie_where_those_of_a_run_would() -> None:
    async def body() -> None:
        world = World(closure(chain(2)))
        await failed_at(world, "n1")
        again = listed(world, {"n0": take("n0")})
        await world.executed(again)
        assert world.inputs(again.id, "n0") == {"x": [1]}
        told = next(
            entry
            for entry, story in zip(world.entries(again.id), world.story(again.id), strict=True)
            if story == "n0 RECOVERED"
        )
        assert world.outputs(told.output_uri) == {"o": 20}
        assert told.record.note == "taken from e0"  # type: ignore[union-attr]

    live(body())


def test_a_node_runs_whose_inputs_come_out_otherwise() -> None:
    async def body() -> None:
        world = World(closure(chain(3)))
        await failed_at(world, "n2")
        again = listed(world, {"n1": take("n1")})  # n0 runs and gives 7 now, where it gave 20
        assert await world.executed(again) is WorkflowPhase.SUCCEEDED
        assert started(world) == ["n0", "n1", "n2"]

    live(body())


def test_a_node_is_taken_over_when_what_ran_above_gives_the_same() -> None:
    async def body() -> None:
        world = World(closure(chain(3)))
        await failed_at(world, "n2")
        world.executor.script = lambda spec: {"o": 20}
        assert await world.executed(listed(world, {"n1": take("n1")})) is WorkflowPhase.SUCCEEDED
        assert started(world) == ["n0", "n2"]

    live(body())


def test_a_node_runs_whose_outputs_are_gone() -> None:
    async def body() -> None:
        world = World(closure(chain(2)))
        await failed_at(world, "n1")
        del world.blobs.objects[source("n0").output_uri]
        again = listed(world, {"n0": take("n0")})
        assert await world.executed(again) is WorkflowPhase.SUCCEEDED
        assert started(world) == ["n0", "n1"]
        notes = [entry.record.note for entry in world.entries(again.id) if hasattr(entry.record, "note")]
        assert any("gone from" in note for note in notes)

    live(body())


def test_a_node_runs_whose_data_are_gone() -> None:
    async def body() -> None:
        world = World(closure(chain(2)))
        await failed_at(world, "n1")
        outputs = pb.LiteralMap()
        outputs.literals["o"].scalar.blob.uri = "mem://data/file"
        world.blobs.objects[source("n0").output_uri] = serialise(outputs)
        assert await world.executed(listed(world, {"n0": take("n0")})) is WorkflowPhase.SUCCEEDED
        assert started(world) == ["n0", "n1"]

    live(body())


def test_a_node_that_is_to_be_taken_as_it_is_needs_no_equal_inputs() -> None:
    async def body() -> None:
        world = World(closure(chain(3)))
        await failed_at(world, "n2")
        again = listed(world, {"n0": ReusedNode(Way.LEAVE_OUT), "n1": take("n1", Way.TAKE)})
        assert await world.executed(again) is WorkflowPhase.SUCCEEDED
        assert started(world) == ["n2"]
        assert world.inputs(again.id, "n1") == {"x": [20]}, "the inputs it was given then"

    live(body())


def test_outputs_of_nodes_left_out_are_missing() -> None:
    async def body() -> None:
        world = World(closure(chain(2)))
        again = listed(world, {"n1": ReusedNode(Way.LEAVE_OUT)})
        assert await world.executed(again) is WorkflowPhase.SUCCEEDED
        assert started(world) == ["n0"]
        assert world.outputs(places.outputs_uri("mem://meta", again.id, NodePath(""), 0)) == {}

    live(body())


def test_a_failed_task_finds_the_checkpoint_of_its_earlier_attempt() -> None:
    async def body() -> None:
        world = World(closure(chain(1)))
        await failed_at(world, "n0")
        specs = []
        world.executor.script = lambda spec: specs.append(spec) or {"o": 1}  # type: ignore[func-returns-value]
        await world.executed(listed(world, {"n0": ReusedNode(Way.CONTINUE, source("n0", 0))}))
        raw = places.raw_prefix("mem://raw", OLD, NodePath("n0"), 0)
        assert specs[0].previous_checkpoint_prefix == places.checkpoints(raw)

    live(body())


def test_a_child_goes_on_where_the_earlier_one_stopped() -> None:
    async def body() -> None:
        world = World(closure([step("a", launch_plan="lp")]))
        engine = await world.engine()
        again = listed(world, {"a": ReusedNode(Way.CONTINUE, source("a", child="c0"))})
        await engine.submit(again)
        await world.settle()
        assert world.children.earlier == ExecutionId("p", "d", "c0")
        await engine.close()

    live(body())


def test_a_restart_takes_the_rest_over() -> None:
    async def body() -> None:
        world = World(closure(chain(2)))
        await failed_at(world, "n1")
        again = listed(world, {"n0": take("n0")})
        first = await world.engine()
        await first.submit(again)
        await first.close()
        second = await world.engine()
        await world.ended(again.id)
        await second.close()
        assert world.phase(again.id) is WorkflowPhase.SUCCEEDED
        assert started(world) == ["n1"]

    live(body())


def test_an_execution_whose_list_is_gone_or_changed_fails_and_says_so() -> None:
    async def body() -> None:
        for spoil in (lambda o: o.pop("mem://reuse"), lambda o: o.update({"mem://reuse": b"other"})):
            world = World(closure(chain(1)))
            again = listed(world, {"n0": ReusedNode(Way.LEAVE_OUT)})
            spoil(world.blobs.objects)
            assert await world.executed(again) is WorkflowPhase.FAILED
            assert started(world) == []
            assert "list of what to take over" in str(world.entries(again.id)[-1].record)

    live(body())


def test_inputs_are_compared_by_value() -> None:
    one, other, less = (
        pb.LiteralMap.FromString(literals(it)) for it in ({"x": [1], "y": 3}, {"x": [1], "y": 4}, {"x": [1]})
    )
    assert difference(one, one) == []
    assert difference(one, other) == ["`y`"]
    assert difference(one, less) == ["`y`"]
    moved, stays = pb.LiteralMap(), pb.LiteralMap()
    for where, out in (("mem://a", stays), ("mem://b", moved)):
        out.literals["x"].scalar.blob.uri = where
        out.literals["x"].hash = "sha256:1"
    assert difference(stays, moved) == [], "a file of equal content is the same wherever it lies"


@pytest.mark.parametrize("value", [7, 1], ids=["of a case that gives one", "of a case that gives none"])
def test_a_branch_is_taken_over_with_the_outputs_of_its_case(value: int) -> None:
    async def body() -> None:
        choice = branch("b", constant(value), (when(MORE, 5), task("some", constant(1))), otherwise=sleep("rest", 1))
        after = task("after", *([of("b")] if value > 5 else [constant(1)]), after=("b",))
        world = World(joined(workflow(choice, after)))
        await failed_at(world, "after")
        told = world.last(request("e0").id, "b")
        node = ReusedNode(Way.TAKE, replace(source("b"), output_uri=told.output_uri))
        again = listed(world, {"b": node})
        assert await world.executed(again) is WorkflowPhase.SUCCEEDED
        assert started(world) == ["after"]
        assert "b RECOVERED" in world.story(again.id)
        own = places.outputs_uri("mem://meta", again.id, NodePath("b"), 0)
        assert world.outputs(own) == ({"o": 60} if value > 5 else {}), "who takes over once more finds it there"
        assert world.last(again.id, "b").output_uri == own

    live(body())


def test_a_gate_is_taken_over_with_the_value_that_was_given() -> None:
    async def body() -> None:
        world = World(joined(workflow(signal("g"), task("after", of("g")))))
        given = pb.Literal()
        given.scalar.primitive.integer = 5
        world.signals.given[OLD, "given-g"] = given
        await failed_at(world, "after")
        again = listed(world, {"g": take("g")})
        assert await world.executed(again) is WorkflowPhase.SUCCEEDED
        assert world.inputs(again.id, "after") == {"x": [5]}, "nobody is asked again"

    live(body())
