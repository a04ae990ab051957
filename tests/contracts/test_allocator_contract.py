"""What every allocator keeps: limits hold, what was given back goes to who is next, each is told once."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import pytest
from typing_extensions import override

from flytelike.model.quota import ATTEMPTS
from propeller.allocation import LocalAllocator
from propeller.allocation.shared import SharedAllocator, SharedSettings
from propeller.core.fairness import Quota, Shortage
from propeller.engine.loop_clock import LoopClock
from propeller.ports_allocation import AllocationListener, Allocator, Ask

pytestmark = pytest.mark.anyio
PORTS = {"Allocator": ("LocalAllocator", "SharedAllocator")}
Quotas: TypeAlias = Mapping[tuple[str, ...], Quota]


@dataclass
class Told(AllocationListener):
    """What a listener was told."""

    granted_ids: list[str] = field(default_factory=list)
    refused_ids: dict[str, tuple[Shortage, ...]] = field(default_factory=dict)
    lost_ids: list[str] = field(default_factory=list)

    @override
    def granted(self, ask_id: str) -> None:
        self.granted_ids.append(ask_id)

    @override
    def refused(self, ask_id: str, shortages: tuple[Shortage, ...]) -> None:
        self.refused_ids[ask_id] = shortages

    @override
    def lost(self, ask_id: str) -> None:
        self.lost_ids.append(ask_id)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["local", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def allocator(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Allocator]:
    """Two attempts at once; project `small` one of them."""
    quotas: Quotas = {
        (): Quota(limit={ATTEMPTS: 2}),
        ("default", "small"): Quota(limit={ATTEMPTS: 1}),
    }
    if request.param == "local":
        yield LocalAllocator(quotas, LoopClock())
        return
    url = f"sqlite:///{tmp_path}/a.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    shared = SharedAllocator(SharedSettings(url, "one"), lambda: quotas)
    await shared.open()
    yield shared
    await shared.close()


async def settled(allocator: Allocator) -> None:
    """Let an allocator whose rounds take time do as many as it needs."""
    if isinstance(allocator, SharedAllocator):
        for _ in range(3):
            await allocator.turn()


def ask(name: str, project: str = "p", attempts: int = 1, priority: int = 0) -> Ask:
    return Ask(name, project, "development", {ATTEMPTS: attempts}, priority)


async def test_what_fits_is_granted_and_the_rest_waits_for_what_is_given_back(allocator: Allocator) -> None:
    told = Told()
    for name in "abc":
        allocator.ask(ask(name), told)
    await settled(allocator)
    assert told.granted_ids == ["a", "b"]
    allocator.give_back("a")
    await settled(allocator)
    assert told.granted_ids == ["a", "b", "c"]


async def test_who_asks_again_is_not_granted_again(allocator: Allocator) -> None:
    told = Told()
    for _ in range(3):
        allocator.ask(ask("a"), told)
    allocator.ask(ask("b"), told)
    await settled(allocator)
    assert told.granted_ids == ["a", "b"]


async def test_giving_back_twice_or_what_is_not_known_changes_nothing(allocator: Allocator) -> None:
    told = Told()
    allocator.ask(ask("a", attempts=2), told)
    await settled(allocator)
    for _ in range(2):
        allocator.give_back("a")
        allocator.give_back("unknown")
    for name in "bcd":
        allocator.ask(ask(name), told)
    await settled(allocator)
    assert told.granted_ids == ["a", "b", "c"]


async def test_who_waits_no_longer_is_not_granted(allocator: Allocator) -> None:
    told = Told()
    for name in "abcd":
        allocator.ask(ask(name), told)
    await settled(allocator)
    allocator.give_back("c")
    allocator.give_back("a")
    await settled(allocator)
    assert told.granted_ids == ["a", "b", "d"]


async def test_what_can_never_be_granted_is_refused_with_the_limits_in_its_way(allocator: Allocator) -> None:
    told = Told()
    allocator.ask(ask("a", "small", attempts=3), told)
    await settled(allocator)
    assert {it.path for it in told.refused_ids["a"]} == {(), ("default", "small")}
    allocator.ask(ask("b"), told)
    await settled(allocator)
    assert told.granted_ids == ["b"]


async def test_a_project_that_is_at_its_limit_keeps_nobody_else_waiting(allocator: Allocator) -> None:
    told = Told()
    for name in ("a", "b"):
        allocator.ask(ask(name, "small"), told)
    allocator.ask(ask("c"), told)
    await settled(allocator)
    assert told.granted_ids == ["a", "c"]


async def test_one_that_waits_says_why(allocator: Allocator) -> None:
    told = Told()
    for name in ("a", "b"):
        allocator.ask(ask(name, "small"), told)
    await settled(allocator)
    waiting = await allocator.why("b")
    assert waiting is not None
    assert (waiting.place, waiting.length) == (1, 1)
    assert [(it.path, it.used, it.limit) for it in waiting.shortages] == [(("default", "small"), 1, 1)]
    assert await allocator.why("a") is None


async def test_a_listener_may_give_back_while_it_is_told(allocator: Allocator) -> None:
    class Hasty(Told):
        @override
        def granted(self, ask_id: str) -> None:
            super().granted(ask_id)
            allocator.give_back(ask_id)

    told = Hasty()
    for name in "abcdef":
        allocator.ask(ask(name), told)
    await settled(allocator)
    assert told.granted_ids == list("abcdef")


async def test_a_closed_allocator_grants_nothing(allocator: Allocator) -> None:
    told = Told()
    await allocator.close()
    allocator.ask(ask("a"), told)
    assert told.granted_ids == []
