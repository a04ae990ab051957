"""Work that one of all replicas does: begun with the lease, stopped without it, handed over."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from propeller.app.duty import Duty
from propeller.kube.errors import Unavailable
from propeller.kube.lease import Leases
from tests.kube.fake_objects import FakeObjects


class Replica:
    """One that may have the duty. `now` is its own clock; `working` tells whether it works."""

    def __init__(self, objects: FakeObjects, holder: str) -> None:
        self.now = 0.0
        self.working = False
        self.begun = 0
        self.broken: Exception | None = None
        self.paused = asyncio.Event()
        leases = Leases(objects, "ns", "tests", holder, 15, lambda: self.now)
        self.duty = Duty(leases, "duty", self.work, self.pause)

    async def work(self) -> None:
        self.begun += 1
        self.working = True
        try:
            if self.broken is not None:
                raise self.broken
            await asyncio.Event().wait()
        finally:
            self.working = False

    async def pause(self, _seconds: float) -> None:
        self.paused.set()
        await asyncio.sleep(0)

    async def beat(self) -> bool:
        """Beat, and return whether it works."""
        await self.duty.beat()
        await asyncio.sleep(0)
        return self.working


def live(body: Callable[[Replica, Replica, FakeObjects], Awaitable[None]]) -> None:
    async def main() -> None:
        objects = FakeObjects()
        ada, bob = Replica(objects, "ada"), Replica(objects, "bob")
        async with asyncio.timeout(20):
            await body(ada, bob, objects)
        for one in (ada, bob):
            await one.duty._stop()

    asyncio.run(main())


def test_one_of_two_works() -> None:
    async def body(ada: Replica, bob: Replica, objects: FakeObjects) -> None:
        assert [await ada.beat(), await bob.beat(), await ada.beat()] == [True, False, True]
        assert ada.begun == 1

    live(body)


def test_another_takes_over_once_the_lease_has_lapsed_and_the_first_stops() -> None:
    async def body(ada: Replica, bob: Replica, objects: FakeObjects) -> None:
        await ada.beat()
        await bob.beat()
        bob.now += 15
        assert await bob.beat()
        assert not await ada.beat()

    live(body)


def test_who_stops_lets_another_have_it_at_once() -> None:
    async def body(ada: Replica, bob: Replica, objects: FakeObjects) -> None:
        running = asyncio.get_running_loop().create_task(ada.duty.run())
        while not ada.working:
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])
        assert not ada.working
        assert await bob.beat()

    live(body)


def test_work_that_fails_is_begun_again(caplog: pytest.LogCaptureFixture) -> None:
    async def body(ada: Replica, bob: Replica, objects: FakeObjects) -> None:
        ada.broken = ValueError("no")
        await ada.beat()
        while ada.begun < 3:
            await asyncio.sleep(0)
        ada.broken = None
        while not ada.working:
            await asyncio.sleep(0)

    live(body)
    assert "begins again" in caplog.text


def test_an_api_server_that_is_away_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def body(ada: Replica, bob: Replica, objects: FakeObjects) -> None:
        objects.trouble = [Unavailable(500, "", "away")] * 3
        running = asyncio.get_running_loop().create_task(ada.duty.run())
        while not ada.working:
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])

    live(body)
    assert caplog.text.count("cannot be renewed") == 1
