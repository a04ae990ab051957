"""A cluster of processes loses its API server and what that remembers by, and has operators whose clocks are wrong."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from propeller.app.shards import BEATS, SHARD
from propeller.kube.lease import LEASES, Lease, lease_from_json
from propeller.kube.ports import Objects
from tests.kube.cluster_site import ClusterSite, Front
from tests.kube.control_plane import ControlPlane
from tests.kube.fake_kubelet import FakeKubelet
from tests.kube.test_cluster_processes import STEPS, begun, bucket, lines, live, site
from tests.services.kubernetes import connected

__all__ = ["bucket", "site"]

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(300)]

HOUR_S = 3600.0
SHARDS = 2


async def start_chain(site: ClusterSite, clients: Front) -> None:
    words = ("execute", "steps.py", "chain", "--n", "0", "--execution-name", "e1", "--no-wait")
    began = await asyncio.to_thread(site.cli, clients.address, *words)
    assert began.code == 0, began.stderr


async def check_chain(site: ClusterSite, clients: Front, node: FakeKubelet) -> None:
    """Each step has run once, in its order, and both the object and the control plane say how it ended."""
    done = await asyncio.to_thread(site.cli, clients.address, "watch", "e1", "--json", timeout_s=200)
    assert done.code == 0, done.stderr
    assert lines(site) == [str(number) for number in range(STEPS)]
    assert len(node.started) == STEPS
    told = await asyncio.to_thread(site.cli, clients.address, "get", "execution", "e1", "--json")
    assert (told.document["phase"], told.document["outputs"]) == ("SUCCEEDED", {"o0": STEPS})
    while (await asyncio.to_thread(site.objects))[0]["status"]["phase"] != "SUCCEEDED":
        await asyncio.sleep(0.1)


def test_an_execution_goes_on_through_deaths_of_etcd_and_the_api_server(
    site: ClusterSite, own_api_server: ControlPlane
) -> None:
    kube = own_api_server
    alone = replace(site, kube=kube)
    kube.kubectl("create", "namespace", alone.namespace)

    async def body(node: FakeKubelet, clients: Front) -> None:
        await start_chain(alone, clients)
        await begun(alone, 2)
        kube.kill_etcd()
        kube.start_etcd()
        await begun(alone, 4)
        kube.kill_api()
        await asyncio.to_thread(kube.start_api)
        await begun(alone, 6)
        kube.kill_api()
        kube.kill_etcd()
        kube.start_etcd()
        await asyncio.to_thread(kube.start_api)
        await check_chain(alone, clients, node)

    live(alone, body)


async def leases(objects: Objects, namespace: str) -> Mapping[int, Lease]:
    """Return the Leases of shards."""
    return {
        number: lease_from_json(await objects.get(LEASES, namespace, f"{SHARD}{number}")) for number in range(SHARDS)
    }


def test_operators_whose_clocks_are_hours_apart_take_nothing_from_each_other(site: ClusterSite) -> None:
    """Nor do they keep what a dead one had: its shards are taken over as soon as by right clocks."""
    # Long enough that a machine with much else to do renews in time.
    skewed = replace(site, skews_s=(-5 * HOUR_S, 5 * HOUR_S), lease_s=10)

    async def body(node: FakeKubelet, clients: Front) -> None:
        async with connected(skewed.kube) as client:
            while {one.holder for one in (await leases(client, skewed.namespace)).values()} != {
                "operator-0",
                "operator-1",
            }:
                await asyncio.sleep(0.1)
            shared = last = await leases(client, skewed.namespace)
            renewed = dict.fromkeys(shared, 0)
            while min(renewed.values()) <= BEATS:
                found = await leases(client, skewed.namespace)
                for number, lease in found.items():
                    renewed[number] += lease.version != last[number].version
                    before = shared[number]
                    assert (lease.holder, lease.transitions) == (before.holder, before.transitions)
                last = found
                await asyncio.sleep(0.1)
            await start_chain(skewed, clients)
            await begun(skewed, 2)
            skewed.operators[1].kill()
            while {one.holder for one in (await leases(client, skewed.namespace)).values()} != {"operator-0"}:
                await asyncio.sleep(0.1)
        await check_chain(skewed, clients, node)
        assert "store was taken over" not in skewed.said()

    live(skewed, body)
