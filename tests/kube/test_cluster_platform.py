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
from propeller.kube.resource import WorkflowResource, resource_from_json
from tests.e2e.cli import flytelike
from tests.e2e.test_signals import begin
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

Body = Callable[[KubernetesClient, str], Awaitable[None]]


def live(plane: ControlPlane, folder: Path, namespace: str, body: Body) -> None:
    """Run a body on a platform whose operator looks at one namespace."""
    base = str(folder / "store")
    settings = Settings(f"sqlite:///{folder}/controlplane.db", base, grpc_port=0, http_port=0)
    options = Site(folder).options(plane, namespace)
    (options.work / "logs").mkdir(parents=True)
    plane.kubectl("create", "namespace", namespace)

    async def main() -> None:
        async with asyncio.timeout(110), connected(plane) as client, ClusterPlatform(settings, options) as platform:
            await body(client, platform.addresses.grpc)

    asyncio.run(main())


@pytest.mark.slow
def test_dynamic_tasks_launch_plans_and_caching_run_in_a_cluster(api_server: ControlPlane, tmp_path: Path) -> None:
    """The execution and its child are objects of the cluster."""
    namespace = "flytesnacks-development"
    (tmp_path / "flows.py").write_text(FLOWS)

    async def body(client: KubernetesClient, endpoint: str) -> None:
        words = ("execute", "flows.py", "all_kinds", "--n", "3", "--json", "--server", endpoint)
        done = await asyncio.to_thread(flytelike, tmp_path / "home", *words, cwd=tmp_path)
        assert done.code == 0, done.stderr
        assert done.document["outputs"] == {"o0": [0, 2, 4], "o1": 12}
        found = await all_ended(client, namespace)
        assert sorted(bool(resource.request.parent) for resource in found) == [False, True]

    live(api_server, tmp_path, namespace, body)


@pytest.mark.slow
def test_an_object_tells_which_signal_its_gate_waits_for(api_server: ControlPlane, tmp_path: Path) -> None:
    """It goes on when the signal is given to the control plane."""
    namespace = "default-development"

    async def body(client: KubernetesClient, endpoint: str) -> None:
        place = ("--project", "default", "--domain", "development", "--server", endpoint)
        await begin(endpoint, "one")
        for name, answer in (("ok", ["--approve"]), ("more", ["--value", "7"])):
            await waits(client, namespace, f"signal `{name}`")
            given = await asyncio.to_thread(flytelike, tmp_path / "home", "signal", "one", name, *answer, *place)
            assert given.code == 0, given.stderr
        (found,) = await all_ended(client, namespace)
        assert found.status.waits_for == ""

    live(api_server, tmp_path, namespace, body)


async def waits(client: KubernetesClient, namespace: str, what: str) -> None:
    """Return once the object says that it waits for something."""
    while not any(found.status.waits_for.startswith(what) for found in await all_of(client, namespace)):
        await asyncio.sleep(0.05)


async def all_of(client: KubernetesClient, namespace: str) -> list[WorkflowResource]:
    page = await client.page(Selection(FLYTE_WORKFLOWS, namespace), 100)
    return [resource_from_json(item) for item in page.items]


async def all_ended(client: KubernetesClient, namespace: str) -> list[WorkflowResource]:
    """Return all objects once they say that they succeeded."""
    while True:
        found = await all_of(client, namespace)
        if all(resource.status.phase is WorkflowPhase.SUCCEEDED for resource in found):
            return found
        await asyncio.sleep(0.05)
