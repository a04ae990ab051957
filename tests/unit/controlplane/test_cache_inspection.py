"""What the control plane tells of cached results, and which ones it lets go."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from flytelike.controlplane.app import ControlPlane
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
