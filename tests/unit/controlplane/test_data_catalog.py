"""Flyte's DataCatalog over our catalog: what tasks computed and what clients keep, as datasets and artifacts."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import aio

from flytelike.controlplane.repository.catalog_queries import Selection
from flytelike.model.caching import CacheEntry, CacheKey, CacheSource, Claim
from flytelike.model.ids import NodePath
from flytelike_idl.core import literals_pb2
from flytelike_idl.datacatalog import datacatalog_pb2 as pb
from flytelike_idl.datacatalog import datacatalog_pb2_grpc
from tests.unit.controlplane.builders import Running, execution_id, served, settings_for

pytestmark = pytest.mark.anyio

Stub: TypeAlias = Any  # grpc generates one class for both kinds of channels

WORK = pb.DatasetID(project="flytesnacks", domain="development", name="flow.work", version="1")
OURS = pb.DatasetID(project="flytesnacks", domain="development", name="mine", version="v")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def running(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    async with served(settings_for(tmp_path, url)) as running:
        yield running


@pytest.fixture
def stub(running: Running) -> Stub:
    return datacatalog_pb2_grpc.DataCatalogStub(running.channel)


def integer(value: int) -> literals_pb2.Literal:
    return literals_pb2.Literal(scalar={"primitive": {"integer": value}})  # type: ignore[arg-type]


def artifact(name: str, dataset: pb.DatasetID = OURS, **partitions: str) -> pb.Artifact:
    data = [pb.ArtifactData(name="o0", value=integer(7))]
    parts = [pb.Partition(key=key, value=value) for key, value in partitions.items()]
    return pb.Artifact(id=name, dataset=dataset, data=data, partitions=parts)


async def computed(running: Running, number: int = 1, **more: object) -> CacheEntry:
    """Return a result that a task computed."""
    key = CacheKey("flytesnacks", "development", "flow.work", "sha256:i", "1", "", (("x", f"sha256:{number}"),))
    outputs = literals_pb2.LiteralMap(literals={"o0": integer(number)}).SerializeToString()
    entry = CacheEntry(key, CacheSource(execution_id("run"), NodePath("n0"), 2, "t1"), outputs, "", (), 9, 5, number)
    entry = replace(entry, **more)  # type: ignore[arg-type]
    await running.plane.catalog.put(entry)
    return entry


async def status(call: object) -> grpc.StatusCode:
    with pytest.raises(aio.AioRpcError) as told:
        await call  # type: ignore[misc]
    return told.value.code()


async def test_a_stock_client_keeps_and_finds_results(running: Running) -> None:
    script = Path(__file__).with_name("stock_catalog.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, running.addresses.grpc, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert json.loads(printed) == {
        "miss": "NOT_FOUND",
        "no dataset": "NOT_FOUND",
        "dataset again": "ALREADY_EXISTS",
        "turn": "me",
        "their turn": "me",
        "artifact again": "ALREADY_EXISTS",
        "tag again": "ALREADY_EXISTS",
        "my turn": "you",
        "hit": ["one", 7, "e"],
        "updated": 8,
        "listed": [["one", ["flyte_cached-abc"]]],
        "datasets": ["flyte_task-flow.work"],
    }


async def test_what_tasks_computed_is_found_by_id_and_tag(running: Running, stub: Stub) -> None:
    entry = await computed(running)
    digest = entry.key.digest
    await stub.GetDataset(pb.GetDatasetRequest(dataset=WORK))
    for name in ({"artifact_id": digest}, {"tag_name": f"flyte_cached-{digest}"}):
        found = (await stub.GetArtifact(pb.GetArtifactRequest(dataset=WORK, **name))).artifact
        assert (found.id, found.data[0].name, found.data[0].value) == (digest, "o0", integer(1))
        assert [tag.name for tag in found.tags] == [f"flyte_cached-{digest}"]
        assert dict(found.metadata.key_map) == {
            "task-version": "t1",
            "exec-project": entry.source.execution.project,
            "exec-domain": entry.source.execution.domain,
            "exec-name": "run",
            "exec-node": "n0",
            "exec-attempt": "2",
        }


async def test_what_a_task_computed_is_not_written_over(running: Running, stub: Stub) -> None:
    digest = (await computed(running)).key.digest
    data = artifact("x").data
    update = pb.UpdateArtifactRequest(dataset=WORK, artifact_id=digest, data=data)
    assert await status(stub.UpdateArtifact(update)) is grpc.StatusCode.FAILED_PRECONDITION
    await stub.CreateDataset(pb.CreateDatasetRequest(dataset=pb.Dataset(id=WORK)))
    await stub.CreateArtifact(pb.CreateArtifactRequest(artifact=artifact(digest, WORK)))
    key = (await computed(running)).key
    found = await running.plane.catalog.lookup({key.digest: key})
    assert literals_pb2.LiteralMap.FromString(found[digest].outputs).literals["o0"] == integer(1)


async def test_a_client_and_the_engine_take_turns_at_the_same_work(running: Running, stub: Stub) -> None:
    digest = (await computed(running)).key.digest
    await running.plane.catalog.reserve([Claim(digest, "engine")], 10**12)
    turn = pb.ReservationID(dataset_id=WORK, tag_name=f"flyte_cached-{digest}")
    asked = pb.GetOrExtendReservationRequest(reservation_id=turn, owner_id="client")
    assert (await stub.GetOrExtendReservation(asked)).reservation.owner_id == "engine"
    await stub.ReleaseReservation(pb.ReleaseReservationRequest(reservation_id=turn, owner_id="client"))
    assert (await stub.GetOrExtendReservation(asked)).reservation.owner_id == "engine"
    await running.plane.catalog.release([Claim(digest, "engine")])
    assert (await stub.GetOrExtendReservation(asked)).reservation.owner_id == "client"


@pytest.mark.parametrize("seconds", [0, -5, 10**9])
async def test_a_turn_lasts_three_heartbeats_within_bounds(running: Running, stub: Stub, seconds: int) -> None:
    turn = pb.ReservationID(dataset_id=OURS, tag_name="t")
    beat = Duration(seconds=seconds)
    asked = pb.GetOrExtendReservationRequest(reservation_id=turn, owner_id="me", heartbeat_interval=beat)
    told = (await stub.GetOrExtendReservation(asked)).reservation
    left_s = told.expires_at.ToNanoseconds() / 1e9 - running.plane.clock.now_ns() / 1e9
    assert 0 < left_s <= 3 * told.heartbeat_interval.ToSeconds() <= 1_800


async def test_data_that_is_gone_or_evicted_is_a_miss(running: Running, stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir(exist_ok=True)
    (tmp_path / "store" / "a").write_text("a")
    entry = await computed(running, uris=(f"file://{tmp_path}/store/a",))
    asked = pb.GetArtifactRequest(dataset=WORK, artifact_id=entry.key.digest)
    await stub.GetArtifact(asked)
    (tmp_path / "store" / "a").unlink()
    assert await status(stub.GetArtifact(asked)) is grpc.StatusCode.NOT_FOUND
    await stub.CreateDataset(pb.CreateDatasetRequest(dataset=pb.Dataset(id=OURS)))
    await stub.CreateArtifact(pb.CreateArtifactRequest(artifact=artifact("one")))
    await stub.AddTag(pb.AddTagRequest(tag=pb.Tag(name="t", artifact_id="one", dataset=OURS)))
    await running.plane.cache.evict(Selection(task="mine"), 0, dry_run=False)
    for name in ({"artifact_id": "one"}, {"tag_name": "t"}):
        assert await status(stub.GetArtifact(pb.GetArtifactRequest(dataset=OURS, **name))) is grpc.StatusCode.NOT_FOUND
    await stub.CreateArtifact(pb.CreateArtifactRequest(artifact=artifact("two")))
    await stub.AddTag(pb.AddTagRequest(tag=pb.Tag(name="t", artifact_id="two", dataset=OURS)))
    found = await stub.GetArtifact(pb.GetArtifactRequest(dataset=OURS, tag_name="t"))
    assert found.artifact.id == "two", "a tag whose artifact is gone is free"


async def test_nothing_outside_of_the_store_is_looked_at_for_a_client(
    running: Running, stub: Stub, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("12345")
    value = literals_pb2.Literal(scalar={"blob": {"uri": f"file://{secret}"}})  # type: ignore[arg-type]
    told = pb.Artifact(id="one", dataset=OURS, data=[pb.ArtifactData(name="o0", value=value)])
    await stub.CreateDataset(pb.CreateDatasetRequest(dataset=pb.Dataset(id=OURS)))
    await stub.CreateArtifact(pb.CreateArtifactRequest(artifact=told))
    [row] = await running.plane.cache.entries(Selection(task="mine"), 9, 0)
    assert (row.uris, row.size_bytes < 5 + len(str(secret)) + 60) == ("", True)


async def test_artifacts_are_found_by_partition_tag_and_id_in_pages(stub: Stub) -> None:
    made = pb.Dataset(id=OURS, partitionKeys=["day", "kind"], metadata=pb.Metadata(key_map={"a": "b"}))
    await stub.CreateDataset(pb.CreateDatasetRequest(dataset=made))
    assert (await stub.GetDataset(pb.GetDatasetRequest(dataset=OURS))).dataset == made
    for number in range(5):
        told = artifact(f"a{number}", day=str(number % 2), kind='50%_"x"')
        await stub.CreateArtifact(pb.CreateArtifactRequest(artifact=told))
    await stub.AddTag(pb.AddTagRequest(tag=pb.Tag(name="last", artifact_id="a4", dataset=OURS)))

    async def ids(limit: int, *filters: pb.SinglePropertyFilter) -> list[list[str]]:
        pages, token = list[list[str]](), ""
        while True:
            page = pb.PaginationOptions(limit=limit, token=token, sortOrder=pb.PaginationOptions.ASCENDING)
            asked = pb.ListArtifactsRequest(dataset=OURS, filter=pb.FilterExpression(filters=filters), pagination=page)
            found = await stub.ListArtifacts(asked)
            pages.append([one.id for one in found.artifacts])
            token = found.next_token
            if not token:
                return pages

    def partition(key: str, value: str) -> pb.SinglePropertyFilter:
        return pb.SinglePropertyFilter(partition_filter={"key_val": {"key": key, "value": value}})  # type: ignore[arg-type]

    tagged = pb.SinglePropertyFilter(tag_filter={"tag_name": "last"})  # type: ignore[arg-type]
    named = pb.SinglePropertyFilter(artifact_filter={"artifact_id": "a1"})  # type: ignore[arg-type]
    assert await ids(2) == [["a0", "a1"], ["a2", "a3"], ["a4"]]
    assert await ids(9, partition("day", "1"), partition("kind", '50%_"x"')) == [["a1", "a3"]]
    assert await ids(9, partition("kind", '5%_"x"')) == [[]]
    assert await ids(9, tagged) == [["a4"]]
    assert await ids(9, named) == [["a1"]]
    assert await ids(9, named, tagged) == [[]]


async def test_a_page_of_large_artifacts_ends_early(running: Running, stub: Stub) -> None:
    await stub.CreateDataset(pb.CreateDatasetRequest(dataset=pb.Dataset(id=OURS)))
    text = literals_pb2.Literal(scalar={"primitive": {"string_value": "a" * 4_000_000}})  # type: ignore[arg-type]
    for name in ("a", "b", "c"):
        told = pb.Artifact(id=name, dataset=OURS, data=[pb.ArtifactData(name="o0", value=text)])
        await stub.CreateArtifact(pb.CreateArtifactRequest(artifact=told))
    size = running.plane.settings.limits.message_bytes
    wide = aio.insecure_channel(running.addresses.grpc, options=[("grpc.max_receive_message_length", size)])
    async with wide as channel:
        wider = datacatalog_pb2_grpc.DataCatalogStub(channel)
        found = await wider.ListArtifacts(pb.ListArtifactsRequest(dataset=OURS))
        assert (len(found.artifacts), found.next_token) == (2, "2")


async def test_datasets_of_tasks_and_clients_are_listed_newest_first(running: Running, stub: Stub) -> None:
    await computed(running)
    await computed(running, 2)
    await stub.CreateDataset(pb.CreateDatasetRequest(dataset=pb.Dataset(id=OURS)))
    first = await stub.ListDatasets(pb.ListDatasetsRequest(pagination=pb.PaginationOptions(limit=1)))
    assert [one.id for one in first.datasets] == [OURS]
    rest = await stub.ListDatasets(
        pb.ListDatasetsRequest(pagination=pb.PaginationOptions(limit=5, token=first.next_token))
    )
    assert ([one.id for one in rest.datasets], rest.next_token) == ([WORK], "")
    named = pb.SinglePropertyFilter(dataset_filter={"name": "mine"})  # type: ignore[arg-type]
    asked = pb.ListDatasetsRequest(filter=pb.FilterExpression(filters=[named]))
    assert [one.id for one in (await stub.ListDatasets(asked)).datasets] == [OURS]


INVALID = {
    "dataset without a version": ("CreateDataset", pb.CreateDatasetRequest(dataset=pb.Dataset(id={"project": "p"}))),  # type: ignore[arg-type]
    "unknown project": (
        "CreateDataset",
        pb.CreateDatasetRequest(dataset=pb.Dataset(id=pb.DatasetID(project="x", domain="d", name="n", version="v"))),
    ),
    "artifact without data": ("CreateArtifact", pb.CreateArtifactRequest(artifact=pb.Artifact(id="a", dataset=WORK))),
    "partition nobody declared": ("CreateArtifact", pb.CreateArtifactRequest(artifact=artifact("a", WORK, day="1"))),
    "no handle": ("GetArtifact", pb.GetArtifactRequest(dataset=WORK)),
    "no owner": (
        "GetOrExtendReservation",
        pb.GetOrExtendReservationRequest(reservation_id=pb.ReservationID(dataset_id=WORK, tag_name="t")),
    ),
    "token": ("ListDatasets", pb.ListDatasetsRequest(pagination=pb.PaginationOptions(token="x"))),
    "filter of artifacts": (
        "ListDatasets",
        pb.ListDatasetsRequest(filter=pb.FilterExpression(filters=[pb.SinglePropertyFilter()])),
    ),
    "tag of a task's result": (
        "AddTag",
        pb.AddTagRequest(tag=pb.Tag(name=f"flyte_cached-{'a' * 64}", artifact_id="a", dataset=WORK)),
    ),
}


@pytest.mark.parametrize("case", INVALID)
async def test_what_cannot_be_meant_is_told(running: Running, stub: Stub, case: str) -> None:
    await computed(running)
    rpc, request = INVALID[case]
    assert await status(getattr(stub, rpc)(request)) is grpc.StatusCode.INVALID_ARGUMENT
