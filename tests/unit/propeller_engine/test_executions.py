"""What the engine makes of executions, in a world where nothing breaks."""

import asyncio
from typing import cast

import pytest

from flytelike.model.failure import Failure, Fault
from flytelike.model.ids import ExecutionId, NodeExecutionId, NodePath
from flytelike.model.phases import WorkflowPhase
from flytelike.model.policies import FailurePolicy
from propeller.ports import AttemptSpec, ChildStatus, StoreError
from tests.unit.propeller_engine.builders import chain, closure, fan, request, step
from tests.unit.propeller_engine.fakes import S, literals, user_failure
from tests.unit.propeller_engine.world import World, key, live, settings


def test_tasks_run_in_order_and_their_outputs_flow() -> None:
    async def body() -> None:
        world = World(closure([step("a"), step("b"), step("c", "a", "b")]))
        world.executor.script = lambda spec: {"o": {"a": 10, "b": 20, "c": 30}[spec.key.path]}
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        assert [k.path for k in world.executor.starts] == ["a", "b", "c"]
        assert world.inputs(request().id, "a") == {"x": [1]}
        assert world.inputs(request().id, "c") == {"x": [10, 20]}
        assert world.outputs("mem://meta/p-d-e1/end-node/data/0/outputs.pb") == {"o": 30}

    live(body())


def test_the_history_is_told_in_order() -> None:
    async def body() -> None:
        world = World(closure(chain(1)))
        await world.executed(request())
        assert world.story(request().id) == [
            "RUNNING",
            "n0 RUNNING",
            "n0/0 QUEUED",
            "n0/0 RUNNING",
            "n0/0 SUCCEEDED",
            "n0 SUCCEEDED",
            "SUCCEEDING",
            "SUCCEEDED",
        ]

    live(body())


def test_history_names_where_values_and_logs_lie() -> None:
    async def body() -> None:
        world = World(closure(chain(1)))
        await world.executed(request())
        entries = dict(zip(world.story(request().id), world.entries(request().id), strict=True))
        folder = "mem://meta/p-d-e1/n0/data"
        assert entries["n0 SUCCEEDED"].inputs_uri == f"{folder}/inputs.pb"
        assert entries["n0 SUCCEEDED"].output_uri == f"{folder}/0/outputs.pb"
        assert entries["n0/0 SUCCEEDED"].log_uri == "p/d/e1/n0/0"
        assert entries["n0 RUNNING"].output_uri == ""
        assert entries["SUCCEEDED"].output_uri == "mem://meta/p-d-e1/end-node/data/0/outputs.pb"

    live(body())


def test_an_attempt_that_left_no_checkpoint_hides_none_before_it() -> None:
    """The first fails and leaves one, the second is lost before it writes any: the third goes on from the first's."""

    async def body() -> None:
        world = World(closure([step("n0", retries=2)]))

        def script(spec: AttemptSpec) -> dict[str, int] | Failure:
            if spec.key.attempt == 0:
                world.blobs.objects[spec.checkpoint_prefix] = b"half of it"
            return {"o": 1} if spec.key.attempt == 2 else user_failure(retryable=True)

        world.executor.script = script
        await world.executed(request())
        first, second, third = (world.executor.specs[key(request(), "n0", n)] for n in range(3))
        assert second.previous_checkpoint_prefix == third.previous_checkpoint_prefix == first.checkpoint_prefix

    live(body())


def test_an_attempt_is_specified_as_in_flytes_contract() -> None:
    async def body() -> None:
        world = World(closure([step("n0", retries=1, timeout_ns=7 * S)]))
        world.executor.script = lambda spec: {"o": 1} if spec.key.attempt else user_failure(retryable=True)
        await world.executed(request(envs={"A": "b"}))
        first, second = (world.executor.specs[key(request(), "n0", n)] for n in (0, 1))
        assert first.inputs_uri == "mem://meta/p-d-e1/n0/data/inputs.pb"
        assert first.output_prefix == "mem://meta/p-d-e1/n0/data/0"
        prefix, shard, name = first.raw_output_prefix.rsplit("/", 2)
        assert (prefix, len(shard), name) == ("mem://raw", 2, "e1-n0-0")
        assert first.checkpoint_prefix == f"{first.raw_output_prefix}/_flytecheckpoints"
        assert first.previous_checkpoint_prefix == ""
        assert second.previous_checkpoint_prefix == first.checkpoint_prefix
        assert first.deadline_ns == 7 * S
        assert first.env == {"A": "b"}

    live(body())


def test_one_commit_a_task_in_a_chain() -> None:
    """That an attempt began waits for the next event, so that a short task costs one commit."""

    async def body() -> None:
        world = World(closure(chain(20)))
        await world.executed(request())
        snapshot = await world.store.load(request().id)
        assert snapshot is not None
        assert snapshot.version == 24  # accepted, started, 20 tasks, outputs, sealed

    live(body())


def test_that_an_attempt_began_is_told_soon_all_the_same() -> None:
    async def body() -> None:
        world = World(closure(chain(1)), script=lambda spec: None)
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        assert world.story(request().id)[-1] == "n0/0 QUEUED"
        world.clock.advance(world.settings.linger_ns + world.settings.history_pause_ns)
        await world.settle()
        world.clock.advance(world.settings.history_pause_ns)
        await world.settle()
        assert world.story(request().id)[-1] == "n0/0 RUNNING"
        await engine.close()

    live(body())


def test_a_sub_workflow_runs_inside() -> None:
    async def body() -> None:
        world = World(closure([step("s", workflow="inner"), step("z", "s")], {"inner": chain(2)}))
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        assert [k.path for k in world.executor.starts] == ["s.0.n0", "s.0.n1", "z"]
        assert world.inputs(request().id, "s") == {"i": 1}
        assert world.inputs(request().id, "z") == {"x": [1]}

    live(body())


def test_a_failed_task_fails_the_execution_with_its_failure() -> None:
    async def body() -> None:
        world = World(closure(chain(2)), script=lambda spec: user_failure("no such file"))
        assert await world.executed(request()) is WorkflowPhase.FAILED
        record = world.entries(request().id)[-1].record
        assert record.failure is not None
        assert (record.failure.code, record.failure.message) == ("USER:ValueError", "no such file")
        assert len(world.executor.starts) == 1

    live(body())


def test_failures_abort_what_still_runs() -> None:
    async def body() -> None:
        world = World(closure(fan(3)))
        world.executor.script = lambda spec: user_failure() if spec.key.path == "n1" else None
        assert await world.executed(request()) is WorkflowPhase.FAILED
        assert set(world.executor.aborted) == {key(request(), "n0"), key(request(), "n2")}
        snapshot = await world.store.load(request().id)
        assert snapshot is not None
        assert (snapshot.closed, snapshot.commands) == (True, {})

    live(body())


def test_other_nodes_go_on_where_the_policy_says_so() -> None:
    async def body() -> None:
        policy = FailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE
        world = World(closure([step("a"), step("b"), step("c", "b")], policy=policy))
        world.executor.script = lambda spec: user_failure() if spec.key.path == "a" else {"o": 1}
        assert await world.executed(request()) is WorkflowPhase.FAILED
        assert [k.path for k in world.executor.starts] == ["a", "b", "c"]

    live(body())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "there is nothing at"),
        ({}, "it gave no `o`"),
        (b"\xff\xff", "cannot be read"),
    ],
)
def test_an_attempt_without_its_outputs_is_no_success(given: object, message: str) -> None:
    async def body() -> None:
        world = World(closure([step("n0")]), script=lambda spec: None)
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        if given is not None:
            data = given if isinstance(given, bytes) else literals(cast("dict[str, object]", given))
            world.blobs.objects["mem://meta/p-d-e1/n0/data/0/outputs.pb"] = data
        engine.succeeded(key(request(), "n0"), world.clock.now)
        await world.ended(request().id)
        failure = world.entries(request().id)[-1].record.failure
        assert failure is not None
        assert failure.code == "RetriesExhausted|OutputsNotFound"
        assert message in failure.message
        await engine.close()

    live(body())


def test_small_outputs_are_kept_in_the_store_large_ones_are_synced() -> None:
    async def body() -> None:
        world = World(closure([step("a"), step("b")]), settings=settings(inline_outputs_bytes_max=100))
        world.executor.script = lambda spec: {"o": 1 if spec.key.path == "a" else "x" * 1000}
        engine = await world.engine()
        await engine.submit(request())
        await world.ended(request().id)
        assert await world.store.output(request().id, "a") is not None
        assert await world.store.output(request().id, "b") is None
        folder = "mem://meta/p-d-e1"
        assert world.blobs.synced == {f"{folder}/b/data/0/outputs.pb", f"{folder}/end-node/data/0/outputs.pb"}
        await engine.close()

    live(body())


def test_values_are_read_back_when_memory_is_short() -> None:
    async def body() -> None:
        world = World(closure(chain(10)), settings=settings(cache_bytes_max=1))
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED

    live(body())


def test_a_timer_wakes_a_node_after_its_pause() -> None:
    async def body() -> None:
        world = World(closure(chain(1)))
        lost = Failure("Interrupted", "gone", Fault.SYSTEM, retryable=True)
        world.executor.script = lambda spec: {"o": 1} if spec.key.attempt == 2 else lost
        started = world.clock.now
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        assert world.clock.now - started >= 3 * S  # pauses of 1 s and 2 s

    live(body())


def test_an_execution_ends_when_its_time_is_over() -> None:
    async def body() -> None:
        world = World(closure(chain(1)), script=lambda spec: None)
        assert await world.executed(request(timeout_ns=60 * S)) is WorkflowPhase.TIMED_OUT
        assert key(request(), "n0") in world.executor.aborted
        assert world.clock.pending() == []

    live(body())


# --- the door -----------------------------------------------------------------------------------


def test_to_submit_twice_is_to_submit_once() -> None:
    async def body() -> None:
        world = World(closure(chain(3)))
        engine = await world.engine()
        await asyncio.gather(engine.submit(request()), engine.submit(request()))
        await world.ended(request().id)
        await engine.submit(request())
        await world.settle()
        assert len(world.executor.starts) == 3
        await engine.close()

    live(body())


def test_an_abort_ends_the_execution_and_stops_its_attempts() -> None:
    async def body() -> None:
        world = World(closure(fan(2)), script=lambda spec: None)
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        await engine.abort(request().id, "not needed", "somebody")
        snapshot = await world.store.load(request().id)
        assert snapshot is not None
        assert snapshot.closed  # before the call returns
        await world.ended(request().id)
        assert world.phase(request().id) is WorkflowPhase.ABORTED
        assert set(world.executor.aborted.values()) == {"not needed"}
        await engine.abort(request().id, "again")
        await engine.abort(ExecutionId("p", "d", "unknown"), "who")
        await engine.close()

    live(body())


def test_an_attempt_that_is_aborted_while_it_is_started_is_not_left_running() -> None:
    async def body() -> None:
        world = World(closure(chain(1)), script=lambda spec: None)
        gate = asyncio.Event()
        start = world.executor.start

        async def slow(spec: AttemptSpec) -> None:
            await gate.wait()
            await start(spec)

        world.executor.start = slow  # type: ignore[method-assign]
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        await engine.abort(request().id, "not needed")
        gate.set()
        await world.ended(request().id)
        assert not world.executor.running
        await engine.close()

    live(body())


def test_only_so_many_executions_are_in_memory_the_others_wait() -> None:
    async def body() -> None:
        world = World(closure(chain(1)), settings=settings(executions_max=2), script=lambda spec: None)
        engine = await world.engine()
        requests = [request(f"e{n}") for n in range(5)]
        for one in requests:
            await engine.submit(one)
        await world.settle()
        assert len(world.executor.running) == 2
        world.executor.script = lambda spec: {"o": 1}
        for running in list(world.executor.running):
            world.executor.end(running, {"o": 1})
        await world.ended(*(one.id for one in requests))
        await engine.close()

    live(body())


def test_an_execution_that_waits_for_room_can_be_aborted() -> None:
    async def body() -> None:
        world = World(closure(chain(1)), settings=settings(executions_max=1), script=lambda spec: None)
        engine = await world.engine()
        await engine.submit(request("e0"))
        await engine.submit(request("e1"))
        await world.settle()
        await engine.abort(request("e1").id, "changed my mind")
        await world.ended(request("e1").id)
        assert world.phase(request("e1").id) is WorkflowPhase.ABORTED
        await engine.close()

    live(body())


def test_children_find_room_where_their_parents_wait_for_them() -> None:
    async def body() -> None:
        world = World(closure(chain(1)), settings=settings(executions_max=1), script=lambda spec: None)
        engine = await world.engine()
        await engine.submit(request("e0"))
        await engine.submit(request("child", depth=1))
        await world.settle()
        assert len(world.executor.running) == 2
        await engine.close()

    live(body())


def test_a_closed_engine_takes_nothing() -> None:
    async def body() -> None:
        world = World(closure(chain(1)))
        engine = await world.engine()
        await engine.close()
        assert world.executor.closed
        with pytest.raises(StoreError, match="closing"):
            await engine.submit(request())
        with pytest.raises(StoreError, match="closing"):
            await engine.abort(request().id, "")

    live(body())


@pytest.mark.parametrize("missing", ["closure", "task"])
def test_an_execution_whose_workflow_cannot_be_executed_fails_and_says_so(missing: str) -> None:
    async def body() -> None:
        world = World(closure(chain(1)))
        if missing == "closure":
            world.closures.closures.clear()
        else:
            world.closures.closures["mem://closure"].tasks.clear()  # type: ignore[attr-defined]
        assert await world.executed(request()) is WorkflowPhase.FAILED
        record = world.entries(request().id)[-1].record
        assert record.failure is not None
        assert record.failure.code == "WorkflowNotExecutable"

    live(body())


# --- children -----------------------------------------------------------------------------------


def parent_of_child() -> World:
    return World(closure([step("n0", launch_plan="lp"), step("z", "n0")]))


CHILD = ExecutionId("p", "d", "e1-n0-0")
NODE = NodeExecutionId(request().id, NodePath("n0"))


def test_a_launch_plan_node_is_an_execution_of_its_own() -> None:
    async def body() -> None:
        world = parent_of_child()
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        world.blobs.objects["mem://out"] = literals({"o": 5})
        world.children.children[CHILD].status = ChildStatus(WorkflowPhase.SUCCEEDED, "mem://out")
        engine.child_ended(NODE, 0, CHILD)
        await world.ended(request().id)
        assert world.phase(request().id) is WorkflowPhase.SUCCEEDED
        assert world.inputs(request().id, "z") == {"x": [5]}
        told = dict(zip(world.story(request().id), world.entries(request().id), strict=True))
        assert told["n0 SUCCEEDED"].child == CHILD
        await engine.close()

    live(body())


def test_an_end_that_was_not_told_is_found_by_looking() -> None:
    """News of children may be lost on the way; who waits asks again when it is told to look."""

    async def body() -> None:
        world = parent_of_child()
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        engine.look_at_children()
        await world.settle()
        assert world.phase(request().id) is WorkflowPhase.RUNNING
        world.blobs.objects["mem://out"] = literals({"o": 5})
        world.children.children[CHILD].status = ChildStatus(WorkflowPhase.SUCCEEDED, "mem://out")
        engine.look_at_children()
        await world.ended(request().id)
        assert world.phase(request().id) is WorkflowPhase.SUCCEEDED
        engine.look_at_children()
        await engine.close()
        engine.look_at_children()

    live(body())


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (ChildStatus(WorkflowPhase.FAILED, failure=user_failure()), "USER:ValueError"),
        (ChildStatus(WorkflowPhase.ABORTED), "ChildAborted"),
        (ChildStatus(WorkflowPhase.SUCCEEDED), "OutputsNotFound"),
    ],
)
def test_a_child_that_does_not_succeed_fails_its_node(status: ChildStatus, code: str) -> None:
    async def body() -> None:
        world = parent_of_child()
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        world.children.children[CHILD].status = status
        engine.child_ended(NODE, 0, CHILD)
        await world.ended(request().id)
        failure = world.entries(request().id)[-1].record.failure
        assert failure is not None
        assert failure.code == code
        await engine.close()

    live(body())


def test_a_refused_child_fails_its_node() -> None:
    async def body() -> None:
        world = parent_of_child()
        world.children.refuse = user_failure("no such launch plan")
        assert await world.executed(request()) is WorkflowPhase.FAILED

    live(body())


@pytest.mark.parametrize("restarted", [False, True])
def test_an_abort_reaches_the_child(restarted: bool) -> None:
    """Also one that an earlier engine started."""

    async def body() -> None:
        world = parent_of_child()
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        if restarted:
            await engine.close()
            engine = await world.engine()
        await engine.abort(request().id, "enough")
        await world.ended(request().id)
        assert world.children.children[CHILD].aborted == "enough"
        await engine.close()

    live(body())
