"""A replica of the control plane waits for what it needs, says why it does, and leaves without a failed call."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text

from flytelike.cluster import replica as replicas
from flytelike.cluster.options import ReplicaOptions
from flytelike.cluster.pod_tokens import PodTokenSettings
from flytelike.cluster.replica import Replica
from flytelike.controlplane.access.options import AccessOptions
from flytelike.controlplane.database import Database
from flytelike.controlplane.migrations.upgrade import HEAD, upgrade
from flytelike.model.diagnostic import DiagnosticError
from flytelike.remote import Client, registry
from flytelike.remote.access import Access
from flytelike.remote.errors import RemoteError
from flytelike.storage import Store, Unavailable
from propeller.kube.client import ClientSettings
from tests.kube.fake_reviews import FakeReviews

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReplicaOptions:
    """A replica on a file, whose cluster does not answer: it needs none to be ready."""
    monkeypatch.setattr(replicas, "LOOK_S", 0.02)
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "current-context": "c",
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    address = "127.0.0.1:0"
    client = ClientSettings(kubeconfig=str(tmp_path / "kubeconfig"))
    database, store = f"sqlite:///{tmp_path}/cp.db", str(tmp_path / "store")
    return ReplicaOptions(database, store, address, address, address, address, drain_s=0.0, grace_s=1.0, client=client)


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not happened():
            await asyncio.sleep(0.01)


def changed(options: ReplicaOptions, statement: str) -> None:
    database = Database(options.database)
    database.write_now(lambda connection: connection.execute(text(statement)))
    database.close()


def upgraded(options: ReplicaOptions) -> None:
    database = Database(options.database)
    upgrade(database)
    database.close()


async def test_it_waits_for_its_tables_and_serves_once_they_are_there(options: ReplicaOptions) -> None:
    async with Replica(options) as replica:
        await until(lambda: any("older-database" in line for line in replica.health.faults))
        assert replica.addresses.grpc == "", "nobody is answered yet"
        await asyncio.to_thread(upgraded, options)
        await until(lambda: replica.health.ready)
        async with Client(replica.addresses.grpc) as client:
            assert await registry.projects(client)
        assert replica.propeller


@pytest.mark.parametrize(("audience", "code"), [("flytelike", "cluster-unavailable"), ("", "token-not-accepted")])
async def test_tokens_of_pods_are_for_the_cluster_to_judge(options: ReplicaOptions, audience: str, code: str) -> None:
    upgraded(options)
    accepted = PodTokenSettings(audience)
    options = replace(options, access=AccessOptions(required=True), pod_tokens=accepted)
    token = FakeReviews().token("flights-development", "e1-n0-0-0123456789")
    async with Replica(options) as replica:
        await until(lambda: replica.health.ready)
        async with Client(replica.addresses.grpc, Access(token=token)) as client:
            with pytest.raises(RemoteError) as refused:
                await registry.projects(client)
    assert [found.code for found in refused.value.diagnostics] == [code]


async def test_tables_of_a_later_version_make_it_unready_and_an_older_copy_ready_again(options: ReplicaOptions) -> None:
    upgraded(options)
    async with Replica(options) as replica:
        await until(lambda: replica.health.ready)
        changed(options, "UPDATE alembic_version SET version_num='9999'")
        changed(options, "UPDATE schema_support SET readable_since='9999'")
        await until(lambda: any("newer-database" in line for line in replica.health.faults))
        changed(options, f"UPDATE alembic_version SET version_num='{HEAD}'")
        await until(lambda: replica.health.ready)


async def test_a_store_that_is_away_makes_it_unready(options: ReplicaOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    upgraded(options)
    head = Store.head_async

    async def away(_store: Store, uri: str) -> None:
        raise Unavailable(uri, "connection refused")

    async with Replica(options) as replica:
        await until(lambda: replica.health.ready)
        monkeypatch.setattr(Store, "head_async", away)
        await until(lambda: replica.health.faults == ["store: connection refused"])
        monkeypatch.setattr(Store, "head_async", head)
        await until(lambda: replica.health.ready)


async def test_an_answer_that_does_not_come_is_no_answer(
    options: ReplicaOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgraded(options)
    monkeypatch.setattr(replicas, "ANSWER_S", 0.05)

    async def never(_store: Store, uri: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Store, "head_async", never)
    async with Replica(options) as replica:
        await until(lambda: any(line.startswith("store: no answer within") for line in replica.health.faults))


async def test_once_told_to_stop_it_is_unready_while_it_still_answers(options: ReplicaOptions) -> None:
    upgraded(options)
    async with Replica(options) as replica:
        await until(lambda: replica.health.ready)
        async with Client(replica.addresses.grpc) as client:
            await replica.drained()
            assert replica.health.faults == ["stop: it was told to stop"]
            assert await registry.projects(client)


async def test_a_port_in_use_ends_it(options: ReplicaOptions) -> None:
    from dataclasses import replace

    upgraded(options)
    async with Replica(options) as first:
        await until(lambda: first.health.ready)
        async with Replica(replace(options, grpc=first.addresses.grpc)) as second:
            with pytest.raises(DiagnosticError, match="port-in-use"):
                await second.run()
