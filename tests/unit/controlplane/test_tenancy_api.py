"""Teams, projects and quotas through the API, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import grpc
import pytest
from grpc import aio

from flytelike.controlplane.tenancy.rules import Rules
from flytelike.controlplane.tenancy.wishes import TeamWish, Wanted
from flytelike.model.quota import QuotaPlace, QuotaTerms
from flytelike.remote.tenancy import project_wish, quota_wish, team_wish
from flytelike_idl.admin import project_pb2
from flytelike_idl.service import tenancy_pb2 as pb
from flytelike_idl.service import tenancy_pb2_grpc
from tests.unit.controlplane.builders import Running, served, settings_for

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def running(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    url = f"sqlite:///{tmp_path}/t.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    async with served(settings_for(tmp_path, url)) as running:
        yield running


def stub(running: Running) -> "tenancy_pb2_grpc.TenancyServiceAsyncStub":
    return tenancy_pb2_grpc.TenancyServiceStub(running.channel)


async def apply(running: Running, *wishes: pb.TenancyWish, **more: object) -> list[int]:
    request = pb.ApplyTenancyRequest(wishes=wishes, **more)  # type: ignore[arg-type]
    return [change.action for change in (await stub(running).ApplyTenancy(request)).changes]


async def refused(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(aio.AioRpcError) as told:
        await call
    return told.value.code(), told.value.details() or ""


VISION = (
    team_wish("ml", "Models", {"floor": "3"}),
    project_wish("vision", team="ml"),
    quota_wish(QuotaPlace(team="ml"), QuotaTerms({"cpu": 16_000}, {"cpu": 4_000}, 2.0)),
    quota_wish(QuotaPlace(project="vision", domain="production"), QuotaTerms({"gpu/a100": 2})),
)


async def test_what_was_applied_is_there_and_once_more_changes_nothing(running: Running) -> None:
    assert await apply(running, *VISION) == [pb.TENANCY_ACTION_CREATE] * 4
    assert await apply(running, *VISION) == [pb.TENANCY_ACTION_NONE] * 4
    (team,) = (await stub(running).ListTeams(pb.ListTeamsRequest(name="ml"))).teams
    assert (team.description, dict(team.labels), team.projects) == ("Models", {"floor": "3"}, 1)
    found = (await stub(running).ListQuotas(pb.ListQuotasRequest(team="ml"))).quotas
    assert [(it.team, it.quota.place.team, it.quota.place.project, dict(it.quota.limits)) for it in found] == [
        ("ml", "ml", "", {"cpu": 16_000}),
        ("ml", "", "vision", {"gpu/a100": 2}),
    ]
    project = await running.admin.GetProject(project_pb2.ProjectGetRequest(id="vision"))
    assert (project.team, project.state) == ("ml", project_pb2.Project.ACTIVE)


async def test_a_plan_changes_nothing_and_only_that_plan_is_carried_out(running: Running) -> None:
    request = pb.ApplyTenancyRequest(wishes=VISION, dry_run=True)
    plan = (await stub(running).ApplyTenancy(request)).plan
    assert [team.name for team in (await stub(running).ListTeams(pb.ListTeamsRequest())).teams] == ["default"]
    await apply(running, team_wish("ml"))
    code, text = await refused(apply(running, *VISION, plan=plan))
    assert (code, "plan-outdated" in text) == (grpc.StatusCode.FAILED_PRECONDITION, True)


async def test_all_or_nothing(running: Running) -> None:
    code, _ = await refused(apply(running, team_wish("good"), team_wish("Bad")))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "good" not in [team.name for team in (await stub(running).ListTeams(pb.ListTeamsRequest())).teams]


async def test_teams_come_in_pages(running: Running) -> None:
    await apply(running, *(team_wish(f"t{number}") for number in range(5)))
    request, names = pb.ListTeamsRequest(limit=2), []
    while True:
        page = await stub(running).ListTeams(request)
        names += [team.name for team in page.teams]
        if not (token := page.token):
            break
        request.token = token
    assert names == ["default", "t0", "t1", "t2", "t3", "t4"]


async def test_stock_clients_leave_the_team_as_it_is(running: Running) -> None:
    await apply(running, *VISION)
    await running.admin.UpdateProject(project_pb2.Project(id="vision", description="sees"))
    found = await running.admin.GetProject(project_pb2.ProjectGetRequest(id="vision"))
    assert (found.team, found.description) == ("ml", "sees")
    await running.admin.UpdateProject(project_pb2.Project(id="vision", team="default"))
    assert running.plane.tenancy.rules.teams == {}
    code, _ = await refused(running.admin.UpdateProject(project_pb2.Project(id="vision", team="nobody")))
    assert code is grpc.StatusCode.INVALID_ARGUMENT


async def test_listeners_hear_of_new_rules_only(running: Running) -> None:
    heard: list[Rules] = []
    running.plane.tenancy.on_changed(heard.append)
    await apply(running, *VISION)
    await apply(running, *VISION)
    await apply(running, team_wish("ml", "Other"))
    assert [(dict(rules.teams), len(rules.quotas)) for rules in heard] == [({"vision": "ml"}, 2)]


async def test_of_those_who_create_a_team_at_once_one_does(running: Running) -> None:
    cases, wanted = running.plane.tenancy, [Wanted(TeamWish("ml"))]
    plans = await asyncio.gather(*(cases.apply(wanted, dry_run=False) for _ in range(5)))
    assert sorted(plan.changes[0].action.value for plan in plans) == [1, 1, 1, 1, 2]


@pytest.mark.parametrize("token", ["x", "-1", "9" * 20])
async def test_tokens_are_those_of_a_page(running: Running, token: str) -> None:
    code, _ = await refused(stub(running).ListTeams(pb.ListTeamsRequest(token=token)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_wish_names_something(running: Running) -> None:
    nothing = pb.TenancyWish(), pb.TenancyWish(create=True, change=True, team=pb.TeamWish(name="x"))
    both = pb.TenancyWish(quota=pb.QuotaWish(quota=pb.Quota(place=pb.QuotaPlace(team="a", project="b"))))
    code, text = await refused(apply(running, *nothing, both))
    assert (code, text.count("[invalid-wish]"), "[invalid-quota]" in text) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        2,
        True,
    )
