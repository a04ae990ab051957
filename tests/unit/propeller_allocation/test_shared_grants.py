"""Several holders of one database: limits hold whatever ends when, and nothing that was granted leaks."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select
from typing_extensions import override

from flytelike.model.quota import ATTEMPTS
from propeller.allocation.ledger import HolderReplaced
from propeller.allocation.schema import asks
from propeller.allocation.shared import SharedAllocator, SharedSettings
from propeller.core.fairness import Quota, Shortage
from propeller.ports_allocation import AllocationListener, Ask

pytestmark = pytest.mark.anyio
LIMIT = 4
QUOTAS = {(): Quota(limit={ATTEMPTS: LIMIT})}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/a.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@dataclass
class Held(AllocationListener):
    """What a holder has, by what it was told."""

    now: set[str] = field(default_factory=set)
    refusals: list[str] = field(default_factory=list)
    lost_ids: list[str] = field(default_factory=list)

    @override
    def granted(self, ask_id: str) -> None:
        assert ask_id not in self.now, "granted twice"
        self.now.add(ask_id)

    @override
    def refused(self, ask_id: str, shortages: tuple[Shortage, ...]) -> None:
        self.refusals.append(ask_id)

    @override
    def lost(self, ask_id: str) -> None:
        self.now.remove(ask_id)
        self.lost_ids.append(ask_id)


@dataclass
class Holder:
    """An engine's end."""

    allocator: SharedAllocator
    held: Held

    def ask(self, name: str, attempts: int = 1, project: str = "p") -> None:
        self.allocator.ask(Ask(name, project, "d", {ATTEMPTS: attempts}), self.held)

    def end(self, name: str) -> None:
        self.held.now.discard(name)
        self.allocator.give_back(name)

    async def turn(self) -> set[str]:
        await self.allocator.turn()
        return self.held.now


class Site:
    """Holders on one database; those that are not closed by a test are in the end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.open: list[SharedAllocator] = []

    async def holder(self, name: str, ttl_s: float = 60.0) -> Holder:
        allocator = SharedAllocator(SharedSettings(self.url, name, ttl_s), lambda: QUOTAS)
        await allocator.open()
        self.open.append(allocator)
        return Holder(allocator, Held())

    def granted(self) -> Mapping[str, int]:
        """What the database says is granted."""
        engine = create_engine(self.url)
        with engine.connect() as connection:
            found = connection.execute(select(asks.c.id, asks.c.amounts).where(asks.c.granted_ms.is_not(None)))
            told = {row.id: row.amounts[ATTEMPTS] for row in found}
        engine.dispose()
        return told


@pytest.fixture
async def site(anyio_backend: str, url: str) -> AsyncIterator[Site]:
    site = Site(url)
    yield site
    for allocator in site.open:
        await allocator.close()


async def test_what_one_gives_back_another_gets(site: Site) -> None:
    a, b = await site.holder("a"), await site.holder("b")
    for number in range(3):
        a.ask(f"a{number}")
        b.ask(f"b{number}")
    assert len(await a.turn()) + len(await b.turn()) == 3, "a decides, and has not heard of b then"
    await a.turn()
    assert len(a.held.now) + len(await b.turn()) == LIMIT
    a.end(next(iter(a.held.now)))
    await a.turn()
    await b.turn()
    assert sum(site.granted().values()) == LIMIT
    assert len(a.held.now) + len(b.held.now) == LIMIT


async def test_a_holder_that_is_not_heard_of_loses_what_it_has_and_hears_of_it_when_it_is_back(site: Site) -> None:
    gone, other = await site.holder("gone", ttl_s=0.0), await site.holder("other")
    gone.ask("x", attempts=4)
    assert await gone.turn() == {"x"}
    other.ask("y")
    while not await other.turn():
        await asyncio.sleep(0)
    assert site.granted() == {"y": 1}
    gone.ask("z")
    await gone.turn()
    assert gone.held.lost_ids == ["x"]
    assert gone.held.now == set()


async def test_one_that_decides_keeps_others_from_it_no_longer_than_it_keeps_what_it_has(site: Site) -> None:
    """And who waits sees, without a round, that the one who decided is gone: so it takes a time to live and a look."""
    gone, other = await site.holder("gone", ttl_s=0.001), await site.holder("other")
    other.ask("y")
    await other.turn()
    other.allocator._ledger.resign()
    gone.ask("x", attempts=4)
    await gone.turn()
    waiting = await site.holder("waiting")
    waiting.ask("z", attempts=3)
    await waiting.turn()
    while waiting.held.now != {"z"}:
        if waiting.allocator._ledger.changed():
            await waiting.turn()
    assert site.granted() == {"y": 1, "z": 3}


async def test_after_a_restart_what_was_granted_is_there_for_who_asks_again_and_the_rest_is_given_back(
    site: Site,
) -> None:
    before, other = await site.holder("a"), await site.holder("b")
    for name in ("kept", "forgotten", "third", "fourth"):
        before.ask(name)
    assert len(await before.turn()) == LIMIT
    after = await site.holder("a")
    after.ask("kept")
    assert after.held.now == {"kept"}, "at once, and without a round"
    with pytest.raises(HolderReplaced):
        await before.turn()
    other.ask("new", attempts=3)
    await other.turn()
    after.allocator.forget_unclaimed()
    await after.turn()
    assert await other.turn() == {"new"}


async def test_one_who_decides_no_more_is_followed_by_another(site: Site) -> None:
    first, second = await site.holder("first"), await site.holder("second")
    first.ask("a")
    await first.turn()
    second.ask("b")
    await second.turn()
    assert second.held.now == set(), "the first one decides"
    _let_others_decide(site.url)
    assert await second.turn() == {"b"}


async def test_what_was_given_back_while_a_round_went_on_is_free_again(site: Site) -> None:
    one = await site.holder("one")
    one.ask("x", attempts=4)
    going = asyncio.create_task(one.allocator.turn())
    await asyncio.sleep(0)
    one.end("x")
    await going
    one.ask("y", attempts=4)
    await one.turn()
    assert await one.turn() == {"y"}


async def test_the_same_may_be_asked_again_at_once_after_it_was_given_back(site: Site) -> None:
    first, second = await site.holder("first"), await site.holder("second")
    await first.turn()
    second.ask("x")
    await second.turn()
    await first.turn()
    assert await second.turn() == {"x"}
    second.end("x")
    second.ask("x")
    for _ in range(3):
        await second.turn()
        await first.turn()
    assert await second.turn() == {"x"}
    assert site.granted() == {"x": 1}


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_holders_do_at_once_the_grants_never_exceed_the_limit(site: Site, seed: int) -> None:
    """Rounds of four holders at the same time; some are killed and come back."""
    draw, numbers = random.Random(seed), itertools.count()
    holders = {name: await site.holder(name) for name in "abcd"}
    for step in range(25):
        for name, holder in list(holders.items()):
            if draw.random() < 0.6:
                holder.ask(f"{name}{next(numbers)}", attempts=draw.choice([1, 1, 2, 3, 4]))
            if holder.held.now and draw.random() < 0.5:
                holder.end(draw.choice(sorted(holder.held.now)))
            if draw.random() < 0.05:
                holders[name] = await site.holder(name)
                holders[name].allocator.forget_unclaimed()
        if step % 8 == 7:
            _let_others_decide(site.url)
        done = await asyncio.gather(*(holder.allocator.turn() for holder in holders.values()), return_exceptions=True)
        assert [it for it in done if it is not None] == []
        assert sum(site.granted().values()) <= LIMIT
    for _ in range(400):
        for holder in holders.values():
            for name in sorted(holder.held.now):
                holder.end(name)
            await holder.turn()
        if not site.granted() and not any(holder.allocator._asks for holder in holders.values()):
            return
    pytest.fail("something leaked, or starved")


def _let_others_decide(url: str) -> None:
    """Do what five seconds without a round do."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE allocation_state SET until_ms = 0")
    engine.dispose()
