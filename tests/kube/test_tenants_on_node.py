"""Two tenants on a real node: each keeps to its quota, and who waits is told why, as on one machine."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.e2e.cli import flytelike
from tests.kube.node_cluster import NodeCluster
from tests.kube.node_platform import NodePlatform, bucket, live

pytestmark = [pytest.mark.slow, pytest.mark.timeout(620)]

FLOWS = """
import time

from flytelike import task, workflow


@task
def span(seconds: float) -> list[float]:
    begun = time.time()
    time.sleep(seconds)
    return [begun, time.time()]


@workflow
def both(seconds: float = 4.0) -> tuple[list[float], list[float]]:
    return span(seconds=seconds), span(seconds=seconds)
"""


def test_tenants_keep_to_their_quotas_and_are_told_what_they_wait_for(
    node_cluster: NodeCluster, tmp_path: Path
) -> None:
    (tmp_path / "flows.py").write_text(FLOWS)

    async def ask(platform: NodePlatform, *words: str) -> str:
        done = await asyncio.to_thread(
            flytelike, tmp_path / "home", *words, "--server", platform.endpoint, "--json", cwd=tmp_path, timeout_s=300
        )
        assert done.code == 0, done.stderr
        return done.stdout

    async def executed(platform: NodePlatform, project: str) -> list[list[float]]:
        name = json.loads(await ask(platform, "execute", "flows.py", "both", "--project", project, "--no-wait"))
        watched = await ask(platform, "watch", name["execution"], "--project", project)
        return list(json.loads(watched)["outputs"].values())

    async def waits(platform: NodePlatform) -> dict[str, object]:
        """Return what the first attempt that waits is told, and what the quota shows meanwhile."""
        while True:
            shown = json.loads(await ask(platform, "get", "executions", "--project", "small"))
            for execution in shown[:1]:
                found = json.loads(await ask(platform, "explain", "wait", execution["name"], "--project", "small"))
                if found:
                    return {"wait": found[0], "quotas": json.loads(await ask(platform, "quota", "list"))}
            await asyncio.sleep(0.1)

    async def main(base: str) -> None:
        async with asyncio.timeout(560), live(node_cluster, tmp_path / "platform", base) as platform:
            for project in ("small", "large"):
                await ask(platform, "project", "create", project)
            await ask(platform, "quota", "set", "small", "--limit", "attempts=1")
            small, large, told = await asyncio.gather(
                executed(platform, "small"), executed(platform, "large"), waits(platform)
            )
        (first, second), (one, other) = sorted(small), sorted(large)
        assert first[1] <= second[0], "one attempt at a time"
        assert other[0] < one[1], "where nothing bounds them, they run side by side"
        (short,) = told["wait"]["shortfalls"]
        assert (short["place"], short["resource"], short["used"], short["limit"]) == ("small", "attempts", 1, 1)
        assert "small" in json.dumps(told["quotas"])

    with pytest.MonkeyPatch.context() as patch:
        asyncio.run(main(bucket(node_cluster, patch)))
