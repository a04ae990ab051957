"""What the engine makes of arrays: lengths, elements, rows of results, lists of outputs."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from flytelike.model.graph import MinSuccesses, MinSuccessRatio
from flytelike.model.phases import WorkflowPhase
from flytelike_idl.core import literals_pb2 as pb
from flytelike_idl.core import types_pb2
from propeller.core.elements import Span
from propeller.ports import AttemptKey, AttemptSpec
from propeller.ports_elements import ElementResult
from tests.unit.propeller_engine.builders import closure, fan, repeated, request, step
from tests.unit.propeller_engine.fakes import S, literals, user_failure
from tests.unit.propeller_engine.world import World, key, kill, live, settings

FAN = fan(4)
OVER = ("n0", "n1", "n2", "n3")


def index_of(spec: AttemptSpec) -> int:
    return int(spec.key.path.rpartition(".")[2])


def script(spec: AttemptSpec) -> dict[str, object]:
    """Nodes give 10, elements their index."""
    return {"o": index_of(spec) if "." in spec.key.path else 10}


def test_elements_outputs_become_a_list_in_order() -> None:
    async def body() -> None:
        world = World(closure([*FAN, step("a", *OVER, each=repeated(parallelism=3)), step("z", "a")]), script=script)
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        assert world.inputs(request().id, "a") == {"x": [10, 10, 10, 10]}
        assert world.outputs("mem://meta/p-d-e1/a/data/0/outputs.pb") == {"o": [0, 1, 2, 3]}
        assert world.inputs(request().id, "z") == {"x": [[0, 1, 2, 3]]}

    live(body())


def test_the_history_tells_of_elements_together() -> None:
    async def body() -> None:
        world = World(closure([step("a", each=repeated())]), script=script)
        await world.executed(request())
        story = world.story(request().id)
        assert story[1:8] == [
            "a RUNNING",
            "a/0 QUEUED",
            "a/0 RUNNING",
            "a 0 of 1, 0 failed",
            "a 1 of 1, 0 failed",
            "a/0 SUCCEEDED",
            "a SUCCEEDED",
        ]

    live(body())


@pytest.mark.parametrize(
    ("success", "nothing"), [(MinSuccesses(1), None), (MinSuccessRatio(0.5), ("union", None))], ids=["count", "ratio"]
)
def test_elements_that_failed_give_none(success: MinSuccesses | MinSuccessRatio, nothing: object) -> None:
    async def body() -> None:
        world = World(closure([*FAN, step("a", *OVER, each=repeated(success=success))]))
        world.executor.script = lambda spec: user_failure() if spec.key.path == "a.0.1" else script(spec)
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        given = world.outputs("mem://meta/p-d-e1/a/data/0/outputs.pb")["o"]
        wrapped = isinstance(success, MinSuccessRatio)
        assert given == [("union", n) if wrapped else n for n in (0,)] + [nothing] + [
            ("union", n) if wrapped else n for n in (2, 3)
        ]

    live(body())


def test_small_outputs_lie_in_the_store_alone_and_large_ones_in_the_object_store() -> None:
    async def body() -> None:
        world = World(
            closure([*FAN, step("a", *OVER, each=repeated())]), settings=settings(inline_outputs_bytes_max=20)
        )
        world.executor.script = lambda spec: {"o": [1] * 20 if "." in spec.key.path else 1}
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        assert "mem://meta/p-d-e1/a/data/0/3/0/outputs.pb" in world.blobs.objects
        assert world.outputs("mem://meta/p-d-e1/a/data/0/outputs.pb") == {"o": [[1] * 20] * 4}

    live(body())


def test_lists_that_grow_too_large_fail_the_array_with_words() -> None:
    async def body() -> None:
        world = World(closure([*FAN, step("a", *OVER, each=repeated())]), settings=settings(offloaded_bytes_max=25))
        world.executor.script = script
        assert await world.executed(request()) is WorkflowPhase.FAILED
        failure = world.entries(request().id)[-1].record.failure
        assert failure
        assert failure.code == "OutputsTooLarge"
        assert "let elements give large values as files" in failure.message

    live(body())


def test_large_lists_lie_by_themselves_and_who_goes_through_them_has_their_items() -> None:
    async def body() -> None:
        outer = [*FAN, step("a", *OVER, each=repeated()), step("b", "a")]
        world = World(closure(outer), settings=settings(offload_bytes_min=10))
        world.executor.script = lambda spec: {"o": index_of(spec) if spec.key.path.startswith("a.") else 1}
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        outputs = pb.LiteralMap.FromString(world.blobs.objects["mem://meta/p-d-e1/a/data/0/outputs.pb"])
        told = outputs.literals["o"].offloaded_metadata
        assert told.uri.endswith("/e1-a-0/o_offloaded_metadata.pb")
        assert told.inferred_type.collection_type.simple == types_pb2.INTEGER
        assert told.uri in world.blobs.synced
        kept = world.blobs.objects[told.uri]
        assert told.size_bytes == len(kept)
        items = pb.Literal.FromString(kept).collection.literals
        assert [item.scalar.primitive.integer for item in items] == [0, 1, 2, 3]
        passed = pb.LiteralMap.FromString(world.blobs.objects["mem://meta/p-d-e1/b/data/inputs.pb"])
        assert told.uri in str(passed), "who takes it whole is told where it lies"

    live(body())


def test_results_that_come_inline_doubled_or_stale_count_once() -> None:
    async def body() -> None:
        world = World(closure([*FAN, step("a", *OVER, each=repeated())]))
        world.executor.script = lambda spec: None if "." in spec.key.path else {"o": 1}
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        array = key(request(), "a")
        results = [ElementResult(n, 0, None, literals({"o": n})) for n in range(3)]
        engine.elements_ended(array, 1, results)
        engine.elements_ended(array, 1, [*results, ElementResult(3, 7, None, literals({"o": 77}))])
        await world.settle()
        engine.elements_ended(array, 1, [ElementResult(0, 0, None, literals({"o": 99}))])
        engine.elements_ended(array, 1, [ElementResult(3, 0, None, literals({"o": 3}))])
        await world.ended(request().id)
        await engine.close()
        assert world.outputs("mem://meta/p-d-e1/a/data/0/outputs.pb") == {"o": [0, 1, 2, 3]}

    live(body())


def test_an_element_without_the_outputs_it_declares_has_failed() -> None:
    async def body() -> None:
        world = World(closure([step("a", each=repeated())]), script=lambda _: {"other": 1})
        assert await world.executed(request()) is WorkflowPhase.FAILED
        failure = world.entries(request().id)[-1].record.failure
        assert failure
        assert "it gave no `o`" in failure.message

    live(body())


def test_sub_workflows_and_executions_are_given_their_own_item() -> None:
    async def body() -> None:
        inner = {"w": [step("y")]}
        world = World(
            closure([*FAN, step("a", *OVER, workflow="w", each=repeated())], inner), script=lambda _: {"o": 5}
        )
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        assert world.outputs("mem://meta/p-d-e1/a/data/0/outputs.pb") == {"o": [5, 5, 5, 5]}

    live(body())


def test_an_array_in_an_array_gives_what_its_own_elements_gave() -> None:
    async def body() -> None:
        inner = {"v": [step("y")], "w": [*fan(2), step("m", "n0", "n1", workflow="v", each=repeated())]}
        outer = [*fan(2), step("a", "n0", "n1", workflow="w", each=repeated())]
        world = World(closure(outer, inner), script=lambda _: {"o": 5})
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        assert world.outputs("mem://meta/p-d-e1/a.0.1.0.m/data/0/outputs.pb") == {"o": [5, 5]}
        assert world.outputs("mem://meta/p-d-e1/a/data/0/outputs.pb") == {"o": [[5, 5], [5, 5]]}

    live(body())


def test_inputs_that_a_power_cut_took_while_elements_run_are_stored_again() -> None:
    async def body() -> None:
        outer = [*FAN, step("a", *OVER, workflow="w", each=repeated())]
        world = World(closure(outer, {"w": [step("y")]}))
        world.executor.script = lambda spec: None if "." in spec.key.path else {"o": 1}
        others = set(asyncio.all_tasks())
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        await kill(others)
        world.machine_restarts()
        del world.blobs.objects["mem://meta/p-d-e1/a/data/inputs.pb"]
        engine = await world.engine()
        await world.settle()
        assert world.inputs(request().id, "a") == {"i": [1, 1, 1, 1]}
        await engine.close()

    live(body())


def a_world_of_impatient_elements() -> World:
    """Return a world in which the elements of `a` wait 30 seconds at most, and end when they are told to."""
    patient = closure([*FAN, step("a", *OVER, each=repeated())])
    limited = {
        id_: replace(task, metadata=replace(task.metadata, queued_timeout_ns=30 * S)) if id_.name == "t-a" else task
        for id_, task in patient.tasks.items()
    }
    world = World(replace(patient, tasks=limited))
    world.executor.script = lambda spec: None if "." in spec.key.path else {"o": 1}
    return world


@pytest.mark.parametrize("restarted", [False, True], ids=["at_once", "after_a_restart"])
def test_elements_that_wait_too_long_are_taken_back_and_fail(restarted: bool) -> None:
    async def body() -> None:
        world = a_world_of_impatient_elements()
        others = set(asyncio.all_tasks())
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        if restarted:
            world.clock.advance(20 * S)
            await kill(others)
            world.machine_restarts()
            engine = await world.engine()
            await world.settle()
        world.executor.waiting = {key(request(), f"a.0.{index}") for index in (1, 3)}
        world.clock.advance(29 * S)
        await world.settle()
        assert len(world.executor.running) == 4
        world.clock.advance(S)
        await world.settle()
        failure = world.entries(request().id)[-1].record.failure
        assert failure
        assert failure.code == "RetriesExhausted|TimeoutExpired"
        assert failure.message.startswith("2 of 4 elements failed")
        assert failure.message.endswith("The attempt waited longer than its queued timeout of 30 s")
        await engine.close()

    live(body())


def test_elements_that_were_taken_back_without_an_answer_wait_anew() -> None:
    """Nobody knows then what was taken back: else those would be open, and nobody would run them."""

    async def body() -> None:
        world = a_world_of_impatient_elements()
        answers, withdraw = iter([False]), world.executor.withdraw_elements

        async def unheard(array: AttemptKey, elements: Sequence[Span]) -> Sequence[Span]:
            taken = await withdraw(array, elements)
            if next(answers, True):
                return taken
            raise OSError("the answer was lost")

        world.executor.withdraw_elements = unheard  # type: ignore[method-assign]
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        world.executor.waiting = {key(request(), "a.0.1")}
        world.clock.advance(30 * S)
        await world.settle()
        assert len(world.executor.running) == 3, "it was taken back, and the engine has not heard of it"
        world.executor.waiting = set()
        world.clock.advance(10 * S)
        await world.settle()
        assert len(world.executor.running) == 4
        for running in list(world.executor.running):
            world.executor.end(running, {"o": 1})
        await world.ended(request().id)
        assert world.phase(request().id) is WorkflowPhase.SUCCEEDED
        await engine.close()

    live(body())
