"""The engine dies between any two calls it makes, and the next one ends what it began.

The world keeps a model of its own: which successes were stored when the engine died. None of them
may run again, and no attempt may be told twice.
"""

import asyncio
from collections.abc import Collection, Sequence

import pytest
from typing_extensions import override

from flytelike.model.closure import WorkflowClosure
from flytelike.model.ids import ExecutionId
from flytelike.model.phases import WorkflowPhase
from propeller.core.node_state import Succeeded
from propeller.engine.encoding import decode
from propeller.ports import AttemptSpec, ChildStatus, HistoryBatch
from propeller.stores.memory import MemoryStateStore
from tests.unit.propeller_engine.builders import chain, closure, fan, repeated, request, step
from tests.unit.propeller_engine.fakes import literals, succeed, user_failure
from tests.unit.propeller_engine.test_lookups import cached
from tests.unit.propeller_engine.world import Fuse, World, kill, live

CALLS_MAX = 400
"""More calls than any of the executions below makes."""


def graphs() -> dict[str, WorkflowClosure]:
    return {
        "chain": closure(chain(3)),
        "diamond": closure([step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c")]),
        "inner": closure([step("s", workflow="inner"), step("z", "s")], {"inner": chain(2)}),
        "retried": closure([step("r", retries=2), step("b", "r")]),
        "array": closure([step("a"), step("b"), step("m", "a", "b", each=repeated(parallelism=1)), step("z", "m")]),
        "array of cached": cached(closure([step("m", each=repeated()), step("n", each=repeated())]), serializable=True),
        "array of cached inner": cached(closure([step("m", workflow="inner", each=repeated())], {"inner": chain(1)})),
        "array of inner": closure([step("m", workflow="inner", each=repeated())], {"inner": chain(1)}),
        "child": closure([step("a"), step("c", "a", launch_plan="lp"), step("z", "c")]),
    }


def outcome(spec: AttemptSpec) -> object:
    """Fail the first attempts of tasks that are retried."""
    retried = spec.key.path == "r" and spec.key.attempt < 2
    return user_failure(retryable=True) if retried else {"o": 1}


async def dies_once(world: World, fuse: Fuse) -> bool:
    """Execute until the fuse blows; tell whether it did."""
    own = asyncio.current_task()
    assert own is not None
    life = asyncio.create_task(one_life(world, fuse))
    blown = asyncio.create_task(fuse.blown.wait())
    await asyncio.wait([life, blown], return_when=asyncio.FIRST_COMPLETED)
    died = fuse.blown.is_set()
    if not died:
        await life
    await kill({own})
    return died


async def one_life(world: World, fuse: Fuse | None) -> None:
    engine = await world.engine(fuse)
    await engine.submit(request())
    await ended(world)
    await engine.close()


async def ended(world: World) -> None:
    """Let time pass until the end, ending children on the way."""
    for _ in range(500):
        await world.settle(20)
        if world.phase(request().id).terminal:
            return
        for (parent, attempt), child in world.children.names.items():
            if not world.children.children[child].status.phase.terminal:
                world.blobs.objects["mem://out"] = literals({"o": 5})
                world.children.children[child].status = ChildStatus(WorkflowPhase.SUCCEEDED, "mem://out")
                engine = world.executor.listener
                engine.child_ended(parent, attempt, child)  # type: ignore[union-attr]
        pending = world.clock.pending()
        if pending:
            world.clock.advance(max(0, pending[0] - world.clock.now))
    raise AssertionError(world.story(request().id))


async def successes(world: World, execution: ExecutionId) -> set[tuple[str, int]]:
    """Return the attempts whose success is stored."""
    snapshot = await world.store.load(execution)
    cells = snapshot.cells if snapshot else {}
    states = {path: decode(cell) for path, cell in cells.items()}
    return {(path, state.attempt) for path, state in states.items() if isinstance(state, Succeeded)}


async def check(graph: WorkflowClosure, calls: int, *, after: bool, keeps_results: bool) -> bool:
    world = World(graph, script=outcome)  # type: ignore[arg-type]
    fuse = Fuse(calls, after=after)
    died = await dies_once(world, fuse)
    stored = await successes(world, request().id)
    before = len(world.executor.starts)
    if died:
        world.machine_restarts()
        if not keeps_results:
            world.executor.ended.clear()
        await one_life(world, None)
    assert world.phase(request().id) is WorkflowPhase.SUCCEEDED, fuse.made
    again = {(key.path, key.attempt) for key in world.executor.starts[before:]}
    assert not again & stored, f"stored successes ran again: {again & stored}"
    story = [told for told in world.story(request().id) if "RUNNING" not in told]
    assert len(story) == len(set(story)), "something was told twice"
    return died


@pytest.mark.parametrize("keeps_results", [True, False], ids=["results-stay", "results-are-lost"])
@pytest.mark.parametrize("after", [False, True], ids=["before-the-call", "after-the-call"])
@pytest.mark.parametrize("name", sorted(graphs()))
def test_an_execution_ends_well_whenever_the_engine_dies(name: str, after: bool, keeps_results: bool) -> None:
    died = 0
    for calls in range(CALLS_MAX):
        if not asyncio.run(check(graphs()[name], calls, after=after, keeps_results=keeps_results)):
            break
        died += 1
    assert 20 < died < CALLS_MAX


@pytest.mark.parametrize("after", [False, True], ids=["before-the-call", "after-the-call"])
def test_an_execution_ends_however_often_the_engine_dies(after: bool) -> None:
    """Each life is a few calls longer than the one before."""

    async def body() -> None:
        world = World(closure([*fan(4), step("z", "n0", "n1", "n2", "n3")]))
        lives = 0
        for calls in range(2, CALLS_MAX, 2):
            lives += 1
            if not await dies_once(world, Fuse(calls, after=after)):
                break
            world.machine_restarts()
        assert world.phase(request().id) is WorkflowPhase.SUCCEEDED
        assert lives > 5

    live(body())


@pytest.mark.parametrize("after", [False, True], ids=["before-the-call", "after-the-call"])
def test_an_abort_is_carried_out_whenever_the_engine_dies(after: bool) -> None:
    """Once the abort is stored, every attempt that ran is stopped, by this engine or the next."""

    async def check_abort(calls: int) -> bool:
        world = World(closure(fan(3)), script=lambda spec: None)
        fuse = Fuse(calls, after=after)
        own = asyncio.current_task()
        assert own is not None

        async def first() -> None:
            engine = await world.engine(fuse)
            await engine.submit(request())
            await world.settle()
            await engine.abort(request().id, "enough")
            await world.settle()

        task = asyncio.create_task(first())
        blown = asyncio.create_task(fuse.blown.wait())
        await asyncio.wait([task, blown], return_when=asyncio.FIRST_COMPLETED)
        died = fuse.blown.is_set()
        await kill({own})
        running = set(world.executor.running)
        world.clock._alarms.clear()
        engine = await world.engine()
        snapshot = await world.store.load(request().id)
        if snapshot is not None and not snapshot.closed:
            await engine.abort(request().id, "enough")
        await world.settle()
        assert running <= set(world.executor.aborted)
        assert not world.executor.running
        await engine.close()
        assert await world.store.unfinished() == []
        return died

    died = 0
    for calls in range(CALLS_MAX):
        if not asyncio.run(check_abort(calls)):
            break
        died += 1
    assert died > 10


def test_timers_are_set_again() -> None:
    async def body() -> None:
        second = 1_000_000_000
        world = World(closure(chain(1)), script=lambda spec: None)
        engine = await world.engine()
        await engine.submit(request(timeout_ns=60 * second))
        await world.settle()
        await engine.close()
        world.machine_restarts()
        due = world.clock.now + 60 * second
        engine = await world.engine()
        await world.settle()
        assert due in world.clock.pending()
        world.clock.advance(60 * second)
        await world.ended(request().id)
        assert world.phase(request().id) is WorkflowPhase.TIMED_OUT
        await engine.close()

    live(body())


def test_outputs_that_a_power_cut_took_are_written_again() -> None:
    async def body() -> None:
        world = World(closure(chain(2)))
        world.executor.script = lambda spec: {"o": 7} if spec.key.path == "n0" else None
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        await engine.close()
        world.machine_restarts()
        lost = "mem://meta/p-d-e1/n0/data/0/outputs.pb"
        world.blobs.objects = {lost: b""}
        engine = await world.engine()
        await world.settle()
        assert world.outputs(lost) == {"o": 7}
        assert world.inputs(request().id, "n1") == {"x": [7]}
        await engine.close()

    live(body())


def test_inputs_of_a_child_survive_a_power_cut_so_that_the_child_can_be_aborted_after_it() -> None:
    async def body() -> None:
        world = World(closure([step("c", launch_plan="lp")]))
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        await engine.close()
        world.machine_restarts()
        world.blobs.objects = {uri: world.blobs.objects[uri] for uri in world.blobs.synced}
        engine = await world.engine()
        await engine.abort(request().id, "enough")
        await world.ended(request().id)
        assert [child.aborted for child in world.children.children.values()] == ["enough"]
        await engine.close()

    live(body())


def test_history_that_a_dead_engine_stored_at_the_last_moment_is_told_in_order() -> None:
    class Late(MemoryStateStore):
        early = 0

        @override
        async def undelivered(
            self, limit: int, apart: Collection[ExecutionId] = ()
        ) -> Sequence[tuple[ExecutionId, HistoryBatch]]:
            """Return nothing at first: what the dead engine asked for is stored a moment later."""
            if self.early:
                self.early -= 1
                return []
            return await super().undelivered(limit, apart)

    async def body() -> None:
        store = Late()
        world = World(closure(chain(1)), store=store, script=lambda spec: None)
        world.sink.fail = 1_000
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        await engine.close()
        world.machine_restarts()
        world.sink.fail, store.early, world.executor.script = 0, 1, succeed
        engine = await world.engine()
        await world.ended(request().id)
        assert world.story(request().id)[0] == "RUNNING"
        await engine.close()

    live(body())
