"""Branches, end to end in the engine: which node runs, what the branch gives, what is skipped."""

import pytest

from flytelike.model.failure import Failure, Fault
from flytelike.model.graph import Node
from flytelike.model.ids import NodePath
from flytelike.model.phases import WorkflowPhase
from flytelike.model.policies import FailurePolicy
from tests.unit.propeller_engine.builders import request
from tests.unit.propeller_engine.kinds import MORE, branch, closure, constant, of, sub, task, when, workflow
from tests.unit.propeller_engine.world import World, live

BUG = Failure("USER:ValueError", "bad", Fault.USER, retryable=False)
GOES_ON = FailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE


def ran(world: World) -> list[str]:
    return [key.path for key in world.executor.starts]


def skipped(world: World) -> list[str]:
    return sorted(it.removesuffix(" SKIPPED") for it in world.story(request().id) if it.endswith("SKIPPED"))


def choice(value: int) -> Node:
    return branch(
        "b",
        constant(value),
        (when(MORE, 10), task("many", constant(1), constant(2))),
        (when(MORE, 5), task("some", constant(1))),
        otherwise=task("few", constant(0)),
    )


@pytest.mark.parametrize(("value", "taken"), [(11, "b-many"), (7, "b-some"), (1, "b-few")])
def test_the_first_case_that_holds_runs_and_no_other(value: int, taken: str) -> None:
    async def body() -> None:
        world = World(closure(workflow(choice(value), task("after", of("b")), output=of("after"))))
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        assert ran(world) == [taken, "after"]
        assert skipped(world) == sorted({"b-many", "b-some", "b-few"} - {taken})

    live(body())


def test_the_outputs_of_a_branch_are_those_of_its_case() -> None:
    async def body() -> None:
        world = World(closure(workflow(choice(7), task("after", of("b")), output=of("b"))))
        world.executor.script = lambda spec: {"o": 41}
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        assert world.inputs(request().id, "after") == {"x": [41]}
        told = {entry.record.path: entry for entry in world.entries(request().id) if hasattr(entry.record, "path")}
        assert told[NodePath("b")].output_uri == told[NodePath("b-some")].output_uri != ""
        assert world.inputs(request().id, "b") == {"v": 7}
        assert told[NodePath("b-some")].record.parent == "b"
        assert told[NodePath("b")].record.is_parent

    live(body())


def test_branches_in_branches_and_in_sub_workflows() -> None:
    inner = workflow(
        branch(
            "b",
            constant(3),
            (when(MORE, 1), branch("c", constant(4), (when(MORE, 9), task("no")), otherwise=task("yes", constant(1)))),
            otherwise="never",
        ),
        name="inner",
        output=of("b"),
    )
    outer = branch("d", constant(2), (when(MORE, 1), sub("s", "inner", constant(1))), otherwise=task("t"))

    async def body() -> None:
        world = World(closure(workflow(outer, output=of("d")), inner))
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        assert ran(world) == ["d-s.0.b-c-yes"]
        assert skipped(world) == ["d-s.0.b-c-no", "d-t"]

    live(body())


def test_a_branch_that_is_to_fail_fails_with_the_authors_words() -> None:
    async def body() -> None:
        world = World(closure(workflow(branch("b", constant(1), (when(MORE, 5), task("big")), otherwise="too small"))))
        assert await world.executed(request()) is WorkflowPhase.FAILED
        failure = world.entries(request().id)[-1].record.failure
        assert (failure.code, failure.message, failure.retryable) == ("UserProvidedError", "too small", False)
        assert ran(world) == []

    live(body())


def test_a_failing_case_fails_its_branch_and_what_is_below_is_skipped_while_others_go_on() -> None:
    taken = task("some", constant(1), after=["slow"])
    nodes = [
        task("slow"),
        branch("b", constant(7), (when(MORE, 5), taken), otherwise=task("few")),
        task("below", of("b")),
        branch("c", of("below"), (when(MORE, 5), task("x")), otherwise=task("y")),
        task("beside", of("slow")),
    ]

    async def body() -> None:
        world = World(closure(workflow(*nodes, policy=GOES_ON)))
        world.executor.script = lambda spec: BUG if spec.key.path == "b-some" else {"o": 1}
        assert await world.executed(request()) is WorkflowPhase.FAILED
        assert sorted(ran(world)) == ["b-some", "beside", "slow"]
        assert skipped(world) == ["b-few", "below", "c", "c-x", "c-y"]
        assert "b FAILED" in world.story(request().id)

    live(body())


def test_a_chosen_case_waits_for_the_nodes_above_itself_and_is_skipped_with_them() -> None:
    nodes = [task("slow"), branch("b", constant(7), (when(MORE, 5), task("some", of("slow"))), otherwise="no")]

    async def body() -> None:
        world = World(closure(workflow(*nodes, task("below", of("b")), policy=GOES_ON)))
        world.executor.script = lambda spec: BUG
        assert await world.executed(request()) is WorkflowPhase.FAILED
        assert ran(world) == ["slow"]
        assert skipped(world) == ["b", "b-some", "below"]

    live(body())
