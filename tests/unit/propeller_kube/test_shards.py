"""Shards that replicas take, lose and hand over. Their Leases are real values on a fake API server; time is set."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

from propeller.app.shard import Shard
from propeller.app.shards import Shards
from propeller.kube.errors import Unavailable
from propeller.kube.lease import LEASES, Leases
from propeller.ports import StoreError
from tests.kube.fake_objects import FakeObjects

DURATION_S = 15


class Fence:
    """What stands for the shards' stores: each start gets the next epoch; older ones are replaced."""

    def __init__(self) -> None:
        self.epochs: dict[int, int] = {}
        self.owners: dict[int, set[str]] = {}

    def shard(self, number: int, owner: str) -> Any:
        epoch = self.epochs[number] = self.epochs.get(number, 0) + 1
        self.owners.setdefault(number, set()).add(owner)
        fence = self

        class Running(SimpleNamespace):
            @property
            def replaced(self) -> bool:
                return fence.epochs[number] != epoch

            async def close(self) -> None:
                self.closed = True

        return Running(number=number, closed=False)


class Replica:
    def __init__(self, cluster: "Cluster", name: str, shards: int) -> None:
        self.name = name
        self.failures: list[Exception] = []
        leases = Leases(cluster.objects, "ns", "tests", name, DURATION_S, lambda: cluster.now)
        self.count = shards
        self.fence = cluster.fence
        self.shards = Shards(leases, shards, self._start)

    async def _start(self, number: int, owner: str) -> Shard:
        if self.failures:
            raise self.failures.pop(0)
        return cast("Shard", self.fence.shard(number, owner))

    async def beat(self) -> None:
        await self.shards.beat()
        await asyncio.sleep(0)  # What was begun has started.

    @property
    def mine(self) -> set[int]:
        found = {number: self.shards.shard(number) for number in range(16)}
        return {number for number, shard in found.items() if shard is not None and not shard.replaced}


class Cluster:
    def __init__(self) -> None:
        self.now = 0.0
        self.objects = FakeObjects()
        self.fence = Fence()

    def replica(self, name: str, shards: int = 4) -> Replica:
        return Replica(self, name, shards)

    async def rounds(self, *replicas: Replica, count: int = 4, step_s: float = DURATION_S / 3) -> None:
        for _ in range(count):
            for replica in replicas:
                await replica.beat()
            self.now += step_s


def live(body: Callable[[Cluster], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(30):
            await body(Cluster())

    asyncio.run(main())


def test_one_replica_has_all_and_two_share() -> None:
    async def body(cluster: Cluster) -> None:
        ada, bob = cluster.replica("ada"), cluster.replica("bob")
        await cluster.rounds(ada)
        assert ada.mine == {0, 1, 2, 3}
        await cluster.rounds(ada, bob)
        assert (len(ada.mine), len(bob.mine)) == (2, 2)
        assert ada.mine | bob.mine == {0, 1, 2, 3}

    live(body)


def test_shards_of_a_silent_replica_are_taken_over_and_it_notices() -> None:
    """Its name was the store's owner: who has the Lease replaces it there at once, whatever clocks say."""

    async def body(cluster: Cluster) -> None:
        ada, bob = cluster.replica("ada"), cluster.replica("bob")
        await cluster.rounds(ada, bob, count=6)
        lost = ada.mine
        await cluster.rounds(bob, count=2)
        assert ada.mine == lost, "it is not that late yet"
        await cluster.rounds(bob, count=2)
        assert bob.mine == {0, 1, 2, 3}
        assert ada.mine == set()
        assert all(len(owners) == 1 for owners in cluster.fence.owners.values())
        await cluster.rounds(ada, bob, count=6)
        assert (len(ada.mine), len(bob.mine)) == (2, 2)

    live(body)


def test_a_replica_that_stops_hands_over_at_once() -> None:
    async def body(cluster: Cluster) -> None:
        ada, bob = cluster.replica("ada"), cluster.replica("bob")
        await cluster.rounds(ada, bob, count=6)
        await ada.shards.close()
        await bob.beat()
        assert bob.mine == {0, 1, 2, 3}

    live(body)


def test_a_restarted_replica_of_the_same_name_goes_on_at_once() -> None:
    async def body(cluster: Cluster) -> None:
        await cluster.rounds(cluster.replica("ada"), count=1)
        again = cluster.replica("ada")
        await again.beat()
        assert again.mine == {0, 1, 2, 3}

    live(body)


def test_while_the_api_server_is_away_what_runs_goes_on() -> None:
    async def body(cluster: Cluster) -> None:
        ada = cluster.replica("ada")
        pauses = 0

        async def pause(seconds: float) -> None:
            nonlocal pauses
            pauses += 1
            cluster.now += seconds
            if pauses == 1:
                cluster.objects.trouble = [Unavailable(0, "", "away")] * 20
            if not cluster.objects.trouble:
                raise EOFError
            await asyncio.sleep(0)

        ada.shards._pause = pause
        try:
            await ada.shards.run()
        except EOFError:
            assert ada.mine == {0, 1, 2, 3}
            assert set(cluster.fence.epochs.values()) == {1}
        assert cluster.now > 10 * DURATION_S / 3

    live(body)


def test_a_shard_whose_store_was_taken_over_by_a_late_starter_is_started_again() -> None:
    """Who got a Lease, slept, and then took the store, has lost the Lease by then; it cannot keep the shard."""

    async def body(cluster: Cluster) -> None:
        ada = cluster.replica("ada")
        await cluster.rounds(ada, count=1)
        cluster.fence.shard(2, "late")
        assert ada.mine == {0, 1, 3}
        await ada.beat()
        assert ada.mine == {0, 1, 2, 3}

    live(body)


def test_a_shard_that_did_not_start_is_tried_again() -> None:
    async def body(cluster: Cluster) -> None:
        ada = cluster.replica("ada", shards=1)
        ada.failures = [StoreError("away"), StoreError("away")]
        await cluster.rounds(ada, count=2)
        assert ada.mine == set()
        await ada.beat()
        assert ada.mine == {0}

    live(body)


def test_a_lease_that_was_deleted_costs_a_start() -> None:
    async def body(cluster: Cluster) -> None:
        ada = cluster.replica("ada", shards=1)
        await ada.beat()
        await cluster.objects.delete(LEASES, "ns", "propeller-shard-0")
        await ada.beat()
        assert ada.mine == {0}
        assert cluster.fence.epochs[0] == 2

    live(body)


def test_shards_of_a_time_when_there_were_more_go_on() -> None:
    async def body(cluster: Cluster) -> None:
        before = cluster.replica("ada", shards=4)
        await before.beat()
        await before.shards.close()
        after = cluster.replica("ada", shards=2)
        await after.beat()
        assert after.mine == {0, 1, 2, 3}

    live(body)
