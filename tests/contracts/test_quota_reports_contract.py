"""What every hearer of what is granted keeps: the latest report, whole, for as long as it says something."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typing_extensions import override

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.ports import Clock
from flytelike.controlplane.tenancy.reported import OLD_NS
from flytelike.embedded.quotas import ReportsOfPlane
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.queued import Queued, QuotaReport, Shortfall
from flytelike.model.quota import ATTEMPTS, CPU, PlaceUse, QuotaPlace
from propeller.app.control_plane.quotas import RemoteReports
from propeller.ports_allocation import QuotaReports
from tests.contracts.over_the_wire import over_the_wire
from tests.unit.controlplane.builders import START_NS, settings_for, started

pytestmark = pytest.mark.anyio
PORTS = {"QuotaReports": ("ReportsOfPlane", "RemoteReports")}
PLATFORM, ML, VISION = QuotaPlace(), QuotaPlace(team="ml"), QuotaPlace(project="vision", domain="staging")
NIGHTLY = ExecutionId("vision", "staging", "nightly")
SHORT = Shortfall(ML, CPU, 2000, 7000, 8000, (("vision", 6000), ("speech", 1000)))
WAITS = Queued(
    NodePath("n0/0/n3"), 2, 4, 9, since_ns=1_700_000_000_000_000_000, shortfalls=(SHORT,), priority=-2, asks={CPU: 2000}
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class SetClock(Clock):
    """A clock that stands until it is set."""

    now = START_NS

    @override
    def now_ns(self) -> int:
        return self.now


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def plane(tmp_path: Path, clock: SetClock) -> AsyncIterator[ControlPlane]:
    async with started(settings_for(tmp_path), clock=clock) as plane:
        yield plane


@pytest.fixture(params=["beside", "elsewhere"])
async def reports(request: pytest.FixtureRequest, plane: ControlPlane) -> AsyncIterator[QuotaReports]:
    if request.param == "beside":
        yield ReportsOfPlane(plane)
        return
    async with over_the_wire(plane) as connection:
        yield RemoteReports(connection)


def report(at_ms: int, attempts: int) -> QuotaReport:
    uses = {place: PlaceUse({ATTEMPTS: attempts, CPU: 7000}, 3) for place in (PLATFORM, ML, VISION)}
    return QuotaReport(at_ms, uses, [(NIGHTLY, WAITS)])


async def test_what_is_said_is_what_everybody_is_told(plane: ControlPlane, reports: QuotaReports) -> None:
    await reports.take(report(1, attempts=5))
    used = await plane.usage.now()
    assert used[ML] == PlaceUse({ATTEMPTS: 5, CPU: 7000}, 3)
    assert used[VISION] == used[PLATFORM] == used[ML]
    (told,) = await plane.usage.reported.waits(NIGHTLY)
    assert told == WAITS
    assert not await plane.usage.reported.waits(ExecutionId("vision", "staging", "other"))


async def test_a_report_that_comes_late_changes_nothing(plane: ControlPlane, reports: QuotaReports) -> None:
    for at_ms, attempts in ((2, 5), (1, 4)):
        await reports.take(report(at_ms, attempts))
    assert (await plane.usage.now())[ML].used[ATTEMPTS] == 5
    await reports.take(QuotaReport(3, {}))
    assert ML not in await plane.usage.now()


async def test_what_nobody_has_said_of_late_is_not_known(
    plane: ControlPlane, reports: QuotaReports, clock: SetClock
) -> None:
    await reports.take(report(1, attempts=5))
    clock.now += OLD_NS
    assert ML in await plane.usage.now()
    clock.now += 1
    assert ML not in await plane.usage.now()
    assert not await plane.usage.reported.waits(NIGHTLY)
