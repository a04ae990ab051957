"""What the engine does when the world around it fails, and when it fails itself."""

import asyncio
import logging
from collections.abc import Sequence

import pytest
from typing_extensions import override

from flytelike.model.ids import ExecutionId
from flytelike.model.phases import WorkflowPhase
from propeller.core.decision import Decision
from propeller.core.events import Event
from propeller.engine import turn
from propeller.engine.run import Arrival, Run
from propeller.ports import Commit, Conflict, Snapshot, StoreError, StoreFull
from propeller.stores.memory import MemoryStateStore
from tests.unit.propeller_engine.builders import chain, closure, fan, request, step
from tests.unit.propeller_engine.world import World, key, live, settings


class FullStore(MemoryStateStore):
    """Has no room while `full`."""

    full = False
    asked = 0

    @override
    async def commit(self, commit: Commit) -> None:
        self.asked += 1
        if self.full:
            raise StoreFull("no room")
        await super().commit(commit)


def test_an_engine_that_cannot_commit_takes_nothing_does_nothing_and_goes_on_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def body() -> None:
        store = FullStore()
        world = World(closure(chain(3)), store=store, script=lambda spec: None)
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        store.full = True
        world.executor.end(key(request(), "n0"), {"o": 1})
        await world.settle()
        assert len(world.executor.starts) == 1, "what is not stored is not acted on"
        (trouble,) = engine.troubles
        assert (trouble.code, trouble.executions) == ("disk-full", {request().id})
        with pytest.raises(StoreFull):
            await engine.submit(request("e2"))
        assert engine.troubles[0].executions == {request().id, request("e2").id}, "who asks for one to begin waits too"
        for _ in range(20):
            world.clock.advance(1_000_000_000)
            await world.settle(5)
        assert store.asked < 20, "it tries with growing pauses"
        store.full = False
        world.executor.script = lambda spec: {"o": 1}
        await world.ended(request().id)
        assert world.phase(request().id) is WorkflowPhase.SUCCEEDED
        await engine.submit(request("e2"))
        assert engine.troubles == []
        assert [k.path for k in world.executor.starts if k.execution == request().id] == ["n0", "n1", "n2"]
        await engine.close()

    with caplog.at_level(logging.WARNING):
        live(body())
    assert sum("executions wait until this is over" in r.message for r in caplog.records) == 1, (
        "said once, not at every try"
    )
    assert sum("this is over: [disk-full]" in r.message for r in caplog.records) == 1


@pytest.mark.parametrize("failures", [1, 3, 5])
@pytest.mark.parametrize("port", ["blobs", "executor", "closures", "sink"])
def test_a_port_that_fails_for_a_while_costs_time_only(port: str, failures: int) -> None:
    async def body() -> None:
        world = World(closure(chain(3)))
        getattr(world, port).fail = failures
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        assert [k.attempt for k in world.executor.starts] == [0, 0, 0]

    live(body())


def test_an_executor_that_never_works_ends_in_a_failure_of_the_platform() -> None:
    async def body() -> None:
        world = World(closure(chain(1)))
        world.executor.fail = 10_000
        assert await world.executed(request()) is WorkflowPhase.FAILED
        failure = world.entries(request().id)[-1].record.failure
        assert failure is not None
        assert failure.code == "RetriesExhausted|PlatformUnavailable"
        assert "no process can be started" in failure.message

    live(body())


class Broken:
    """A core that fails on one execution."""

    def __init__(self, execution: ExecutionId, times: int) -> None:
        self.execution = execution
        self.times = times

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = turn.decide

        def decide(run: Run, arrivals: Sequence[Arrival]) -> Decision:
            events: list[Event] = [arrival.event for arrival in arrivals]
            if run.id == self.execution and self.times and len(run.state.nodes) > 0 and events:
                self.times -= 1
                raise ZeroDivisionError("a fault of the engine")
            return whole(run, arrivals)

        monkeypatch.setattr(turn, "decide", decide)


def test_a_fault_of_the_engine_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        Broken(request().id, 3).install(monkeypatch)
        world = World(closure(chain(2)))
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED

    live(body())


def test_a_fault_of_the_engine_ends_the_one_execution_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        Broken(request("bad").id, 1000).install(monkeypatch)
        world = World(closure(fan(2)))
        world.executor.script = lambda spec: (
            {"o": 1} if spec.key.path == "n0" or spec.key.execution.name == "good" else None
        )
        engine = await world.engine()
        await engine.submit(request("bad"))
        await engine.submit(request("good"))
        await world.ended(request("bad").id, request("good").id)
        assert world.phase(request("good").id) is WorkflowPhase.SUCCEEDED
        assert world.phase(request("bad").id) is WorkflowPhase.FAILED
        failure = world.entries(request("bad").id)[-1].record.failure
        assert failure is not None
        assert failure.code == "EngineFailed"
        assert "a fault of the engine" in failure.message
        assert key(request("bad"), "n1") in world.executor.aborted
        await engine.close()
        assert await world.store.unfinished() == []

    live(body())


def test_a_commit_that_was_stored_though_an_error_was_told_is_found_again() -> None:
    class Liar(MemoryStateStore):
        lies = 1

        @override
        async def commit(self, commit: Commit) -> None:
            await super().commit(commit)
            if commit.expected == 2 and self.lies:
                self.lies -= 1
                raise StoreError("the connection broke")

    async def body() -> None:
        world = World(closure(chain(3)), store=Liar())
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED
        assert [k.path for k in world.executor.starts] == ["n0", "n1", "n2"]

    live(body())


def test_an_execution_that_was_stored_though_an_error_was_told_goes_on_when_it_is_submitted_again() -> None:
    class Liar(MemoryStateStore):
        lies = 1

        @override
        async def commit(self, commit: Commit) -> None:
            await super().commit(commit)
            if self.lies:
                self.lies -= 1
                raise StoreError("the connection broke")

    async def body() -> None:
        world = World(closure(chain(1)), store=Liar())
        engine = await world.engine()
        with pytest.raises(StoreError):
            await engine.submit(request())
        await engine.submit(request())
        await world.ended(request().id)
        await engine.submit(request())
        await world.settle()
        assert len(world.executor.starts) == 1
        await engine.close()

    live(body())


def test_an_execution_with_another_owner_is_left_to_it() -> None:
    class Stolen(MemoryStateStore):
        @override
        async def commit(self, commit: Commit) -> None:
            if commit.expected >= 2:
                raise Conflict("somebody else has it")
            await super().commit(commit)

    async def body() -> None:
        world = World(closure(chain(2)), store=Stolen())
        engine = await world.engine()
        await engine.submit(request())
        for _ in range(30):
            await world.settle(10)
            world.clock.advance(10_000_000_000)
        assert engine._driver.runs == {}
        await engine.close()

    live(body())


# --- the history ------------------------------------------------------------------------------


def test_the_history_waits_in_the_store_while_the_sink_is_away() -> None:
    async def body() -> None:
        world = World(closure(chain(5)), settings=settings(history_waiting_max=7, history_batch=4))
        world.sink.fail = 10_000
        engine = await world.engine()
        await engine.submit(request())
        for _ in range(50):
            await world.settle(10)
            world.clock.advance(1_000_000)
        snapshot = await world.store.load(request().id)
        assert snapshot is not None
        assert snapshot.closed, "executions do not wait for the sink"
        world.sink.fail = 0
        await world.ended(request().id)
        world.clock.advance(world.settings.history_keep_ns)
        await world.settle()
        assert await world.store.undelivered(10) == []
        await engine.close()

    live(body())


def test_many_executions_share_a_call_of_the_sink() -> None:
    async def body() -> None:
        world = World(closure(chain(1)))
        engine = await world.engine()
        await asyncio.gather(*(engine.submit(request(f"e{n}")) for n in range(50)))
        await world.ended(*(request(f"e{n}").id for n in range(50)))
        assert len(world.sink.calls) < 20
        await engine.close()

    live(body())


def test_what_was_not_told_is_told_by_the_next_engine() -> None:
    async def body() -> None:
        world = World(closure([step("n0")]))
        world.sink.fail = 10_000
        engine = await world.engine()
        await engine.submit(request())
        for _ in range(20):
            await world.settle(10)
            world.clock.advance(1_000_000)
        await engine.close()
        assert world.entries(request().id) == []
        world.machine_restarts()
        world.sink.fail = 0
        engine = await world.engine()
        await world.ended(request().id)
        assert world.story(request().id)[-1] == "SUCCEEDED"
        await engine.close()
        assert await world.store.undelivered(10) == []

    live(body())


# --- what cannot be read --------------------------------------------------------------------------


@pytest.mark.parametrize("stored", [b"\xc1", b"\x81\x7e\x90"], ids=["damaged", "of-a-newer-version"])
def test_an_execution_that_cannot_be_read_back_rests_and_the_others_go_on(stored: bytes) -> None:
    async def body() -> None:
        world = World(closure(chain(1)))
        engine = await world.engine()
        await world.store.commit(Commit(request("bad").id, 0, stored, launch=stored))
        await engine.close()
        engine = await world.engine()
        await engine.submit(request("good"))
        await world.ended(request("good").id)
        assert world.phase(request("good").id) is WorkflowPhase.SUCCEEDED
        snapshot = await world.store.load(request("bad").id)
        assert snapshot is not None
        assert (snapshot.version, snapshot.header) == (1, stored), "what cannot be read is left as it is"
        await engine.close()

    live(body())


def test_a_store_that_cannot_be_read_for_a_while_costs_time_only() -> None:
    class Deaf(MemoryStateStore):
        deaf = 4

        @override
        async def load(self, execution: ExecutionId) -> Snapshot | None:
            if self.deaf:
                self.deaf -= 1
                raise StoreError("the connection broke")
            return await super().load(execution)

    async def body() -> None:
        world = World(closure(chain(1)), store=Deaf())
        assert await world.executed(request()) is WorkflowPhase.SUCCEEDED

    live(body())
