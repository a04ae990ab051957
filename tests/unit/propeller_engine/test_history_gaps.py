"""A sink that misses records of an execution holds up the history of that one only."""

import logging

import pytest

from flytelike.model.ids import ExecutionId
from flytelike.model.phases import WorkflowPhase
from propeller.engine import delivery
from propeller.stores.memory import MemoryStateStore
from tests.unit.propeller_engine.builders import chain, closure, request
from tests.unit.propeller_engine.world import World, live, settings

LOST, OTHER = request("lost").id, request("other").id


async def later(world: World, seconds: int = 11) -> None:
    for _ in range(seconds):
        world.clock.advance(1_000_000_000)
        await world.settle(20)


def of(world: World, execution: ExecutionId) -> list[int]:
    return [entry.sequence for call in world.sink.calls for entry in call if entry.execution == execution]


@pytest.mark.parametrize("waiting_max", [3, 20_000], ids=["read back", "in memory"])
def test_others_go_on_and_it_goes_on_once_mended(waiting_max: int, caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        world = World(closure(chain(3)), settings=settings(history_waiting_max=waiting_max))
        world.sink.lost = {LOST}
        engine = await world.engine()
        for execution in ("lost", "other"):
            await engine.submit(request(execution))
        await world.ended(OTHER)
        assert world.phase(OTHER) is WorkflowPhase.SUCCEEDED
        await later(world, 60)
        assert of(world, LOST) == []
        assert len(await world.store.undelivered(100)) == len(await world.store.undelivered(100, {OTHER})) > 0
        world.sink.lost = set()
        await later(world)
        assert world.phase(LOST) is WorkflowPhase.SUCCEEDED
        assert of(world, LOST) == [*range(1, len(of(world, LOST)) + 1)], "in order, once"
        await engine.close()
        assert await world.store.undelivered(100) == []

    with caplog.at_level(logging.WARNING, "propeller.engine.delivery"):
        live(body())
    (said, over) = [record.getMessage() for record in caplog.records]
    assert f"flytelike db accept-gap {LOST} 2" in said, "said once, with the way out"
    assert str(LOST) in over


def test_what_an_engine_left_of_it_keeps_no_other_from_being_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its records are the oldest in the store, and as many as are read at once."""
    monkeypatch.setattr(delivery, "BATCHES_READ", 2)

    async def body() -> None:
        world = World(closure(chain(3)))
        world.sink.lost = {LOST}
        engine = await world.engine()
        await engine.submit(request("lost"))
        await later(world, 3)
        await engine.close()
        assert isinstance(world.store, MemoryStateStore)
        assert len(await world.store.undelivered(100)) > 2
        engine = await world.engine()
        await engine.submit(request("other"))
        await world.ended(OTHER)
        assert world.phase(OTHER) is WorkflowPhase.SUCCEEDED
        await engine.close()

    live(body())
