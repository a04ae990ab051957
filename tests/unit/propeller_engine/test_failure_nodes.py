"""Failure nodes, end to end in the engine: when they run, what they are told, how the execution ends then."""

from collections.abc import Mapping

import pytest

from flytelike.model.failure import Failure, Fault
from flytelike.model.phases import WorkflowPhase
from propeller.ports import AttemptSpec
from tests.unit.propeller_engine.builders import request
from tests.unit.propeller_engine.fakes import S
from tests.unit.propeller_engine.kinds import (
    GIVEN,
    MORE,
    branch,
    closure,
    constant,
    handler,
    of,
    sub,
    task,
    when,
    workflow,
)
from tests.unit.propeller_engine.world import World, live

BUG = Failure("USER:ValueError", "bad", Fault.USER, retryable=False)
WORSE = Failure("USER:OSError", "worse", Fault.USER, retryable=False)
ME = request().id


def script(**failures: Failure | None):
    """Let nodes fail, or run on (None); all others succeed."""

    def run(spec: AttemptSpec) -> Mapping[str, object] | Failure | None:
        name = spec.key.path.rpartition(".")[2]
        return failures[name] if name in failures else dict.fromkeys(spec.task.interface.outputs, 1)

    return run


def ran(world: World) -> list[str]:
    return [key.path for key in world.executor.starts]


@pytest.mark.parametrize("fails_too", [False, True])
def test_the_failure_node_runs_with_the_inputs_and_the_error_after_all_else_was_stopped(fails_too: bool) -> None:
    async def body() -> None:
        main = workflow(task("a"), task("long"), output=of("a"), failure_node=handler())
        world = World(closure(main))
        world.executor.script = script(a=BUG, long=None, **({"fn0": WORSE} if fails_too else {}))
        assert await world.executed(request()) is WorkflowPhase.FAILED
        story = world.story(ME)
        assert story.index("long ABORTED") < story.index("fn0 RUNNING")
        assert world.entries(ME)[-1].record.failure == (WORSE if fails_too else BUG)
        assert world.phase(ME) is WorkflowPhase.FAILED

    live(body())


def test_it_does_not_run_when_all_goes_well_or_somebody_aborts() -> None:
    async def body() -> None:
        world = World(closure(workflow(task("a"), output=of("a"), failure_node=handler())))
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        assert ran(world) == ["a"]
        world = World(closure(workflow(task("a"), output=of("a"), failure_node=handler())))
        world.executor.script = script(a=None)
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        await engine.abort(ME, "enough")
        await world.ended(ME)
        assert ran(world) == ["a"]
        await engine.close()

    live(body())


def test_it_runs_after_a_timeout_and_the_execution_ends_as_timed_out() -> None:
    async def body() -> None:
        world = World(closure(workflow(task("a"), output=of("a"), failure_node=handler())))
        world.executor.script = script(a=None)
        assert await world.executed(request(timeout_ns=5 * S)) is WorkflowPhase.TIMED_OUT
        assert ran(world) == ["a", "fn0"]

    live(body())


def test_that_of_a_sub_workflow_runs_in_its_scope_and_the_one_outside_after_it() -> None:
    async def body() -> None:
        inner = workflow(task("a"), name="inner", output=of("a"), failure_node=handler(value=GIVEN))
        outer = workflow(sub("s", "inner", constant(4)), output=of("s"), failure_node=handler("fn9"))
        world = World(closure(outer, inner))
        world.executor.script = script(a=BUG)
        assert await world.executed(request()) is WorkflowPhase.FAILED
        assert ran(world) == ["s.0.a", "s.0.fn0", "fn9"]
        assert world.inputs(ME, "s.0.fn0") == {"x": 4, "err": ("union", "error")}
        assert [it for it in world.story(ME) if it.startswith("s ")] == ["s RUNNING", "s FAILING", "s FAILED"]

    live(body())


def test_a_failure_node_may_be_a_workflow() -> None:
    async def body() -> None:
        inner = workflow(task("tidy"), name="inner", output=of("tidy"))
        world = World(
            closure(workflow(task("a"), output=of("a"), failure_node=sub("fn0", "inner", constant(1))), inner)
        )
        world.executor.script = script(a=BUG)
        assert await world.executed(request()) is WorkflowPhase.FAILED
        assert ran(world) == ["a", "fn0.0.tidy"]
        assert world.entries(ME)[-1].record.failure == BUG

    live(body())


def test_a_failure_node_may_be_a_branch() -> None:
    async def body() -> None:
        cleanup = branch("fn0", constant(7), (when(MORE, 5), task("big")), otherwise=task("small"))
        world = World(closure(workflow(task("a"), output=of("a"), failure_node=cleanup)))
        world.executor.script = script(a=BUG)
        assert await world.executed(request()) is WorkflowPhase.FAILED
        assert ran(world) == ["a", "fn0-big"]
        assert "fn0-small SKIPPED" in world.story(ME)

    live(body())


def test_it_starts_only_when_the_stopping_is_done() -> None:
    """The abort takes its time: the failure node must not run beside what it stops."""

    async def body() -> None:
        world = World(closure(workflow(task("a"), task("long"), output=of("a"), failure_node=handler())))
        world.executor.script = script(long=None, fn0=None, a=BUG)
        order: list[str] = []
        abort, start = world.executor.abort, world.executor.start

        async def slow(key: object, reason: str) -> None:
            await world.settle(5)
            order.append("stopped")
            await abort(key, reason)  # type: ignore[arg-type]

        async def starting(spec: AttemptSpec) -> None:
            order.append(f"start {spec.key.path}")
            await start(spec)

        world.executor.abort, world.executor.start = slow, starting  # type: ignore[method-assign]
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        assert order == ["start a", "start long", "stopped", "start fn0"]
        await engine.close()

    live(body())
