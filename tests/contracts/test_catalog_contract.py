"""What every catalog promises: entries by key, and one holder for each piece of work."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from flytelike.model.caching import CacheEntry, CacheKey, CacheSource, CatalogUse, Claim
from flytelike.model.ids import ExecutionId, NodePath
from propeller.app.control_plane.ports import RemoteCatalog
from propeller.ports_catalog import Catalog
from propeller.stores.memory_catalog import MemoryCatalog
from tests.contracts.over_the_wire import over_the_wire
from tests.unit.controlplane.builders import settings_for, started

pytestmark = pytest.mark.anyio
S = 1_000_000_000


class Clock:
    now = 1_000 * S

    def now_ns(self) -> int:
        return self.now


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite", "wire", pytest.param("postgres", marks=pytest.mark.postgres)])
async def catalog(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[Catalog]:
    if request.param == "memory":
        yield MemoryCatalog(clock.now_ns)
        return
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else f"sqlite:///{tmp_path}/cp.db"
    async with started(settings_for(tmp_path, url)) as plane:
        plane.catalog._clock = clock
        if request.param != "wire":
            yield plane.catalog
            return
        async with over_the_wire(plane) as connection:
            yield RemoteCatalog(connection)


def key(x: str = "1") -> CacheKey:
    return CacheKey("p", "d", "t", "sha256:i", "v1", "", (("x", f"sha256:{x}"),))


def entry(x: str = "1", **more: object) -> CacheEntry:
    source = CacheSource(ExecutionId("p", "d", "e"), NodePath("n0"), 0, "1")
    return CacheEntry(key(x), source, b"out", "mem://o", ("mem://a",), 7, 5, 3, **more)  # type: ignore[arg-type]


def by_digest(*keys: CacheKey) -> Mapping[str, CacheKey]:
    return {key.digest: key for key in keys}


async def test_what_is_put_is_found(catalog: Catalog) -> None:
    await asyncio.gather(*(catalog.put(entry(str(x))) for x in range(1_200)))
    wanted = by_digest(*(key(str(x)) for x in range(1_300)))
    found = await catalog.lookup(wanted)
    assert len(found) == 1_200
    assert found[key("7").digest] == entry("7")


async def test_many_are_put_at_once(catalog: Catalog) -> None:
    await catalog.reserve([Claim(key("7").digest, "a")], 10 * S)
    await asyncio.gather(
        catalog.put_many([entry(str(x)) for x in range(1_200)]),
        catalog.put_many([]),
        catalog.put_many([entry("7"), replace(entry("7"), outputs=b"later")]),
        catalog.put(entry("x")),
    )
    found = await catalog.lookup(by_digest(*(key(str(x)) for x in (*range(1_300), "x"))))
    assert len(found) == 1_201
    assert found[key("7").digest].outputs == b"later"
    assert (await catalog.reserve([Claim(key("7").digest, "b")], 10 * S))[key("7").digest].holder == "b"


async def test_the_last_put_wins(catalog: Catalog) -> None:
    await catalog.put(entry())
    await catalog.put(replace(entry(), outputs=b"new"))
    assert (await catalog.lookup(by_digest(key())))[key().digest].outputs == b"new"


async def test_what_is_dropped_or_expired_is_not_found(catalog: Catalog, clock: Clock) -> None:
    await catalog.put(entry("1"))
    await catalog.put(entry("2", expires_ns=clock.now + S))
    await catalog.drop([key("1").digest], "evicted")
    assert list(await catalog.lookup(by_digest(key("1"), key("2")))) == [key("2").digest]
    clock.now += S
    assert await catalog.lookup(by_digest(key("1"), key("2"))) == {}
    await catalog.put(entry("1"))
    assert list(await catalog.lookup(by_digest(key("1")))) == [key("1").digest]


async def test_work_has_one_holder(catalog: Catalog, clock: Clock) -> None:
    first = await catalog.reserve([Claim("w", "a"), Claim("v", "a")], 10 * S)
    assert {held.holder for held in first.values()} == {"a"}
    second = await catalog.reserve([Claim("w", "b"), Claim("u", "b")], 10 * S)
    assert {digest: held.holder for digest, held in second.items()} == {"w": "a", "u": "b"}
    assert second["w"].until_ns == clock.now + 10 * S


async def test_two_nodes_of_one_batch_do_not_both_get_it(catalog: Catalog) -> None:
    held = await catalog.reserve([Claim("w", "a"), Claim("w", "b")], 10 * S)
    assert held["w"].holder == "a"


async def test_a_holder_renews_and_a_lapsed_lease_is_taken_over(catalog: Catalog, clock: Clock) -> None:
    await catalog.reserve([Claim("w", "a")], 10 * S)
    clock.now += 9 * S
    assert (await catalog.reserve([Claim("w", "a")], 10 * S))["w"].until_ns == clock.now + 10 * S
    clock.now += 9 * S
    assert (await catalog.reserve([Claim("w", "b")], 10 * S))["w"].holder == "a"
    clock.now += S
    assert (await catalog.reserve([Claim("w", "b")], 10 * S))["w"].holder == "b"


async def test_only_the_holder_releases(catalog: Catalog) -> None:
    await catalog.reserve([Claim("w", "a")], 10 * S)
    await catalog.release([Claim("w", "b")])
    assert (await catalog.reserve([Claim("w", "b")], 10 * S))["w"].holder == "a"
    await catalog.release([Claim("w", "a")])
    assert (await catalog.reserve([Claim("w", "b")], 10 * S))["w"].holder == "b"


async def test_a_put_frees_its_work(catalog: Catalog) -> None:
    await catalog.reserve([Claim(key().digest, "a")], 10 * S)
    await catalog.put(entry())
    assert (await catalog.reserve([Claim(key().digest, "b")], 10 * S))[key().digest].holder == "b"


async def test_uses_are_taken(catalog: Catalog) -> None:
    await catalog.count([CatalogUse(key(), key().digest, True, 5), CatalogUse(key("2"), key("2").digest, False)])
