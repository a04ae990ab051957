"""Schedules and backfills as clients ask for them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError

from flytelike.remote import Client, schedules
from flytelike.remote.errors import RemoteError
from flytelike_idl.service import schedules_pb2 as pb
from flytelike_idl.service.schedules_pb2_grpc import ScheduleServiceStub
from tests.unit.controlplane.builders import DOMAIN, PROJECT, Running, plan_id, served, settings_for
from tests.unit.controlplane.scheduled import register, scheduled

pytestmark = pytest.mark.anyio
HERE = {"project": PROJECT, "domain": DOMAIN}
DAY_S = 24 * 3600


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with served(settings_for(tmp_path)) as running:
        await register(running.plane, *[scheduled(f"plan{n}") for n in range(3)])
        yield running


@pytest.fixture
async def client(running: Running) -> AsyncIterator[Client]:
    async with Client(running.addresses.grpc) as client:
        yield client


async def test_schedules_come_in_pages_those_that_fire_first(running: Running, client: Client) -> None:
    await schedules.switch(client, plan_id("plan2"), active=True)
    stub = ScheduleServiceStub(running.channel)
    first = await stub.ListSchedules(pb.ListSchedulesRequest(**HERE, limit=2, next=3))
    rest = await stub.ListSchedules(pb.ListSchedulesRequest(**HERE, limit=2, token=first.token))
    assert [one.id.name for one in (*first.schedules, *rest.schedules)] == ["plan2", "plan0", "plan1"]
    assert [one.active for one in first.schedules] == [True, False]
    assert [len(one.next) for one in (*first.schedules, *rest.schedules)] == [3, 3, 1]
    assert rest.token == ""
    assert [one.id.name for one in await schedules.schedules(client, PROJECT, DOMAIN, 1)] == ["plan2", "plan0", "plan1"]


async def test_the_times_of_a_backfill_come_in_pages(running: Running, client: Client) -> None:
    made = await schedules.begin(client, wish(name="fill"))
    assert [count.count for count in made.backfill.counts] == [5]
    stub = ScheduleServiceStub(running.channel)
    first = await stub.GetBackfill(pb.GetBackfillRequest(**HERE, name="fill", limit=3))
    rest = await stub.GetBackfill(pb.GetBackfillRequest(**HERE, name="fill", limit=3, token=first.token))
    assert [run.at for run in (*first.runs, *rest.runs)] == [run.at for run in made.runs]
    assert (first.token, rest.token) == ("3", "")
    cancelled = await schedules.cancel(client, PROJECT, DOMAIN, "fill", abort=False)
    assert (cancelled.phase, cancelled.cancelled_by) == (pb.BACKFILL_PHASE_CANCELLED, "anonymous")
    assert [one.name for one in await schedules.backfills(client, PROJECT, DOMAIN, "plan0", 10)] == ["fill"]


def wish(**options: object) -> pb.CreateBackfillRequest:
    """Return a request for five minutes of 2023."""
    request = pb.CreateBackfillRequest(**HERE, launch_plan="plan0", **options)  # type: ignore[arg-type]
    request.begin.FromSeconds(1_700_000_000 // 60 * 60 - DAY_S)
    request.end.FromSeconds(request.begin.seconds + 300)
    return request


@pytest.mark.parametrize(
    "broken",
    [
        pb.CreateBackfillRequest(launch_plan="plan0"),
        pb.CreateBackfillRequest(**HERE, launch_plan="plan0"),
        pb.CreateBackfillRequest(**HERE),
    ],
)
async def test_what_a_request_lacks_is_told(client: Client, broken: pb.CreateBackfillRequest) -> None:
    with pytest.raises(RemoteError) as refused:
        await schedules.begin(client, broken)
    assert {found.code for found in refused.value.diagnostics} == {"missing-field"}


async def test_a_time_outside_of_the_calendar_is_told(running: Running) -> None:
    request = wish()
    request.begin.seconds = 10**15
    with pytest.raises(AioRpcError) as refused:
        await ScheduleServiceStub(running.channel).CreateBackfill(request)
    assert refused.value.code() is StatusCode.INVALID_ARGUMENT
