"""What every source of quotas keeps: quotas are known by path, and changes are heard without being asked for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.tenancy.wishes import ProjectWish, QuotaWish, TeamWish, Wanted
from flytelike.embedded.quotas import QuotasOfPlane
from flytelike.model.quota import CPU, QuotaPlace, QuotaTerms
from propeller.app.control_plane.quotas import RemoteQuotas
from propeller.core.fairness import Quota
from propeller.ports_allocation import QuotaSource
from tests.contracts.over_the_wire import over_the_wire
from tests.unit.controlplane.builders import settings_for, started

pytestmark = pytest.mark.anyio
PORTS = {"QuotaSource": ("QuotasOfPlane", "RemoteQuotas")}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with started(settings_for(tmp_path)) as plane:
        yield plane


@pytest.fixture(params=["beside", "elsewhere"])
async def source(request: pytest.FixtureRequest, plane: ControlPlane) -> AsyncIterator[QuotaSource]:
    if request.param == "beside":
        yield QuotasOfPlane(plane)
        return
    async with over_the_wire(plane) as connection:
        remote = RemoteQuotas()
        hearing = asyncio.ensure_future(remote.hear(connection))
        try:
            yield remote
        finally:
            hearing.cancel()
            await asyncio.wait([hearing])


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


async def test_quotas_and_owners_are_known_and_changes_are_heard(plane: ControlPlane, source: QuotaSource) -> None:
    await source.known()
    assert all(not quota.limit for quota in source.quotas().values())
    wishes = [
        TeamWish("ml"),
        ProjectWish("vision", team="ml"),
        QuotaWish(QuotaPlace(team="ml"), QuotaTerms({CPU: 2000}, {CPU: 1000}, 3.0)),
        QuotaWish(QuotaPlace(project="vision"), QuotaTerms({"gpu": 1})),
    ]
    await plane.tenancy.apply([Wanted(wish) for wish in wishes], dry_run=False)
    await until(lambda: ("ml",) in source.quotas())
    assert source.quotas()["ml",] == Quota(3.0, {CPU: 1000}, {CPU: 2000})
    assert source.quotas()["ml", "vision"].limit == {"gpu": 1}
    assert source.tenants().path("vision", "staging") == ("ml", "vision", "staging")
