"""Control plane and operator on a real API server: whatever a workflow is made of runs as objects of the cluster."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from flytelike.cluster.platform import ClusterPlatform
from flytelike.controlplane.settings import Settings
from flytelike.model.phases import WorkflowPhase
from propeller.kube.client import KubernetesClient
from propeller.kube.ports import FLYTE_WORKFLOWS, Selection
from propeller.kube.resource import resource_from_json
from tests.e2e.cli import Outcome, flytelike
from tests.kube.control_plane import ControlPlane
from tests.kube.executing import Site
from tests.services.kubernetes import connected

FLOWS = """
from flytelike import LaunchPlan, dynamic, task, workflow


@task(cache=True, cache_version="1")
def double(n: int) -> int:
    print(f"doubling {n}")
    return 2 * n


@workflow
def twice(n: int) -> int:
    return double(n=double(n=n))


plan = LaunchPlan.get_or_create(twice, name="twice_of", default_inputs={"n": 3})


@dynamic
def spread(n: int) -> list[int]:
    return [double(n=i) for i in range(n)]


@workflow
def all_kinds(n: int) -> tuple[list[int], int]:
    return spread(n=n), plan(n=n)
"""

NAMESPACE = "flytesnacks-development"
"""Where the command line's executions live if it is told nothing."""

Run = Callable[..., Awaitable[Outcome]]


@pytest.mark.slow
def test_dynamic_tasks_launch_plans_and_caching_run_in_a_cluster(api_server: ControlPlane, tmp_path: Path) -> None:
    site = Site(tmp_path)
    api_server.kubectl("create", "namespace", NAMESPACE)
    (tmp_path / "flows.py").write_text(FLOWS)
    base = str(tmp_path / "store")
    settings = Settings(f"sqlite:///{tmp_path}/controlplane.db", base, grpc_port=0, http_port=0)
    options = site.options(api_server, NAMESPACE)
    (options.work / "logs").mkdir(parents=True)

    async def main() -> None:
        async with (
            asyncio.timeout(110),
            connected(api_server) as client,
            ClusterPlatform(settings, options) as platform,
        ):
            endpoint = {"FLYTELIKE_SERVER": platform.addresses.grpc}
            words = ("execute", "flows.py", "all_kinds", "--n", "3", "--json")
            done = await asyncio.to_thread(flytelike, tmp_path / "home", *words, cwd=tmp_path, env=endpoint)
            assert done.code == 0, done.stderr
            assert done.document["outputs"] == {"o0": [0, 2, 4], "o1": 12}
            await all_ended(client, 2)

    asyncio.run(main())


async def all_ended(client: KubernetesClient, count: int) -> None:
    """Check that the execution and its child are objects that say so."""
    while True:
        page = await client.page(Selection(FLYTE_WORKFLOWS, NAMESPACE), 100)
        found = [resource_from_json(item) for item in page.items]
        assert len(found) == count
        if all(resource.status.phase is WorkflowPhase.SUCCEEDED for resource in found):
            return
        await asyncio.sleep(0.05)
