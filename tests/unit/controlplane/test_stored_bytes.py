"""What executions have stored counts against limits, and comes back when they are collected."""

from pathlib import Path

import pytest
from sqlalchemy import update

from flytelike.controlplane.collecting.policy import Rule
from flytelike.controlplane.errors import Refusal, Status
from flytelike.controlplane.schema import executions
from flytelike.controlplane.tenancy.rules import Rules
from flytelike.controlplane.tenancy.stored import bounded_projects, is_bounded
from flytelike.controlplane.tenancy.wishes import QuotaWish, Wanted
from flytelike.model.phases import WorkflowPhase
from flytelike.model.quota import CPU, STORED_BYTES, QuotaPlace, QuotaTerms
from tests.unit.controlplane import builders
from tests.unit.controlplane.builders import create_execution, module, settings_for, started
from tests.unit.controlplane.retention_world import DOMAIN, PROJECT, Ran, World, world

pytestmark = pytest.mark.anyio
HERE = QuotaPlace(project=PROJECT)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return ""
    return str(request.getfixturevalue("postgres_url"))


async def limit(at: World, size: int, place: QuotaPlace = HERE) -> None:
    await at.plane.tenancy.apply([Wanted(QuotaWish(place, QuotaTerms({STORED_BYTES: size})))], dry_run=False)


async def test_what_is_stored_counts_at_each_place_and_is_refused_above_the_limit(url: str, tmp_path: Path) -> None:
    async with world(tmp_path, url) as at:
        await at.run([Ran(), Ran(phase=WorkflowPhase.RUNNING)])
        stored = at.plane.stored
        await stored.check(PROJECT, DOMAIN)
        documents = at.document(0).stat().st_size
        await limit(at, documents + 5 + 1)
        await stored.measure()
        used = await stored.uses()
        assert used[HERE] == used[QuotaPlace()] == used[QuotaPlace(project=PROJECT, domain=DOMAIN)] == documents + 5
        assert (await at.plane.usage.now())[HERE].used[STORED_BYTES] == documents + 5
        await stored.check(PROJECT, DOMAIN)
        await limit(at, documents + 5)
        with pytest.raises(Refusal, match="storage-used-up") as refused:
            await stored.check(PROJECT, DOMAIN)
        assert refused.value.status is Status.RESOURCE_EXHAUSTED
        assert "gc" in refused.value.diagnostics[0].help[0]


async def test_collecting_gives_it_back(url: str, tmp_path: Path) -> None:
    async with world(tmp_path, url) as at:
        await at.run([Ran(), Ran(age_days=1)])
        await limit(at, 1, QuotaPlace(team="default"))
        await at.plane.stored.measure()
        both = (await at.plane.stored.uses())[HERE]
        await at.collect(Rule(30 * 24 * 3600 * 10**9))
        assert await at.left() == {1}
        assert (await at.plane.stored.uses())[HERE] == both / 2


async def test_what_ended_is_looked_at_once(url: str, tmp_path: Path) -> None:
    async with world(tmp_path, url) as at:
        await at.run([Ran()])
        await limit(at, 100)
        await at.plane.stored.measure()
        (at.folder(0, 0) / "more").write_bytes(b"1234567890")
        before = (await at.plane.stored.uses())[HERE]
        await at.plane.stored.measure()
        assert (await at.plane.stored.uses())[HERE] == before
        again = update(executions).values(stored_bytes=-1)
        await at.plane.database.write(lambda connection: connection.execute(again))
        await at.plane.stored.measure()
        assert (await at.plane.stored.uses())[HERE] == before + 10


async def test_uploads_count_too(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        folder = tmp_path / "store/uploads" / PROJECT / DOMAIN / "digest"
        folder.mkdir(parents=True)
        (folder / "bundle.tar.gz").write_bytes(b"12345678")
        await limit(at, 100)
        assert (await at.plane.stored.uses())[HERE] == 8


async def test_a_new_execution_is_refused_where_too_much_is_stored(tmp_path: Path) -> None:
    async with started(settings_for(tmp_path)) as plane:
        await plane.registry.register(module())
        folder = tmp_path / "store/uploads" / builders.PROJECT / builders.DOMAIN / "digest"
        folder.mkdir(parents=True)
        (folder / "bundle.tar.gz").write_bytes(b"12345678")
        place = QuotaPlace(project=builders.PROJECT)
        await plane.tenancy.apply([Wanted(QuotaWish(place, QuotaTerms({STORED_BYTES: 8})))], dry_run=False)
        with pytest.raises(Refusal, match="storage-used-up"):
            await plane.executions.create(create_execution("a"), "me")


def test_nothing_is_looked_at_where_nobody_bounds_it() -> None:
    assert not is_bounded(Rules({HERE: QuotaTerms({CPU: 1})}))
    here = QuotaTerms({STORED_BYTES: 1})
    assert bounded_projects(Rules({HERE: here, QuotaPlace(team="a"): QuotaTerms()})) == frozenset({PROJECT})
    assert bounded_projects(Rules({QuotaPlace(team="a"): here})) is None
