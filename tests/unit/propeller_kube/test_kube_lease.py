"""Leases between holders with clocks of their own."""

import asyncio
from collections.abc import Awaitable, Callable

from propeller.kube.lease import LEASES, Leases
from tests.kube.fake_objects import FakeObjects


class Replica:
    """One holder; `now` is its own clock."""

    def __init__(self, objects: FakeObjects, holder: str, now: float = 0.0) -> None:
        self.now = now
        self.leases = Leases(objects, "ns", "tests", holder, 15, lambda: self.now)

    async def free(self, name: str) -> bool:
        return self.leases.free((await self.leases.look()).get(name))

    async def take(self, name: str) -> bool:
        return await self.leases.take(name, (await self.leases.look()).get(name)) is not None


def live(body: Callable[[Replica, Replica], Awaitable[None]]) -> None:
    """Run a body with two holders, whose clocks differ by years."""
    objects = FakeObjects()
    asyncio.run(asyncio.wait_for(body(Replica(objects, "ada"), Replica(objects, "bob", 1e9)), 30))


def test_a_lease_that_is_renewed_stays_its_holder_s() -> None:
    async def body(ada: Replica, bob: Replica) -> None:
        assert await ada.take("x")
        for _ in range(5):
            bob.now += 14
            assert not await bob.free("x")
            assert await ada.take("x")

    live(body)


def test_a_lease_is_free_once_it_was_not_renewed_for_its_duration_by_the_looker_s_clock() -> None:
    async def body(ada: Replica, bob: Replica) -> None:
        assert await ada.take("x")
        assert not await bob.free("x")
        bob.now += 15
        assert await bob.free("x")
        assert await bob.take("x")
        found = (await bob.leases.look())["x"]
        assert (found.holder, found.transitions) == ("bob", 1)
        ada.now += 1000
        assert not await ada.free("x")

    live(body)


def test_of_two_that_saw_it_free_one_gets_it() -> None:
    async def body(ada: Replica, bob: Replica) -> None:
        assert await ada.leases.take("x", None)
        assert await bob.leases.take("x", None) is None
        seen = (await bob.leases.look())["x"]
        await ada.leases.release(seen)
        free = (await bob.leases.look())["x"]
        assert bob.leases.free(free)
        assert await bob.leases.take("x", free)
        assert await ada.leases.take("x", free) is None

    live(body)


def test_a_lease_of_another_group_is_not_seen() -> None:
    async def body(ada: Replica, bob: Replica) -> None:
        del bob
        objects = FakeObjects()
        assert await Leases(objects, "ns", "others", "eve", 15, lambda: 0.0).take("x", None)
        assert await Leases(objects, "ns", "tests", "ada", 15, lambda: 0.0).look() == {}
        assert (await objects.get(LEASES, "ns", "x"))["spec"]["holderIdentity"] == "eve"
        assert await ada.leases.look() == {}

    live(body)
