"""The queue names to a tenant what they may read, and counts what others of the same team or platform wait for."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from flytelike.controlplane.access.roles import Place, Role
from flytelike.controlplane.tenancy.wishes import ProjectWish, Wanted
from flytelike.model.ids import ExecutionId, NodePath
from flytelike.model.queued import Queued, Shortfall
from flytelike.model.quota import PlaceUse, QuotaPlace
from flytelike_idl.service import tenancy_pb2 as pb
from tests.unit.access.world import OTHER, Guarded, guarded, user_grant
from tests.unit.controlplane.builders import DOMAIN, PROJECT, settings_for

pytestmark = pytest.mark.anyio
TEAM = f"team-{PROJECT}"
PATH = "/flytelike.service.TenancyService/ListQuotaQueue"
SHORT = Shortfall(QuotaPlace(team=TEAM), "cpu", 1, 9, 9, ((PROJECT, 6), (OTHER, 3)))


class Waiting:
    """Tells that an attempt waits in each domain of two projects of one team."""

    def uses(self) -> Mapping[QuotaPlace, PlaceUse]:
        return {QuotaPlace(): PlaceUse({"cpu": 9}, 3)}

    def waits(self, _most: int) -> Sequence[tuple[ExecutionId, Queued]]:
        queued = Queued(NodePath("n0"), 0, 1, 1, shortfalls=(SHORT,))
        places = ((PROJECT, DOMAIN), (PROJECT, "production"), (OTHER, DOMAIN))
        return [(ExecutionId(project, domain, f"of-{project}"), queued) for project, domain in places]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Guarded]:
    grants = {
        "neighbour": user_grant("neighbour", Role.VIEWER, Place(OTHER)),
        "of-domain": user_grant("of-domain", Role.VIEWER, Place(PROJECT, DOMAIN)),
        "owner": user_grant("owner", Role.VIEWER, Place(team=TEAM)),
        "nobody": None,
    }
    async with guarded(settings_for(tmp_path), grants) as world:
        plane = world.running.plane
        await plane.tenancy.apply([Wanted(ProjectWish(OTHER, None, None, TEAM, None))], dry_run=False)
        plane.tenancy.connect(Waiting())
        yield world


async def queue(world: Guarded, user: str, **place: str) -> tuple[bytes, pb.ListQuotaQueueResponse]:
    request = pb.ListQuotaQueueRequest(place=pb.QuotaPlace(**place))
    (answer,) = await world.call(PATH, request.SerializeToString(), user)
    return answer, pb.ListQuotaQueueResponse.FromString(answer)


@pytest.mark.parametrize("place", [{}, {"team": TEAM}], ids=["platform", "team"])
async def test_a_neighbour_in_the_team_sees_theirs_and_how_many_others_wait(
    world: Guarded, place: Mapping[str, str]
) -> None:
    raw, told = await queue(world, "neighbour", **place)
    assert [it.execution.name for it in told.entries] == [f"of-{OTHER}"]
    assert (told.waiting, told.unnamed) == (3, 2)
    # Their own team goes by the project's name here.
    assert f"of-{PROJECT}".encode() not in raw
    assert [(it.name, it.amount) for it in told.entries[0].wait.shortfalls[0].held] == [(OTHER, 3), ("", 6)]


async def test_a_role_in_a_domain_names_what_waits_in_that_domain(world: Guarded) -> None:
    _, told = await queue(world, "of-domain", project=PROJECT)
    assert [it.execution.domain for it in told.entries] == [DOMAIN]
    assert (told.waiting, told.unnamed) == (2, 1)


async def test_who_may_read_the_team_sees_all_of_it(world: Guarded) -> None:
    _, told = await queue(world, "owner", team=TEAM)
    assert (len(told.entries), told.waiting, told.unnamed) == (3, 3, 0)


async def test_who_has_no_role_sees_a_number_of_the_platform_and_no_other_place(world: Guarded) -> None:
    _, told = await queue(world, "nobody")
    assert (len(told.entries), told.waiting, told.unnamed) == (0, 3, 3)
    for place in (pb.QuotaPlace(team=TEAM), pb.QuotaPlace(project=PROJECT), pb.QuotaPlace(project="none")):
        request = pb.ListQuotaQueueRequest(place=place).SerializeToString()
        assert await world.status(PATH, request, "nobody") == "PERMISSION_DENIED", place
