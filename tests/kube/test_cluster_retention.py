"""`flytelike gc` in a cluster: replicas collect one at a time, what is referred to stays, and names are free again."""

import asyncio

import pytest

from flytelike.cluster.options import ReplicaOptions, Secrets
from flytelike.cluster.replica import Replica
from flytelike.controlplane.collecting import maintenance
from flytelike.model.ids import ExecutionId
from flytelike.storage import Store, StoreConfig
from propeller.kube.client import ClientSettings
from propeller.stores.sql import SqlStateStore
from tests.e2e.cli import Outcome
from tests.e2e.test_gc import FILES
from tests.kube.cluster_site import BUCKET, ClusterSite, Front, free_addresses
from tests.kube.fake_kubelet import FakeKubelet
from tests.kube.test_cluster_processes import bucket, live, site

__all__ = ["bucket", "site"]

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(300)]


def objects_of(site: ClusterSite) -> set[str]:
    """Return the names of the site's FlyteWorkflow objects."""
    return {item["metadata"]["name"] for item in site.objects()}


@pytest.fixture
def store(site: ClusterSite, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, text in site.bucket.env.items():
        monkeypatch.setenv(name, text)
    return Store(StoreConfig.from_env())


def below(store: Store, site: ClusterSite, *folders: str) -> list[str]:
    """Return what lies below folders of the site's place in the object store."""
    base = f"s3://{BUCKET}/{site.project}"
    return [head.uri for folder in folders for head in store.everything(f"{base}/{folder}")]


async def states(site: ClusterSite) -> set[str]:
    """Return the executions of which an engine keeps anything."""
    found = set()
    for shard in range(2):
        kept = await SqlStateStore.open(site.database, part=shard)
        for name in ("make1", "make2", "use", "nightly"):
            if await kept.load(ExecutionId(site.project, "development", name)) is not None:
                found.add(name)
        await kept.close()
    return found


def test_replicas_collect_one_at_a_time_and_what_is_referred_to_stays(site: ClusterSite, store: Store) -> None:
    (site.folder / "files.py").write_text(FILES)

    async def body(node: FakeKubelet, clients: Front) -> None:
        async def run(*words: str, at: str = "") -> Outcome:
            return await asyncio.to_thread(site.cli, at or clients.address, *words)

        async def execute(name: str, workflow: str, *inputs: str) -> Outcome:
            done = await run("execute", "files.py", workflow, *inputs, "--execution-name", name, "--json")
            assert done.code == 0, done.stderr
            return done

        place = (await execute("make1", "make", "--text", "hello")).document["outputs"]["o0"]
        unwanted = (await execute("make2", "make", "--text", "nobody wants it")).document["outputs"]["o0"]
        await execute("use", "use", "--file", place)
        assert await states(site) == {"make1", "make2", "use"}

        words = ("gc", "--older-than", "0s", "--workflow", "*make", "--json")
        would = (await run(*words, "--dry-run")).document
        assert (would["executions"], would["data"]["count"], would["kept"]["count"]) == (2, 1, 1)
        assert would["log_bytes"] > 0
        # All replicas are asked at once: whoever comes second says so, or finds nothing left.
        both = await asyncio.gather(*(run(*words, "--yes", at=one.grpc) for one in site.replicas))
        did = [one.document for one in both if one.code == 0]
        assert sum(one["executions"] for one in did) == 2
        assert sum(one["waiting"] for one in did) == 0
        assert all(one.code == 0 or "collection-running" in one.stderr for one in both)
        assert store.get(place) == b"hello"
        assert not list(store.everything(unwanted))
        assert objects_of(site) == {"use"}
        assert await states(site) == {"use"}
        again = (await execute("make2", "make", "--text", "anew")).document["outputs"]["o0"]
        assert store.get(again) == b"anew", "its name is free again, and nothing is left of the former one"

        deleted = await run("delete", "execution", "use", "make2", "--json")
        assert deleted.document["executions"] == 2, deleted.stderr
        await run("gc", "--older-than", "0s", "--yes")
        assert below(store, site, "data", "logs", "metadata") == []
        assert objects_of(site) == set()
        assert await states(site) == set()

    live(site, body)


def test_replicas_collect_by_rules_without_being_asked(
    site: ClusterSite, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "FIRST_PAUSE_S", 0.1)
    (site.folder / "files.py").write_text(FILES)
    rules = site.folder / "retention.yaml"
    rules.write_text("executions:\n  - {workflow: '*.make', older_than: 0s}\n")
    grpc, http, propeller, monitoring = free_addresses(4)
    options = ReplicaOptions(
        site.database,
        f"s3://{BUCKET}/{site.project}",
        grpc,
        http,
        propeller,
        monitoring,
        secrets=Secrets(site.secret, site.secret, site.secret),
        drain_s=0.1,
        retention=rules,
        client=ClientSettings(kubeconfig=str(site.kube.kubeconfig)),
    )

    async def body(node: FakeKubelet, clients: Front) -> None:
        words = ("execute", "files.py", "make", "--text", "hello", "--json", "--execution-name", "make1")
        done = await asyncio.to_thread(site.cli, clients.address, *words)
        assert done.code == 0, done.stderr
        place = done.document["outputs"]["o0"]
        assert store.get(place) == b"hello"
        async with Replica(options):
            while objects_of(site) or list(store.everything(place)) or await states(site):
                await asyncio.sleep(0.1)

    live(site, body)
