"""What the control plane tells of cached results, and which ones it lets go."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from flytelike.codec.caching import source_from_json
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.repository import catalog_past
from flytelike.controlplane.repository import catalog_queries as queries
from flytelike.controlplane.repository.catalog_past import PAST_MAX
from flytelike.controlplane.repository.catalog_queries import Selection
from flytelike.model.caching import CacheEntry, CacheKey, CacheSource, CatalogUse
from flytelike.model.ids import NodePath
from tests.unit.controlplane.builders import (
    execution_id,
    settings_for,
    started,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with started(settings_for(tmp_path, f"sqlite:///{tmp_path}/cp.db")) as plane:
        yield plane


KEY = CacheKey("p", "d", "t", "sha256:i", "v1", "", (("x", "sha256:1"), ("y", "sha256:1")))


def entry(number: int, **more: object) -> CacheEntry:
    key = replace(KEY, inputs=(("x", f"sha256:{number}"), ("y", "sha256:1")))
    source = CacheSource(execution_id("run"), NodePath("n0"), 0, "1")
    kept = CacheEntry(key, source, b"o", "mem://o", (), 100 * number, 5, number)
    return replace(kept, **more)  # type: ignore[arg-type]


async def test_a_selection_narrows(plane: ControlPlane) -> None:
    for number in range(1, 5):
        await plane.catalog.put(entry(number))
    assert [row.created_at for row in await plane.cache.entries(Selection(), 3, 0)] == [4, 3, 2]
    assert await plane.cache.entries(Selection(task="other"), 9, 0) == []
    assert len(await plane.cache.entries(Selection("p", "d", "t", larger_than_bytes=200), 9, 0)) == 2
    assert len(await plane.cache.entries(Selection(used_before_ns=3), 9, 0)) == 2


async def test_those_unused_for_longest_go_first(plane: ControlPlane) -> None:
    for number in range(1, 5):
        await plane.catalog.put(entry(number))
    await plane.catalog.count([CatalogUse(entry(1).key, entry(1).key.digest, True, 7)])
    assert await plane.cache.evict(Selection(), 500, dry_run=True) == (2, 500)
    assert await plane.cache.evict(Selection(), 500, dry_run=False) == (2, 500)
    left = await plane.cache.entries(Selection(), 9, 0)
    assert {row.size_bytes for row in left} == {100, 400}
    [told] = await plane.cache.statistics(Selection())
    assert (told.hits, told.saved_ns, told.entries, told.size_bytes) == (1, 7, 2, 500)


async def test_a_project_keeps_within_its_bound_and_time(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, f"sqlite:///{tmp_path}/cp.db")
    async with started(replace(settings, cache_bytes_max=450, cache_ttl_ns=10**18)) as plane:
        for number in range(1, 5):
            await plane.catalog.put(entry(number, created_ns=plane.clock.now_ns() + number))
        await plane.catalog.sweep()
        left = await plane.cache.entries(Selection(), 9, 0)
        assert [row.size_bytes for row in left] == [400]
        assert left[0].expires_at == left[0].created_at + 10**18


def by(name: str) -> CacheSource:
    return CacheSource(execution_id(name), NodePath("n0"), 0, "1")


async def past_of(plane: ControlPlane, key: CacheKey) -> list[tuple[int, str, int, str]]:
    """Return what once stood at a key: when it was computed, why it went and when, and who came instead."""
    rows = await plane.database.read(lambda connection: catalog_past.past_of(connection, key.digest))
    told = [(row.created_at, row.gone, row.gone_at, source_from_json(row.replaced_by)) for row in rows]
    return [(created, gone, at, source.execution.name) for created, gone, at, source in told]


async def test_what_is_replaced_is_remembered_with_its_end(plane: ControlPlane) -> None:
    key = entry(1).key
    await plane.catalog.put(entry(1, source=by("a"), created_ns=1))
    await plane.catalog.put(entry(1, source=by("b"), created_ns=2, expires_ns=4))
    await plane.catalog.put(entry(1, source=by("c"), created_ns=5))
    await plane.catalog.drop([key.digest], "evicted")
    evicted_at = (await plane.database.read(lambda c: queries.find_entry(c, key.digest))).gone_at  # type: ignore[union-attr]
    await plane.catalog.put(entry(1, source=by("d"), created_ns=evicted_at + 1))
    assert await past_of(plane, key) == [
        (5, "evicted", evicted_at, "d"),
        (2, "expired", 4, "c"),
        (1, "overwritten", 2, "b"),
    ]


async def test_a_result_that_is_put_again_replaces_nothing(plane: ControlPlane) -> None:
    for _ in range(3):
        await plane.catalog.put(entry(1))
    assert await past_of(plane, entry(1).key) == []


async def test_the_last_replaced_ones_are_kept_for_a_while(plane: ControlPlane) -> None:
    for number in range(1, 3 * PAST_MAX):
        await plane.catalog.put(entry(1, source=by(f"e{number}"), created_ns=number))
    kept = await past_of(plane, entry(1).key)
    assert [created for created, *_ in kept] == list(range(3 * PAST_MAX - 2, 2 * PAST_MAX - 2, -1))
    await plane.catalog.sweep()
    assert await past_of(plane, entry(1).key) == [], "they went decades ago"
