"""States of executions that ended long ago are dropped, and nothing else is."""

import logging

import pytest
from typing_extensions import override

from propeller.ports import Forgotten, StoreError
from propeller.stores.memory import MemoryStateStore
from tests.unit.propeller_engine.builders import chain, closure, request
from tests.unit.propeller_engine.fakes import FakeClock, S
from tests.unit.propeller_engine.world import World, live, settings

DAY = 24 * 3600 * S


def a_world(store: MemoryStateStore | None = None, **changes: int) -> World:
    clock = FakeClock()
    kept = store or MemoryStateStore(clock.now_ns)
    kept._now_ns = clock.now_ns
    return World(closure(chain(3)), store=kept, clock=clock, settings=settings(retention_ns=DAY, **changes))


async def hours(world: World, count: int) -> None:
    for _ in range(count * 6):
        await world.settle(10)
        world.clock.advance(600 * S)
    await world.settle(10)


def test_states_are_dropped_a_while_after_the_end() -> None:
    async def body() -> None:
        world = a_world()
        engine = await world.engine()
        await engine.submit(request())
        await world.ended(request().id)
        await hours(world, 20)
        assert await world.store.load(request().id) is not None
        await hours(world, 5)
        assert await world.store.load(request().id) is None
        assert world.clock.pending() == [], "nobody looks while nothing is there"
        await engine.submit(request("later"))
        await world.ended(request("later").id)
        await hours(world, 25)
        assert await world.store.load(request("later").id) is None
        await engine.close()

    live(body())


def test_states_stay_until_all_of_their_history_is_told() -> None:
    async def body() -> None:
        world = a_world()
        world.sink.fail = 10**9
        engine = await world.engine()
        await engine.submit(request())
        await hours(world, 50)
        assert await world.store.load(request().id) is not None
        world.sink.fail = 0
        await hours(world, 2)
        assert await world.store.load(request().id) is None
        assert world.story(request().id)[-1] == "SUCCEEDED"
        await engine.close()

    live(body())


def test_states_stay_for_ever_where_that_is_asked_for() -> None:
    async def body() -> None:
        world = a_world()
        world.settings = settings(retention_ns=0)
        engine = await world.engine()
        await engine.submit(request())
        await hours(world, 50)
        assert await world.store.load(request().id) is not None
        await engine.close()

    live(body())


def test_what_an_earlier_engine_left_is_dropped_in_small_steps() -> None:
    class Counting(MemoryStateStore):
        sweeps = 0

        @override
        async def forget(self, age_ns: int, rows_max: int) -> Forgotten:
            self.sweeps += 1
            return await super().forget(age_ns, rows_max)

    async def body() -> None:
        store = Counting()
        world = a_world(store, retention_rows=4)
        engine = await world.engine()
        for n in range(10):
            await engine.submit(request(f"e{n}"))
        await world.ended(*(request(f"e{n}").id for n in range(10)))
        await engine.close()
        world.clock.advance(2 * DAY)
        before = store.sweeps
        engine = await world.engine()
        world.clock.advance(864 * S)
        await world.settle(5)
        for _ in range(20):
            world.clock.advance(S)
            await world.settle(5)
        assert store.sweeps - before >= 10
        assert [await world.store.load(request(f"e{n}").id) for n in range(10)] == [None] * 10
        await engine.close()

    live(body())


def test_a_store_that_fails_is_swept_later(caplog: pytest.LogCaptureFixture) -> None:
    class Away(MemoryStateStore):
        away = 2

        @override
        async def forget(self, age_ns: int, rows_max: int) -> Forgotten:
            if self.away:
                self.away -= 1
                raise StoreError("the store is away")
            return await super().forget(age_ns, rows_max)

    async def body() -> None:
        world = a_world(Away())
        engine = await world.engine()
        await engine.submit(request())
        await hours(world, 26)
        assert await world.store.load(request().id) is None
        await engine.close()

    with caplog.at_level(logging.WARNING):
        live(body())
    assert "could not be dropped yet" in caplog.text
