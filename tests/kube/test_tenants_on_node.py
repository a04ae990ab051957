"""Two tenants on a real node: each keeps to its quota, and who waits is told why, as on one machine."""

import asyncio
import json
from pathlib import Path

import pytest

from flytelike.model.ids import ExecutionId
from flytelike.remote import Client, executions
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
def one(seconds: float) -> list[float]:
    return span(seconds=seconds)


@workflow
def both(seconds: float = 2.0) -> tuple[list[float], list[float]]:
    return span(seconds=seconds), span(seconds=seconds)
"""
FOR_EVER = "3600"


def test_tenants_keep_to_their_quotas_and_are_told_what_they_wait_for(
    node_cluster: NodeCluster, tmp_path: Path
) -> None:
    (tmp_path / "flows.py").write_text(FLOWS)

    async def ask(platform: NodePlatform, *words: str) -> str:
        done = await asyncio.to_thread(
            flytelike, tmp_path / "home", *words, "--server", platform.endpoint, cwd=tmp_path, timeout_s=300
        )
        assert done.code == 0, done.stderr
        return done.stdout

    async def begun(platform: NodePlatform, project: str, *words: str) -> str:
        told = await ask(platform, "execute", "flows.py", *words, "--project", project, "--no-wait", "--json")
        return json.loads(told)["execution"]

    async def ended(platform: NodePlatform, project: str, name: str) -> list[list[float]]:
        told = json.loads(await ask(platform, "watch", name, "--project", project, "--json"))
        return list(told["outputs"].values())

    async def waits(platform: NodePlatform, name: str) -> dict[str, object]:
        """Return what an execution's attempt waits for, once it does."""
        while not (found := json.loads(await ask(platform, "explain", "wait", name, "--project", "small", "--json"))):
            await asyncio.sleep(0.1)
        return found[0]

    async def history_says(platform: NodePlatform, name: str) -> set[str]:
        """Return what an execution's nodes wait for by its history, which reaches the platform a little later."""
        async with Client(platform.endpoint) as client:
            found = await executions.nodes(client, ExecutionId("small", "development", name))
        return {node.closure.waits for node in found} - {""}

    async def main(base: str) -> None:
        async with asyncio.timeout(560), live(node_cluster, tmp_path / "platform", base) as platform:
            for project in ("small", "large"):
                await ask(platform, "project", "create", project)
            await ask(platform, "quota", "set", "small", "--limit", "attempts=1")
            long = await begun(platform, "small", "one", "--seconds", FOR_EVER)
            while not (quotas := json.loads(await ask(platform, "quota", "get", "small", "--json")))["used"].get(
                "attempts"
            ):
                await asyncio.sleep(0.1)
            waiting = await begun(platform, "small", "both")
            told = await waits(platform, waiting)
            while not (of_node := await history_says(platform, waiting)):
                await asyncio.sleep(0.1)
            beside = await ended(platform, "large", await begun(platform, "large", "both", "--seconds", "10"))
            await ask(platform, "abort", long, "--project", "small")
            small = await ended(platform, "small", waiting)
        assert quotas["used"]["attempts"] == 1
        (short,) = told["shortfalls"]
        assert (short["place"], short["resource"], short["used"], short["limit"]) == ("small", "attempts", 1, 1)
        assert any("project small uses 1 of 1" in it for it in of_node), of_node
        (one, other), (first, second) = sorted(beside), sorted(small)
        assert other[0] < one[1], "where nothing bounds them they run side by side, whoever waits elsewhere"
        assert first[1] <= second[0], "one attempt at a time"

    with pytest.MonkeyPatch.context() as patch:
        asyncio.run(main(bucket(node_cluster, patch)))
