"""Control plane and operator as processes of their own: replicas of both on PostgreSQL, S3 and a real API server."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from propeller.kube.client import KubernetesClient
from tests.kube.cluster_site import Bucket, ClusterSite, Front, cluster
from tests.kube.control_plane import ControlPlane
from tests.kube.fake_kubelet import FakeKubelet
from tests.kube.test_cluster_platform import FLOWS
from tests.services.kubernetes import connected

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(300)]

_numbers = count()


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket().running() as running:
        yield running


@pytest.fixture
def site(api_server: ControlPlane, postgres_url: str, bucket: Bucket, tmp_path: Path) -> Iterator[ClusterSite]:
    site = ClusterSite(tmp_path, api_server, postgres_url, bucket, f"p{os.getpid()}-{next(_numbers)}")
    (tmp_path / "flows.py").write_text(FLOWS)
    api_server.kubectl("create", "namespace", site.namespace)
    yield site
    site.end()


Body = Callable[[KubernetesClient, FakeKubelet, Front], Awaitable[None]]


def live(site: ClusterSite, body: Body) -> None:
    """Run a body on a site with two replicas of each, and a node for its pods."""

    async def main() -> None:
        async with asyncio.timeout(280), connected(site.kube) as client, cluster(site) as (clients, _):
            created = await asyncio.to_thread(site.cli_project, clients.address)
            assert created.code == 0, created.stderr
            async with FakeKubelet(client, site.pods_selector) as node:
                try:
                    await body(client, node, clients)
                except BaseException:
                    print(site.said())
                    raise

    asyncio.run(main())


def test_all_kinds_of_nodes_run_across_processes(site: ClusterSite) -> None:
    """Dynamic tasks, launch plans as nodes and cached results: each needs the control plane while it runs."""

    async def body(client: KubernetesClient, node: FakeKubelet, clients: Front) -> None:
        done = await asyncio.to_thread(
            site.cli, clients.address, "execute", "flows.py", "all_kinds", "--n", "3", "--json"
        )
        assert done.code == 0, done.stderr
        assert done.document["outputs"] == {"o0": [0, 2, 4], "o1": 12}

    live(site, body)
