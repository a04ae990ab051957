"""What the engine does with cached results: takes them if they are whole, keeps them, does equal work once."""

from dataclasses import replace

import pytest

from flytelike.model.caching import CacheEntry, CacheStatus, CacheUse, Reserved
from flytelike.model.closure import WorkflowClosure
from flytelike.model.history import NodeChanged
from flytelike.model.launch import LaunchRequest
from flytelike.model.phases import WorkflowPhase
from flytelike.model.policies import CachePolicy
from propeller.stores.memory_catalog import MemoryCatalog
from tests.unit.propeller_engine.builders import closure, fan, request, step
from tests.unit.propeller_engine.fakes import S, user_failure
from tests.unit.propeller_engine.world import World, key, live, settings

SUCCEEDED = WorkflowPhase.SUCCEEDED


def cached(of: WorkflowClosure, **more: object) -> WorkflowClosure:
    """Return the closure with all tasks cached."""
    policy = CachePolicy(enabled=True, version="1", **more)  # type: ignore[arg-type]
    tasks = {id_: replace(t, metadata=replace(t.metadata, cache=policy)) for id_, t in of.tasks.items()}
    return replace(of, tasks=tasks)


class CachingWorld(World):
    """A world that can be asked about its cached nodes."""

    def statuses(self, asked: LaunchRequest, path: str) -> list[CacheStatus]:
        told = [e.record for e in self.entries(asked.id) if isinstance(e.record, NodeChanged)]
        return [record.cache.status for record in told if record.path == path and record.cache]

    def started(self, asked: LaunchRequest) -> list[str]:
        return [str(k.path) for k in self.executor.starts if k.execution == asked.id]


def world_of(of: WorkflowClosure) -> CachingWorld:
    return CachingWorld(of)


def test_equal_work_is_not_done_again_and_its_outputs_lie_at_the_nodes_own_place() -> None:
    async def body() -> None:
        world = world_of(cached(closure([step("a"), step("b", "a")])))
        one, two = request("e1"), request("e2")
        assert await world.executed(one) is SUCCEEDED
        assert await world.executed(two) is SUCCEEDED
        assert (world.started(one), world.started(two)) == (["a", "b"], [])
        assert world.statuses(one, "a") == [CacheStatus.MISS, CacheStatus.POPULATED]
        assert world.statuses(two, "a") == [CacheStatus.HIT]
        where = "mem://meta/p-d-{}/b/data/0/outputs.pb"
        assert world.outputs(where.format("e2")) == world.outputs(where.format("e1"))
        assert [use.hit for use in world.catalog.uses] == [False, False, True, True]

    live(body())


@pytest.mark.parametrize(
    ("use", "starts", "status"),
    [
        (CacheUse.OVERWRITE, ["a"], [CacheStatus.SKIPPED, CacheStatus.POPULATED]),
        (CacheUse.OFF, ["a"], []),
    ],
)
def test_an_execution_may_ask_for_new_results(use: CacheUse, starts: list[str], status: list[CacheStatus]) -> None:
    async def body() -> None:
        world = world_of(cached(closure([step("a")])))
        await world.executed(request("e1"))
        again = request("e2", cache=use)
        await world.executed(again)
        assert world.started(again) == starts
        assert world.statuses(again, "a") == status

    live(body())


@pytest.mark.parametrize("lost", ["data", "document"])
def test_a_result_whose_data_is_gone_is_dropped_and_computed_again(lost: str) -> None:
    async def body() -> None:
        world = world_of(cached(closure([step("a")])))
        await world.executed(request("e1"))
        [(digest, entry)] = world.catalog.entries.items()
        data = replace(entry, uris=("mem://gone",))
        document = replace(entry, outputs=b"", outputs_uri="mem://gone")
        world.catalog.entries[digest] = data if lost == "data" else document
        assert await world.executed(request("e2")) is SUCCEEDED
        assert world.started(request("e2")) == ["a"]
        assert world.catalog.entries[digest].source.execution.name == "e2"

    live(body())


def test_large_outputs_are_found_where_they_lie() -> None:
    async def body() -> None:
        world = world_of(cached(closure([step("a")])))
        world.settings = settings(inline_outputs_bytes_max=0)
        await world.executed(request("e1"))
        assert not next(iter(world.catalog.entries.values())).outputs
        assert await world.executed(request("e2")) is SUCCEEDED
        assert world.started(request("e2")) == []

    live(body())


def test_failed_attempts_leave_nothing_behind() -> None:
    async def body() -> None:
        world = world_of(cached(closure([step("a")])))
        world.executor.script = lambda spec: user_failure()
        assert await world.executed(request()) is WorkflowPhase.FAILED
        assert world.catalog.entries == {}

    live(body())


class Away(MemoryCatalog):
    """A catalog that cannot be reached."""

    async def lookup(self, keys: object) -> dict[str, CacheEntry]:
        raise OSError("the catalog is away")

    async def put(self, entry: CacheEntry) -> None:
        raise OSError("the catalog is away")


def test_a_catalog_that_is_away_costs_no_result() -> None:
    async def body() -> None:
        world = world_of(cached(closure([step("a")])))
        world.catalog = Away(world.clock.now_ns)
        assert await world.executed(request()) is SUCCEEDED
        assert world.statuses(request(), "a") == [CacheStatus.LOOKUP_FAILURE, CacheStatus.PUT_FAILURE]

    live(body())


def test_equal_work_in_flight_is_done_once() -> None:
    async def body() -> None:
        of = cached(closure(fan(3)), serializable=True)
        only = next(iter(of.tasks.values()))
        world = world_of(replace(of, primary=of.primary, tasks=dict.fromkeys(of.tasks, only)))
        assert await world.executed(request()) is SUCCEEDED
        assert len(world.started(request())) == 1
        assert sum(use.hit for use in world.catalog.uses) == 2

    live(body())


def test_who_waits_takes_over_when_the_holder_fails() -> None:
    async def body() -> None:
        world = world_of(cached(closure([step("a")]), serializable=True))
        one, two = request("e1"), request("e2")
        world.executor.script = lambda spec: None
        engine = await world.engine()
        await engine.submit(one)
        await world.settle()
        await engine.submit(two)
        await world.settle()
        assert (world.started(one), world.started(two)) == (["a"], [])
        engine.failed(key(one, "a"), world.clock.now, user_failure())
        await world.settle()
        assert world.started(two) == ["a"]
        await engine.close()

    live(body())


def test_a_crash_with_a_reservation_costs_its_lease_at_most() -> None:
    async def body() -> None:
        world = world_of(cached(closure([step("a")]), serializable=True))
        await world.executed(request("e0"))
        [digest] = world.catalog.entries
        world.catalog.entries.clear()
        world.catalog.reserved[digest] = Reserved("a dead engine's node", world.clock.now + 12 * S)
        begun = world.clock.now
        assert await world.executed(request("e1")) is SUCCEEDED
        assert 12 * S <= world.clock.now - begun <= 18 * S

    live(body())
