"""Who waits is told the same, whether the allocator is beside the control plane or operators elsewhere say so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.tenancy.queue import Queue, QueuePage
from flytelike.controlplane.tenancy.wishes import ProjectWish, QuotaWish, TeamWish, Wanted
from flytelike.embedded.quotas import QuotasOfPlane, ReportsOfPlane, UsesOfAllocator, quotas_of, tenants_of
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.quota import ATTEMPTS, CPU, PlaceUse, QuotaPlace, QuotaTerms
from propeller.allocation import LocalAllocator
from propeller.allocation.shared import SharedAllocator, SharedSettings
from propeller.app.control_plane.quotas import RemoteReports
from propeller.engine.loop_clock import LoopClock
from propeller.ports_allocation import Allocator, Ask, name_of
from tests.contracts.over_the_wire import over_the_wire
from tests.unit.controlplane.builders import settings_for, started
from tests.unit.propeller_allocation.test_changing_rules import Told

pytestmark = pytest.mark.anyio
PORTS = {"Meter": ("UsesOfAllocator",)}
ML = QuotaPlace(team="ml")
WISHES = (
    TeamWish("ml", None, None, None),
    ProjectWish("vision", None, None, "ml", None),
    ProjectWish("speech", None, None, "ml", None),
    QuotaWish(ML, QuotaTerms({CPU: 1500})),
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class World:
    """A control plane, and who grants by its quotas."""

    def __init__(self, plane: ControlPlane, allocator: Allocator) -> None:
        self.plane = plane
        self.allocator = allocator
        self.queue = Queue(plane.tenancy, plane.usage, plane.holding)
        self.asked = 0

    async def ask(self, project: str, execution: str, priority: int = 0) -> None:
        """Ask for an attempt, and wait until it is told that it waits; the first of all is granted."""
        name = name_of(ExecutionId(project, "development", execution), NodePath("n0"), 2)
        amounts = {ATTEMPTS: 1, CPU: 1000}
        self.allocator.ask(Ask(name, project, "development", amounts, priority), Told())
        await self.until(self.asked)
        self.asked += 1

    async def until(self, waiting: int) -> QueuePage:
        async with asyncio.timeout(20):
            while (page := await self.page(ML)).waiting != waiting:
                await asyncio.sleep(0.002)
        return page

    async def page(self, place: QuotaPlace, limit: int = 10, offset: int = 0) -> QueuePage:
        return await self.queue.page(place, lambda project, _: project != "speech", limit, offset)


@pytest.fixture(params=["beside", "reported beside", "reported elsewhere"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        plane = await stack.enter_async_context(started(settings_for(tmp_path)))
        await plane.tenancy.apply([Wanted(wish) for wish in WISHES], dry_run=False)
        if request.param == "beside":
            rules = plane.tenancy.rules
            allocator = LocalAllocator(quotas_of(rules, {}), LoopClock(), tenants_of(rules))
            plane.tenancy.connect(UsesOfAllocator(allocator))
            yield World(plane, allocator)
            return
        heard = ReportsOfPlane(plane)
        if request.param == "reported elsewhere":
            heard = RemoteReports(await stack.enter_async_context(over_the_wire(plane)))  # type: ignore[assignment]
        source = QuotasOfPlane(plane)
        settings = SharedSettings(f"sqlite:///{tmp_path}/asks.db", "a", look_s=0.005, report_s=0.001)
        shared = SharedAllocator(settings, source.quotas, source.tenants, heard)
        yield World(plane, await stack.enter_async_context(shared))


async def test_those_who_wait_stand_in_the_order_in_which_they_go_on(world: World) -> None:
    await world.ask("vision", "runs")
    await world.ask("vision", "early")
    await world.ask("vision", "late")
    await world.ask("vision", "urgent", priority=5)
    page = await world.until(3)
    assert [(execution.name, wait.place, wait.of, wait.priority) for execution, wait in page.waits] == [
        ("urgent", 1, 3, 5),
        ("early", 2, 3, 0),
        ("late", 3, 3, 0),
    ]


async def test_one_who_waits_is_told_with_what_it_asks_and_what_is_in_its_way(world: World) -> None:
    await world.ask("vision", "runs")
    await world.ask("vision", "waits")
    ((execution, wait),) = (await world.until(1)).waits
    assert (str(execution), wait.path, wait.attempt) == ("vision/development/waits", "n0", 2)
    assert wait.asks == {ATTEMPTS: 1, CPU: 1000}
    assert wait.since_ns > 1_700_000_000_000_000_000
    (short,) = wait.shortfalls
    assert (short.place, short.resource, short.asked, short.used, short.limit) == (ML, CPU, 1000, 1000, 1500)
    assert short.held == (("vision", 1000),)


async def test_what_is_used_is_told_with_those_who_wait(world: World) -> None:
    await world.ask("vision", "runs")
    await world.ask("vision", "waits")
    await world.until(1)
    report = await world.plane.usage.attempts(10)
    for place in (QuotaPlace(), ML, QuotaPlace(project="vision"), QuotaPlace(project="vision", domain="development")):
        assert report.uses[place] == PlaceUse({ATTEMPTS: 1, CPU: 1000}, 1)


async def test_the_first_of_each_line_stand_before_the_second(world: World) -> None:
    await world.ask("vision", "runs")
    for name in ("a", "b", "c"):
        await world.ask("vision", name)
    await world.until(3)
    first, second = await world.page(ML, 2), await world.page(ML, 2, 2)
    assert [execution.name for execution, _ in (*first.waits, *second.waits)] == ["a", "b", "c"]
    assert (first.more, second.more) == (True, False)


async def test_those_who_are_not_to_be_named_are_counted(world: World) -> None:
    await world.ask("vision", "runs")
    await world.ask("speech", "secret")
    await world.ask("vision", "known")
    page = await world.until(2)
    assert ([execution.name for execution, _ in page.waits], page.unnamed) == (["known"], 1)
    elsewhere = await world.page(QuotaPlace(project="speech"))
    assert (list(elsewhere.waits), elsewhere.waiting, elsewhere.unnamed) == ([], 1, 1)
