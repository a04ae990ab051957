"""What is used of quotas, now and over time, and why something waits: through the API."""

from collections.abc import Mapping, Sequence

import grpc
import pytest
from grpc import aio

from flytelike.codec.ids import execution_id_to_proto
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.queued import Queued, Shortfall
from flytelike.model.quota import PlaceUse, QuotaPlace, QuotaTerms
from flytelike.remote.tenancy import quota_wish
from flytelike_idl.admin import execution_pb2
from flytelike_idl.service import tenancy_pb2 as pb
from flytelike_idl.service import tenancy_pb2_grpc
from tests.unit.controlplane.builders import (
    PROJECT,
    START_NS,
    Running,
    create_execution,
    execution_id,
    module,
    succeeded,
)

pytestmark = pytest.mark.anyio
HERE = QuotaPlace(project=PROJECT)
PLACE = pb.QuotaPlace(project=PROJECT)


class FakeMeter:
    """Tells what it is told to."""

    def __init__(self) -> None:
        self.found: dict[QuotaPlace, PlaceUse] = {}

    def uses(self) -> Mapping[QuotaPlace, PlaceUse]:
        return self.found

    def waits(self, most: int) -> Sequence[tuple[ExecutionId, Queued]]:
        raise AssertionError(f"nobody has asked who waits, nor for {most}")


def stub(running: Running) -> "tenancy_pb2_grpc.TenancyServiceAsyncStub":
    return tenancy_pb2_grpc.TenancyServiceStub(running.channel)


async def limit(running: Running, **limits: int) -> None:
    wish = quota_wish(HERE, QuotaTerms(limits))
    await stub(running).ApplyTenancy(pb.ApplyTenancyRequest(wishes=[wish]))


async def run(running: Running, *names: str) -> None:
    await running.plane.registry.register(module())
    for name in names:
        await running.admin.CreateExecution(create_execution(name))


async def test_quotas_show_what_is_used(running: Running) -> None:
    meter = FakeMeter()
    running.plane.tenancy.connect(meter)
    await limit(running, cpu=4000, executions=1)
    await run(running, "a", "b")
    meter.found = {HERE: PlaceUse({"cpu": 1500}, 7)}
    (found,) = (await stub(running).ListQuotas(pb.ListQuotasRequest())).quotas
    assert (dict(found.used), found.waiting) == ({"cpu": 1500, "executions": 1}, 7)
    used = (await stub(running).ListQuotas(pb.ListQuotasRequest(used=True))).quotas
    assert [it.quota.place.domain or it.quota.place.project or it.team for it in used] == [
        "",
        "default",
        PROJECT,
        "development",
    ]


async def test_a_sample_is_kept_where_something_has_changed(running: Running) -> None:
    meter = FakeMeter()
    running.plane.tenancy.connect(meter)
    usage = running.plane.usage
    await usage.sample()
    meter.found = {HERE: PlaceUse({"cpu": 1000}, 2)}
    await usage.sample()
    await usage.sample()
    meter.found = {}
    await usage.sample()
    samples = (await stub(running).ListQuotaSamples(pb.ListQuotaSamplesRequest(place=PLACE))).samples
    assert [it.at.ToNanoseconds() % 60_000_000_000 for it in samples] == [0] * len(samples)
    assert (dict(samples[-1].used), samples[-1].waiting) == ({}, 0)
    other = pb.ListQuotaSamplesRequest(place=pb.QuotaPlace(project="other"))
    assert not (await stub(running).ListQuotaSamples(other)).samples


async def test_what_is_recorded_leads_to_one_sample(running: Running) -> None:
    await run(running, "a")
    await running.plane.record(succeeded("a"))
    await running.plane.record(succeeded("a"))
    usage = running.plane.usage
    first = usage._due
    usage.touched()
    assert usage._due is first


async def test_a_held_execution_says_why_it_waits(running: Running) -> None:
    await limit(running, executions=1)
    await run(running, "a", "b")
    request = pb.ExplainQuotaWaitRequest(id=execution_id_to_proto(execution_id("b")))
    (wait,) = (await stub(running).ExplainQuotaWait(request)).waits
    (short,) = wait.shortfalls
    assert (wait.node_id, wait.place, wait.of, wait.since.ToNanoseconds() >= START_NS) == ("", 1, 1, True)
    assert (short.place, short.used, short.limit, short.never) == (PLACE, 1, 1, False)
    row = await running.plane.executions.row(execution_id("b"))
    assert row.held_since
    found = await running.admin.GetExecution(execution_pb2.WorkflowExecutionGetRequest(id=request.id))
    assert found.closure.waits


async def test_waiting_attempts_say_which_limit_and_what_would_free_it(running: Running) -> None:
    await run(running, "a")
    short = Shortfall(QuotaPlace(team="ml"), "cpu", 2000, 3000, 4000, (("vision", 3000),))
    running.launcher.in_line[execution_id("a")] = [Queued(NodePath("n0"), 1, 3, 9, "", START_NS, (short,))]
    request = pb.ExplainQuotaWaitRequest(id=execution_id_to_proto(execution_id("a")))
    (wait,) = (await stub(running).ExplainQuotaWait(request)).waits
    assert (wait.node_id, wait.attempt, wait.place, wait.of) == ("n0", 1, 3, 9)
    assert [(it.name, it.amount) for it in wait.shortfalls[0].held] == [("vision", 3000)]


async def test_who_asks_about_nothing_is_told(running: Running) -> None:
    request = pb.ExplainQuotaWaitRequest(id=execution_id_to_proto(execution_id("none")))
    with pytest.raises(aio.AioRpcError) as told:
        await stub(running).ExplainQuotaWait(request)
    assert told.value.code() is grpc.StatusCode.NOT_FOUND
