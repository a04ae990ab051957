"""Who waits at a place, and for what: attempts and executions that are held back, as the API tells of them."""

from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

import grpc
import pytest
from grpc import aio

from flytelike.controlplane.access.roles import Action, Rights
from flytelike.controlplane.rpc.tenancy import told_to
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.queued import Queued, QuotaReport, Shortfall
from flytelike.model.quota import PlaceUse, QuotaPlace, QuotaTerms
from flytelike.remote.tenancy import project_wish, quota_wish, team_wish
from flytelike_idl.service import tenancy_pb2 as pb
from flytelike_idl.service import tenancy_pb2_grpc
from tests.unit.controlplane.builders import (
    DOMAIN,
    PROJECT,
    SECOND_NS,
    START_NS,
    Running,
    create_execution,
    module,
    served,
    settings_for,
)

pytestmark = pytest.mark.anyio
PLATFORM = QuotaPlace()
SHORT = Shortfall(QuotaPlace(project="vision"), "cpu", 2000, 3000, 4000, (("development", 3000),))


class FakeMeter:
    """Tells of the attempts that it is told of."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], list[tuple[ExecutionId, Queued]]] = {}
        self.asked: list[int] = []

    def line(self, project: str, *executions: str, since_s: int = 0, priority: int = 0) -> None:
        """Let an attempt of each execution wait in a project."""
        self.found[project, DOMAIN] = [
            (
                ExecutionId(project, DOMAIN, name),
                Queued(
                    NodePath("n0"),
                    1,
                    place,
                    len(executions),
                    since_ns=START_NS + (since_s + place) * SECOND_NS,
                    shortfalls=(SHORT,),
                    priority=priority,
                    asks={"cpu": 2000},
                ),
            )
            for place, name in enumerate(executions, 1)
        ]

    def uses(self) -> Mapping[QuotaPlace, PlaceUse]:
        return {PLATFORM: PlaceUse({"cpu": 3000}, sum(map(len, self.found.values())))}

    def waits(self, most: int) -> Iterable[tuple[ExecutionId, Queued]]:
        self.asked.append(most)
        return [it for line in self.found.values() for it in line[:most]]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def running(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    url = f"sqlite:///{tmp_path}/t.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    async with served(settings_for(tmp_path, url)) as running:
        yield running


@pytest.fixture
def meter(running: Running) -> FakeMeter:
    meter = FakeMeter()
    running.plane.tenancy.connect(meter)
    return meter


def stub(running: Running) -> "tenancy_pb2_grpc.TenancyServiceAsyncStub":
    return tenancy_pb2_grpc.TenancyServiceStub(running.channel)


async def apply(running: Running, *wishes: pb.TenancyWish) -> None:
    await stub(running).ApplyTenancy(pb.ApplyTenancyRequest(wishes=wishes))


async def queue(running: Running, place: str = "platform:", **more: object) -> pb.ListQuotaQueueResponse:
    at = QuotaPlace.parse(place)
    told = pb.QuotaPlace(team=at.team, project=at.project, domain=at.domain)
    return await stub(running).ListQuotaQueue(pb.ListQuotaQueueRequest(place=told, **more))  # type: ignore[arg-type]


def names(answer: pb.ListQuotaQueueResponse) -> list[str]:
    return [it.execution.name for it in answer.entries]


async def test_one_who_waits_is_told_with_all_that_is_known_of_it(running: Running, meter: FakeMeter) -> None:
    meter.line("vision", "a", "b", priority=3)
    first, second = (await queue(running)).entries
    assert (second.execution.project, second.execution.name, second.wait.node_id) == ("vision", "b", "n0")
    assert (first.wait.place, second.wait.place, second.wait.of, second.wait.attempt) == (1, 2, 2, 1)
    assert (second.wait.priority, dict(second.wait.asks)) == (3, {"cpu": 2000})
    assert second.wait.since.ToNanoseconds() == START_NS + 2 * SECOND_NS
    (short,) = second.wait.shortfalls
    assert (short.place.project, short.used, short.limit, short.held[0].name) == ("vision", 3000, 4000, "development")


async def test_a_place_has_the_lines_below_it(running: Running, meter: FakeMeter) -> None:
    await apply(running, team_wish("ml"), project_wish("vision", team="ml"), project_wish("speech", team="ml"))
    for number, project in enumerate(("vision", "speech", PROJECT)):
        meter.line(project, f"{project}-1", f"{project}-2", since_s=number)
    of_team = await queue(running, "team:ml")
    assert names(of_team) == ["vision-1", "speech-1", "vision-2", "speech-2"]
    assert (of_team.waiting, of_team.unnamed) == (4, 0)
    assert names(await queue(running, "speech")) == names(await queue(running, f"speech/{DOMAIN}"))
    assert (await queue(running, "speech/production")).waiting == 0
    everybody = await queue(running)
    assert (len(everybody.entries), everybody.waiting) == (6, 6)


async def test_pages_follow_each_other(running: Running, meter: FakeMeter) -> None:
    meter.line("vision", *(f"v{number}" for number in range(5)))
    meter.line("speech", "s0", since_s=100)
    found, token, pages = [], "", 0
    while True:
        page = await queue(running, limit=2, token=token)
        found, token, pages = found + names(page), page.token, pages + 1
        assert page.waiting == 6
        if not token:
            break
    assert (found, pages) == (["v0", "s0", "v1", "v2", "v3", "v4"], 3)
    # Nobody looks at more of a line than a page may show.
    assert meter.asked == [3, 5, 7]


async def test_executions_that_are_held_back_wait_too(running: Running) -> None:
    await apply(running, quota_wish(QuotaPlace(project=PROJECT), QuotaTerms({"executions": 1})))
    await running.plane.registry.register(module())
    for name in ("a", "b"):
        await running.admin.CreateExecution(create_execution(name))
    urgent = create_execution("urgent")
    urgent.spec.quality_of_service.priority.value = 4
    await running.admin.CreateExecution(urgent)
    first, second = (await queue(running, PROJECT)).entries
    assert (first.execution.name, first.wait.node_id, first.wait.place, first.wait.of) == ("urgent", "", 1, 2)
    assert (second.execution.name, first.wait.priority, second.wait.priority) == ("b", 4, 0)
    assert dict(first.wait.asks) == {"executions": 1}
    assert [(it.used, it.limit) for it in second.wait.shortfalls] == [(1, 1)]
    assert (await queue(running, "other")).waiting == 0


async def test_where_some_of_a_cluster_are_told_of_the_others_are_counted(running: Running) -> None:
    wait = Queued(NodePath("n0"), 0, 1, 700, since_ns=START_NS)
    uses = {PLATFORM: PlaceUse({"cpu": 1}, 900)}
    report = QuotaReport(1, uses, [(ExecutionId("vision", DOMAIN, "a"), wait)])
    await running.plane.usage.reported.take(report)
    answer = await queue(running)
    assert (names(answer), answer.waiting, answer.token) == (["a"], 900, "")


async def test_where_nobody_waits_there_is_nobody(running: Running, meter: FakeMeter) -> None:
    answer = await queue(running, "team:default")
    assert (list(answer.entries), answer.waiting, answer.unnamed, answer.token) == ([], 0, 0, "")
    assert meter.asked


async def test_a_place_that_cannot_be_is_told(running: Running) -> None:
    request = pb.ListQuotaQueueRequest(place=pb.QuotaPlace(team="ml", project="vision"))
    with pytest.raises(aio.AioRpcError) as told:
        await stub(running).ListQuotaQueue(request)
    assert told.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("place", "held", "told"),
    [
        ("platform:", (("ml", 5), ("web", 3), ("x", 1)), (("ml", 5), ("", 4))),
        ("team:ml", (("speech", 4), ("vision", 2)), (("vision", 2), ("", 4))),
        ("vision", (("development", 2),), (("development", 2),)),
    ],
)
def test_who_holds_a_limit_is_named_to_those_who_may_know(
    place: str, held: tuple[tuple[str, int], ...], told: tuple[tuple[str, int], ...]
) -> None:
    rights = Rights(projects={"vision": Action.READ}, team_of={"vision": "ml", "speech": "ml"})
    short = Shortfall(QuotaPlace.parse(place), "cpu", 1, 9, 9, held)
    queued = Queued(NodePath("n0"), 0, 1, 1, shortfalls=(short,))
    assert told_to(rights, queued).shortfalls[0].held == told
    assert told_to(Rights(platform=Action.READ), queued) == queued
