"""The documents of ended executions last: what is not synced yet is restored after a power cut, then synced."""

import asyncio
from collections.abc import Collection

from typing_extensions import override

from propeller.engine.run import SEAL
from propeller.ports import BlobsUnavailable
from tests.unit.propeller_engine.builders import chain, closure, fan, repeated, request, step
from tests.unit.propeller_engine.fakes import FakeBlobs
from tests.unit.propeller_engine.kinds import branch, constant, task, workflow
from tests.unit.propeller_engine.kinds import closure as joined
from tests.unit.propeller_engine.world import SETTINGS, World, live

FOLDER = "mem://meta/p-d-e1"
DOCUMENTS = {
    f"{FOLDER}/n0/data/inputs.pb",
    f"{FOLDER}/n0/data/0/outputs.pb",
    f"{FOLDER}/s/data/inputs.pb",
    f"{FOLDER}/s.0.n0/data/inputs.pb",
    f"{FOLDER}/s.0.n0/data/0/outputs.pb",
    f"{FOLDER}/s/data/0/outputs.pb",
    f"{FOLDER}/end-node/data/0/outputs.pb",
}


def a_world(blobs: FakeBlobs | None = None) -> World:
    return World(
        closure([step("n0"), step("s", "n0", workflow="inner")], {"inner": chain(1)}), blobs=blobs or FakeBlobs()
    )


def power_cut(world: World) -> None:
    """Lose every object that is not synced."""
    world.machine_restarts()
    world.blobs.objects = {uri: data for uri, data in world.blobs.objects.items() if uri in world.blobs.synced}


async def marks(world: World) -> list[str]:
    snapshot = await world.store.load(request().id)
    return list(snapshot.commands) if snapshot else []


def test_an_ended_execution_is_sealed_a_while_later() -> None:
    async def body() -> None:
        world = a_world()
        engine = await world.engine()
        await engine.submit(request())
        await world.ended(request().id)
        await world.settle()
        assert await marks(world) == [SEAL]
        assert world.blobs.synced == set(), "nothing is synced while it goes on"
        assert engine._driver.runs == {}, "it is not kept in memory for it"
        world.clock.advance(SETTINGS.seal_pause_ns)
        await world.settle()
        assert await marks(world) == []
        power_cut(world)
        assert set(world.blobs.objects) >= DOCUMENTS
        await engine.close()

    live(body())


def test_an_engine_that_closes_seals_what_has_ended() -> None:
    async def body() -> None:
        world = a_world()
        await world.executed(request())
        assert await marks(world) == []
        assert world.blobs.synced >= DOCUMENTS

    live(body())


def test_what_a_power_cut_took_before_the_seal_is_written_again_by_the_next_engine() -> None:
    async def body() -> None:
        world = a_world()
        engine = await world.engine()
        await engine.submit(request())
        await world.ended(request().id)
        await world.settle()
        before = {uri: world.blobs.objects[uri] for uri in DOCUMENTS}
        power_cut(world)
        assert world.blobs.objects == {}
        engine = await world.engine()
        await world.settle()
        world.clock.advance(SETTINGS.seal_pause_ns)
        await world.settle()
        power_cut(world)
        assert {uri: world.blobs.objects.get(uri) for uri in DOCUMENTS} == before
        assert await world.store.unfinished() == []
        await engine.close()

    live(body())


def test_the_inputs_of_a_branch_that_a_power_cut_took_while_its_case_ran_are_written_again() -> None:
    async def body() -> None:
        choice = branch("b", constant(7), otherwise=task("few", constant(0)))
        world = World(joined(workflow(choice)), script=lambda _: None)
        engine = await world.engine()
        await engine.submit(request())
        await world.settle()
        before = world.inputs(request().id, "b")
        power_cut(world)
        engine = await world.engine()
        await world.settle()
        assert world.inputs(request().id, "b") == before == {"v": 7}
        await engine.close()

    live(body())


def test_a_seal_that_fails_is_tried_again() -> None:
    class Away(FakeBlobs):
        away = 3

        @override
        async def sync_all(self, uris: Collection[str]) -> None:
            if self.away:
                self.away -= 1
                raise BlobsUnavailable("the disk does not answer")
            await super().sync_all(uris)

    async def body() -> None:
        world = a_world(Away())
        engine = await world.engine()
        await engine.submit(request())
        await world.ended(request().id)
        for _ in range(10):
            await world.settle()
            world.clock.advance(1_000_000_000)
        assert await marks(world) == []
        await engine.close()

    live(body())


def test_the_documents_of_elements_that_had_states_of_their_own_last_too() -> None:
    async def body() -> None:
        outer = [*fan(2), step("a", "n0", "n1", workflow="w", each=repeated())]
        world = World(closure(outer, {"w": chain(2)}))
        engine = await world.engine()
        await engine.submit(request())
        await world.ended(request().id)
        await world.settle()
        world.clock.advance(SETTINGS.seal_pause_ns)
        await world.settle()
        before = dict(world.blobs.objects)
        assert f"{FOLDER}/a.0.1.0.n1/data/0/outputs.pb" in before
        power_cut(world)
        assert world.blobs.objects == before
        await engine.close()

    live(body())


def test_many_executions_share_a_sync() -> None:
    class Counting(FakeBlobs):
        calls = 0

        @override
        async def sync_all(self, uris: Collection[str]) -> None:
            self.calls += 1
            await super().sync_all(uris)

    async def body() -> None:
        blobs = Counting()
        world = a_world(blobs)
        engine = await world.engine()
        ids = [request(f"e{n}") for n in range(50)]
        await asyncio.gather(*(engine.submit(one) for one in ids))
        await world.ended(*(one.id for one in ids))
        await engine.close()
        assert blobs.calls <= 3
        assert await world.store.unfinished() == []

    live(body())


def test_a_disk_that_hangs_does_not_hold_the_engine_up() -> None:
    class Hanging(FakeBlobs):
        asked = False

        @override
        async def sync_all(self, uris: Collection[str]) -> None:
            self.asked = True
            await asyncio.get_running_loop().create_future()

    async def body() -> None:
        blobs = Hanging()
        world = a_world(blobs)
        engine = await world.engine()
        await engine.submit(request())
        await world.ended(request().id)
        await world.settle()
        closing = asyncio.create_task(engine.close())
        await world.settle()
        assert blobs.asked
        assert not closing.done()
        world.clock.advance(SETTINGS.close_patience_ns)
        await closing
        assert await marks(world) == [SEAL]

    live(body())
