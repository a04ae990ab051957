"""What a cluster of processes makes of a database, an object store and tables that are not there for a while."""

import asyncio
from dataclasses import replace

import pytest

from tests.kube.cluster_site import ClusterSite, Front
from tests.kube.fake_kubelet import FakeKubelet
from tests.kube.test_cluster_processes import STEPS, begun, bucket, lines, live, site
from tests.services.postgres import Server

__all__ = ["bucket", "site"]

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(300)]


@pytest.fixture
def alone(site: ClusterSite, own_postgres: Server) -> ClusterSite:
    """A site whose PostgreSQL may be restarted."""
    return replace(site, database=own_postgres.url("postgres"))


def test_an_execution_goes_on_through_the_loss_of_its_database_and_its_object_store(
    alone: ClusterSite, own_postgres: Server
) -> None:
    """Each is away for a while in the midst of it; all is ready again by itself, and no step counts twice."""
    site = alone

    async def unready() -> None:
        while any([await asyncio.to_thread(lambda one=one: one.ready) for one in site.replicas]):
            await asyncio.sleep(0.05)

    async def ready() -> None:
        for program in (*site.replicas, *site.operators):
            await program.until_ready()

    async def body(node: FakeKubelet, clients: Front) -> None:
        words = ("execute", "steps.py", "chain", "--n", "0", "--json", "--execution-name", "e1", "--no-wait")
        begin = await asyncio.to_thread(site.cli, clients.address, *words)
        assert begin.code == 0, begin.stderr
        await begun(site, 2)
        await asyncio.to_thread(own_postgres.restart)
        await ready()
        await begun(site, 4)
        await asyncio.to_thread(site.bucket.stop)
        await unready()
        said = site.replicas[0].asked("/readyz")
        assert said[0] == 503
        assert said[1].startswith("store: ")
        await asyncio.to_thread(site.bucket.start)
        await ready()
        done = await asyncio.to_thread(site.cli, clients.address, "watch", "e1", "--json")
        assert done.code == 0, done.stderr
        assert sorted(set(lines(site))) == [str(number) for number in range(STEPS)]
        told = await asyncio.to_thread(site.cli, clients.address, "get", "execution", "e1", "--json")
        assert told.document["phase"] == "SUCCEEDED"
        assert told.document["outputs"] == {"o0": STEPS}

    live(site, body)
