"""Flyte's CacheService over our catalog: results by key, of tasks and of clients."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest

from flytelike.model.caching import CacheEntry, CacheKey, CacheSource, Claim
from flytelike.model.ids import NodePath
from flytelike_idl.cacheservice import cacheservice_pb2 as pb
from flytelike_idl.cacheservice import cacheservice_pb2_grpc
from flytelike_idl.core import literals_pb2
from tests.unit.controlplane.builders import Running, execution_id, served, settings_for
from tests.unit.controlplane.test_data_catalog import computed, integer, status

pytestmark = pytest.mark.anyio

Stub: TypeAlias = Any  # grpc generates one class for both kinds of channels


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
    return cacheservice_pb2_grpc.CacheServiceStub(running.channel)


def output(**more: object) -> pb.CachedOutput:
    literals = literals_pb2.LiteralMap(literals={"o0": integer(7)})
    return pb.CachedOutput(**({"output_literals": literals} | more))  # type: ignore[arg-type]


async def test_a_stock_client_keeps_and_finds_results(running: Running) -> None:
    script = Path(__file__).with_name("stock_cache.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, running.addresses.grpc, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert json.loads(printed) == {
        "miss": "NOT_FOUND",
        "turn": "me",
        "their turn": "me",
        "again": "ALREADY_EXISTS",
        "my turn": "you",
        "hit": [7, "flow.work", "n", True],
        "replaced": 8,
        "forgotten": ["NOT_FOUND", "NOT_FOUND"],
    }


async def test_what_a_task_computed_is_found_by_its_key_s_digest_and_not_written_over(
    running: Running, stub: Stub
) -> None:
    key = (await computed(running)).key.digest
    found = (await stub.Get(pb.GetCacheRequest(key=key))).output
    assert found.output_literals.literals["o0"] == integer(1)
    assert (found.metadata.source_identifier.name, found.metadata.source_identifier.version) == ("flow.work", "t1")
    assert found.metadata.key_map.values["exec-name"] == "run"
    assert await status(stub.Put(pb.PutCacheRequest(key=key, output=output()))) is grpc.StatusCode.ALREADY_EXISTS
    replacing = pb.PutCacheRequest(key=key, output=output(), overwrite=True)
    assert await status(stub.Put(replacing)) is grpc.StatusCode.FAILED_PRECONDITION
    await stub.Delete(pb.DeleteCacheRequest(key=key))
    assert await status(stub.Get(pb.GetCacheRequest(key=key))) is grpc.StatusCode.NOT_FOUND
    assert not await running.plane.catalog.lookup({key: (await computed(running, 2)).key}), "nodes miss it, too"


async def test_large_results_of_tasks_are_told_by_where_they_lie(running: Running, stub: Stub) -> None:
    uri = f"{running.plane.settings.base}/outputs.pb"
    key = CacheKey("flytesnacks", "development", "flow.large", "sha256:i", "1", "", ())
    source = CacheSource(execution_id("run"), NodePath("n0"), 0, "t1")
    await running.plane.catalog.put(CacheEntry(key, source, b"", uri, (), 9, 5, 1))
    asked = pb.GetCacheRequest(key=key.digest)
    assert await status(stub.Get(asked)) is grpc.StatusCode.NOT_FOUND, "it is not there"
    await running.plane.catalog.put(CacheEntry(key, source, b"", uri, (), 9, 5, 1))
    running.plane.store.put(uri, b"")
    assert (await stub.Get(asked)).output.output_uri == uri


async def test_a_result_may_lie_in_the_platform_s_store_and_nowhere_else(running: Running, stub: Stub) -> None:
    uri = f"{running.plane.settings.base}/metadata/outputs.pb"
    put = pb.PutCacheRequest(key="k", output=output(output_literals=None, output_uri=uri))
    assert await status(stub.Put(put)) is grpc.StatusCode.NOT_FOUND
    running.plane.store.put(uri, b"")
    await stub.Put(put)
    assert (await stub.Get(pb.GetCacheRequest(key="k"))).output.output_uri == uri
    running.plane.store.delete(uri)
    assert await status(stub.Get(pb.GetCacheRequest(key="k"))) is grpc.StatusCode.NOT_FOUND
    for foreign in ("s3://elsewhere/o.pb", "/etc/passwd", f"{running.plane.settings.base}/../o.pb"):
        put = pb.PutCacheRequest(key="f", output=output(output_literals=None, output_uri=foreign))
        assert await status(stub.Put(put)) is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_turn_for_a_task_s_result_is_the_one_that_nodes_take(running: Running, stub: Stub) -> None:
    digest = "a" * 64
    await running.plane.catalog.reserve([Claim(digest, "a node")], 60_000_000_000)
    asked = pb.GetOrExtendReservationRequest(key=digest, owner_id="me")
    assert (await stub.GetOrExtendReservation(asked)).reservation.owner_id == "a node"


@pytest.mark.parametrize(
    ("rpc", "request_"),
    [
        ("Get", pb.GetCacheRequest()),
        ("Get", pb.GetCacheRequest(key="k" * 2000)),
        ("Put", pb.PutCacheRequest(key="k")),
        ("Put", pb.PutCacheRequest(key="k", output=pb.CachedOutput())),
        ("Delete", pb.DeleteCacheRequest(key="a\0b")),
        ("GetOrExtendReservation", pb.GetOrExtendReservationRequest(key="k")),
        ("ReleaseReservation", pb.ReleaseReservationRequest(owner_id="me")),
    ],
)
async def test_what_makes_no_sense_is_refused(stub: Stub, rpc: str, request_: object) -> None:
    assert await status(getattr(stub, rpc)(request_)) is grpc.StatusCode.INVALID_ARGUMENT


async def test_what_is_too_large_is_refused(stub: Stub) -> None:
    large = pb.Metadata(key_map=pb.KeyMapMetadata(values={"x": "x" * 70_000}))
    put = pb.PutCacheRequest(key="k", output=output(metadata=large))
    assert await status(stub.Put(put)) is grpc.StatusCode.RESOURCE_EXHAUSTED
