"""Elements of a map and the cache: results are taken without a run, kept, and equal work is done once."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from typing_extensions import override

from flytelike.model.caching import CacheEntry, CacheStatus, CacheUse, Claim, Reserved
from flytelike.model.history import ElementsChanged
from flytelike.model.launch import LaunchRequest
from flytelike.model.phases import TaskPhase, WorkflowPhase
from propeller.ports import AttemptSpec
from propeller.stores.memory_catalog import MemoryCatalog
from tests.unit.propeller_engine.builders import closure, fan, repeated, request, step
from tests.unit.propeller_engine.fakes import S, user_failure
from tests.unit.propeller_engine.test_lookups import Away, CachingWorld, cached
from tests.unit.propeller_engine.world import key, live, settings

SUCCEEDED = WorkflowPhase.SUCCEEDED
OVER = ("n0", "n1", "n2", "n3")


def index_of(spec: AttemptSpec) -> int:
    return int(spec.key.path.rpartition(".")[2])


class MapWorld(CachingWorld):
    """A map over four items that other nodes give; its elements give ten times their item."""

    def __init__(self, items: tuple[int, ...] = (1, 2, 3, 4), *, elements_only: bool = True, **policy: object) -> None:
        of = closure([*fan(4), step("a", *OVER, each=repeated())])
        all_cached = cached(of, **policy)
        tasks = {
            id_: all_cached.tasks[id_] if id_.name == "t-a" or not elements_only else it for id_, it in of.tasks.items()
        }
        super().__init__(replace(of, tasks=tasks))
        self.items = items
        self.executor.script = self.gives

    def gives(self, spec: AttemptSpec) -> dict[str, object]:
        path = spec.key.path
        return {"o": 10 * self.items[index_of(spec)] if "." in path else self.items[int(path[1:])]}

    def elements(self, asked: LaunchRequest) -> list[int]:
        """Return the elements that ran, in order of their start."""
        return [int(path.rpartition(".")[2]) for path in self.started(asked) if "." in path]

    def origins(self, asked: LaunchRequest) -> dict[CacheStatus, int]:
        """Return how many elements succeeded by what the cache had to do with it."""
        told: dict[CacheStatus, int] = {}
        for entry in self.entries(asked.id):
            if isinstance(entry.record, ElementsChanged):
                count = sum(n for _, n, phase in entry.record.changes if phase is TaskPhase.SUCCEEDED)
                told[entry.record.cache] = told.get(entry.record.cache, 0) + count
        return {status: count for status, count in told.items() if count}

    def list(self, name: str) -> object:
        return self.outputs(f"mem://meta/p-d-{name}/a/data/0/outputs.pb")["o"]


def test_a_second_map_over_the_same_items_runs_nothing() -> None:
    async def body() -> None:
        world = MapWorld()
        assert await world.executed(request("e1")) is SUCCEEDED
        assert await world.executed(request("e2")) is SUCCEEDED
        assert world.elements(request("e1")) == [0, 1, 2, 3]
        assert world.elements(request("e2")) == []
        assert world.list("e2") == world.list("e1") == [10, 20, 30, 40]
        assert world.origins(request("e1")) == {CacheStatus.POPULATED: 4}
        assert world.origins(request("e2")) == {CacheStatus.HIT: 4}
        assert [use.hit for use in world.catalog.uses] == [False] * 4 + [True] * 4

    live(body())


def test_only_items_that_are_new_run_wherever_they_stand() -> None:
    async def body() -> None:
        world = MapWorld()
        await world.executed(request("e1"))
        world.items = (4, 9, 1, 8)
        assert await world.executed(request("e2")) is SUCCEEDED
        assert world.elements(request("e2")) == [1, 3]
        assert world.list("e2") == [40, 90, 10, 80]
        assert world.origins(request("e2")) == {CacheStatus.HIT: 2, CacheStatus.POPULATED: 2}

    live(body())


def test_a_node_and_an_element_that_do_the_same_share_their_result() -> None:
    async def body() -> None:
        world = MapWorld()
        await world.executed(request("e1"))
        keys = {entry.key for entry in world.catalog.entries.values()}
        assert {it.inputs for it in keys} == {it.inputs for it in keys if len(it.inputs) == 1}
        assert len(keys) == 4

    live(body())


@pytest.mark.parametrize(("use", "kept"), [(CacheUse.OVERWRITE, "e2"), (CacheUse.OFF, "e1")])
def test_an_execution_may_ask_for_new_results_of_elements(use: CacheUse, kept: str) -> None:
    async def body() -> None:
        world = MapWorld()
        await world.executed(request("e1"))
        again = request("e2", cache=use)
        assert await world.executed(again) is SUCCEEDED
        assert world.elements(again) == [0, 1, 2, 3]
        assert {entry.source.execution.name for entry in world.catalog.entries.values()} == {kept}

    live(body())


def test_an_element_whose_data_is_gone_runs_again() -> None:
    async def body() -> None:
        world = MapWorld()
        await world.executed(request("e1"))
        digest = next(d for d, it in world.catalog.entries.items() if it.source.path == "a.0.2")
        world.catalog.entries[digest] = replace(world.catalog.entries[digest], uris=("mem://gone",))
        assert await world.executed(request("e2")) is SUCCEEDED
        assert world.elements(request("e2")) == [2]

    live(body())


def test_large_results_of_elements_are_copied_to_their_own_place() -> None:
    async def body() -> None:
        world = MapWorld()
        world.settings = settings(inline_outputs_bytes_max=0)
        await world.executed(request("e1"))
        assert await world.executed(request("e2")) is SUCCEEDED
        assert world.elements(request("e2")) == []
        own = "mem://meta/p-d-e2/a/data/0/3/0/outputs.pb"
        assert own in world.blobs.synced
        assert world.list("e2") == [10, 20, 30, 40]

    live(body())


def test_failed_elements_leave_nothing_and_those_that_succeeded_are_kept() -> None:
    async def body() -> None:
        world = MapWorld()
        world.executor.script = lambda spec: user_failure() if spec.key.path == "a.0.3" else world.gives(spec)
        assert await world.executed(request("e1")) is WorkflowPhase.FAILED
        world.executor.script = world.gives
        assert await world.executed(request("e2")) is SUCCEEDED
        assert world.elements(request("e2")) == [3]

    live(body())


def test_a_catalog_that_is_away_costs_no_element() -> None:
    async def body() -> None:
        world = MapWorld()
        world.catalog = Away(world.clock.now_ns)
        assert await world.executed(request()) is SUCCEEDED
        assert world.origins(request()) == {CacheStatus.PUT_FAILURE: 4}

    live(body())


def test_equal_elements_of_one_map_are_done_once_where_the_task_wants_it() -> None:
    async def body() -> None:
        world = MapWorld((7, 7, 5, 7), serializable=True)
        assert await world.executed(request()) is SUCCEEDED
        assert world.elements(request()) == [0, 2]
        assert world.list("e1") == [70, 70, 50, 70]
        assert world.origins(request()) == {CacheStatus.POPULATED: 2, CacheStatus.HIT: 2}
        assert world.catalog.reserved == {}

    live(body())


def test_two_maps_at_the_same_time_do_equal_work_once() -> None:
    async def body() -> None:
        world = MapWorld(serializable=True)
        held = script_that_holds(world)
        engine = await world.engine()
        for name in ("e1", "e2"):
            await engine.submit(request(name))
            await world.settle()
        assert (world.elements(request("e1")), world.elements(request("e2"))) == ([0, 1, 2, 3], [])
        for spec in held:
            world.executor.end(spec.key, world.gives(spec))
        await world.ended(request("e2").id)
        await engine.close()
        assert world.elements(request("e2")) == []
        assert world.list("e2") == [10, 20, 30, 40]

    live(body())


@pytest.mark.parametrize("end", ["failed", "aborted"])
def test_who_waits_takes_over_when_the_other_map_ends_without_results(end: str) -> None:
    async def body() -> None:
        world = MapWorld(serializable=True)
        script_that_holds(world)
        engine = await world.engine()
        for name in ("e1", "e2"):
            await engine.submit(request(name))
            await world.settle()
        if end == "failed":
            world.executor.end(key(request("e1"), "a.0.0"), user_failure())
        else:
            await engine.abort(request("e1").id, "enough")
        await world.settle()
        assert world.elements(request("e2")) == [0, 1, 2, 3]
        await engine.close()

    live(body())


def test_an_array_that_ends_while_the_catalog_answers_keeps_nothing_reserved() -> None:
    class Slow(MemoryCatalog):
        answers: asyncio.Event

        @override
        async def reserve(self, claims: Sequence[Claim], lease_ns: int) -> Mapping[str, Reserved]:
            await self.answers.wait()
            return await super().reserve(claims, lease_ns)

    async def body() -> None:
        world = MapWorld(serializable=True)
        world.catalog = slow = Slow(world.clock.now_ns)
        slow.answers = asyncio.Event()
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        await engine.abort(request().id, "enough")
        await world.settle()
        slow.answers.set()
        await world.settle()
        assert slow.reserved == {}
        assert world.elements(request()) == []
        await engine.close()

    live(body())


def test_what_is_put_is_not_reserved_again_by_a_renewal_on_its_way() -> None:
    """The catalog frees with the result; whoever renews afterwards would keep equal work waiting for nothing."""

    async def body() -> None:
        world = MapWorld(serializable=True)

        class Renewed(MemoryCatalog):
            @override
            async def put_many(self, entries: Sequence[CacheEntry]) -> None:
                await super().put_many(entries)
                world.clock.advance(10 * S)
                for _ in range(20):
                    await asyncio.sleep(0)

        world.catalog = renewed = Renewed(world.clock.now_ns)
        assert await world.executed(request()) is SUCCEEDED
        assert renewed.reserved == {}

    live(body())


def test_a_lease_that_a_crash_left_is_waited_for() -> None:
    async def body() -> None:
        world = MapWorld(serializable=True)
        await world.executed(request("e0"))
        digest = next(d for d, it in world.catalog.entries.items() if it.source.path == "a.0.1")
        del world.catalog.entries[digest]
        world.catalog.reserved[digest] = Reserved("a dead engine's element", world.clock.now + 12 * S)
        begun = world.clock.now
        assert await world.executed(request("e1")) is SUCCEEDED
        assert 12 * S <= world.clock.now - begun <= 18 * S
        assert world.elements(request("e1")) == [1]

    live(body())


def script_that_holds(world: MapWorld) -> list[AttemptSpec]:
    """Let elements run until the test ends them; return what runs."""
    held: list[AttemptSpec] = []

    def script(spec: AttemptSpec) -> dict[str, object] | None:
        if "." not in spec.key.path:
            return world.gives(spec)
        held.append(spec)
        return None

    world.executor.script = script
    return held
