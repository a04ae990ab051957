"""Two engines on one store: one of them owns it, and one that was replaced stops."""

import asyncio
import logging
from dataclasses import replace

import pytest
from typing_extensions import override

from flytelike.model.phases import WorkflowPhase
from propeller.engine import Engine
from propeller.ports import NotOwner, Owned, StoreLocked
from propeller.stores.memory import MemoryStateStore
from tests.unit.propeller_engine.builders import chain, closure, request
from tests.unit.propeller_engine.fakes import FakeClock, S, user_failure
from tests.unit.propeller_engine.world import SETTINGS, World, key, live


def two_worlds(*, waits: bool = False) -> tuple[World, World]:
    """Two engines' worlds on the same store, at the same time."""
    clock = FakeClock()
    store = MemoryStateStore(clock.now_ns)
    graph = closure(chain(2))
    ada = World(graph, store=store, clock=clock, settings=replace(SETTINGS, holder="ada"), script=lambda spec: None)
    bob = World(
        graph,
        store=store.beside(),
        clock=clock,
        settings=replace(SETTINGS, holder="bob", lease_waits=waits),
        blobs=ada.blobs,
        sink=ada.sink,
    )
    return ada, bob


async def minutes(world: World, count: int) -> None:
    for _ in range(count * 60):
        world.clock.advance(S)
        await world.settle(20)


def test_a_second_engine_says_that_another_one_runs() -> None:
    async def body() -> None:
        ada, bob = two_worlds()
        engine = await ada.engine()
        await minutes(ada, 5)
        with pytest.raises(Owned, match=r"`ada` runs on this store; its lease lapses in \d+ s"):
            await bob.engine()
        await engine.close()

    live(body())


def test_a_lease_is_given_back_in_a_good_end() -> None:
    async def body() -> None:
        ada, bob = two_worlds()
        await (await ada.engine()).close()
        await (await bob.engine()).close()

    live(body())


def test_an_engine_that_waits_takes_over_once_the_other_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        ada, bob = two_worlds(waits=True)
        engine = await ada.engine()
        await engine.submit(request())
        await ada.settle()
        second = asyncio.create_task(bob.engine())
        await minutes(ada, 3)
        assert not second.done()
        assert isinstance(ada.store, MemoryStateStore)
        ada.store._closed = True  # Its way to the store is cut.
        await minutes(bob, 1)
        assert second.done()
        await bob.ended(request().id)
        assert bob.phase(request().id) is WorkflowPhase.SUCCEEDED
        await (await second).close()

    with caplog.at_level(logging.WARNING):
        live(body())
    assert sum(record.message.startswith("waiting:") for record in caplog.records) == 1


@pytest.mark.parametrize("by", ["a heartbeat", "a commit"])
def test_an_engine_that_was_replaced_stops_and_stores_nothing(by: str) -> None:
    async def body() -> None:
        ada, bob = two_worlds()
        slept: Engine = await ada.engine()
        await slept.submit(request())
        await ada.settle()
        ada.clock.now += 60 * S  # It slept for a minute: no heartbeat was sent.
        engine = await bob.engine()
        await bob.settle()
        if by == "a commit":
            slept.failed(key(request(), "n0"), ada.clock.now, user_failure("an old one's"))
        else:
            ada.clock.advance(S)
        await ada.settle(200)
        assert isinstance(slept.replaced, NotOwner)
        assert ada.executor.closed
        assert not ada.executor.running
        with pytest.raises(NotOwner, match="`bob` has taken this store over"):
            await slept.submit(request("e2"))
        await bob.ended(request().id)
        assert bob.phase(request().id) is WorkflowPhase.SUCCEEDED
        await slept.close()
        await engine.close()

    live(body())


def test_an_engine_with_nothing_to_write_learns_that_its_store_is_locked_and_says_so() -> None:
    class Locked(MemoryStateStore):
        locked = False

        @override
        async def renew(self, lease_ns: int) -> None:
            if self.locked:
                raise StoreLocked("another process holds the database")
            await super().renew(lease_ns)

    async def body() -> None:
        store = Locked()
        world = World(closure(chain(1)), store=store, settings=replace(SETTINGS, holder="ada"))
        engine = await world.engine()
        store.locked = True
        await minutes(world, 1)
        (trouble,) = engine.troubles
        assert (trouble.code, trouble.executions) == ("database-locked", frozenset())
        store.locked = False
        await minutes(world, 1)
        assert engine.troubles == []
        await engine.close()

    live(body())
