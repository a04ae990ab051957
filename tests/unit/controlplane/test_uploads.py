"""Uploads: only what was signed, whole or not at all."""

import asyncio
import base64
import hashlib
import urllib.error
import urllib.request
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import aio

from flytelike.codec.ids import execution_id_to_proto
from flytelike.codec.literals import literal_map_to_proto
from flytelike.controlplane.data_url import parse_data_url
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.settings import Limits
from flytelike.model.phases import NodePhase
from flytelike.storage import S3Config, Store, StoreConfig
from flytelike_idl.core import identifier_pb2
from flytelike_idl.service import dataproxy_pb2
from tests.unit.controlplane.builders import (
    DOMAIN,
    PROJECT,
    Running,
    Story,
    create_execution,
    execution_id,
    module,
    number,
    served,
    settings_for,
)

pytestmark = pytest.mark.anyio

CONTENT = b"some code" * 100
MD5 = hashlib.md5(CONTENT).digest()
BYTES_MAX = 1_000


def request_for(content: bytes = CONTENT, **fields: object) -> dataproxy_pb2.CreateUploadLocationRequest:
    wanted: dict[str, object] = {
        "project": PROJECT,
        "domain": DOMAIN,
        "filename": "fast.tar.gz",
        "content_md5": hashlib.md5(content).digest(),
        "add_content_md5_metadata": True,
    }
    return dataproxy_pb2.CreateUploadLocationRequest(**{**wanted, **fields})  # type: ignore[arg-type]


def sent(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
    request = urllib.request.Request(url, data=body, method=method, headers=dict(headers))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


async def put(url: str, body: bytes = CONTENT, md5: bytes | None = MD5) -> int:
    headers = {"Content-Type": "application/octet-stream"}
    if md5 is not None:
        headers["Content-MD5"] = base64.b64encode(md5).decode()
    status, _ = await asyncio.to_thread(sent, "PUT", url, body, headers)
    return status


async def refused(call: Awaitable[object]) -> aio.AioRpcError:
    with pytest.raises(aio.AioRpcError) as told:
        await call
    return told.value


async def test_a_file_goes_where_stock_clients_expect_it(running: Running) -> None:
    location = await running.data.CreateUploadLocation(request_for())
    folder = base64.b32encode(MD5).decode()
    assert location.native_url == f"{running.plane.settings.base}/uploads/default/development/{folder}/fast.tar.gz"
    assert await put(location.signed_url) == 200
    assert await running.plane.store.get_async(location.native_url) == CONTENT


async def test_a_named_folder_takes_the_place_of_the_digest(running: Running) -> None:
    location = await running.data.CreateUploadLocation(request_for(filename_root="abc====", content_md5=b""))
    assert location.native_url.endswith("/abc====/fast.tar.gz")
    assert await put(location.signed_url, md5=None) == 200


async def test_a_folder_s_files_keep_their_place_below_it(running: Running) -> None:
    location = await running.data.CreateUploadLocation(request_for(filename_root="f", filename="box/in/a.txt"))
    assert location.native_url.endswith("/f/box/in/a.txt")
    assert await put(location.signed_url) == 200
    assert await running.plane.store.get_async(location.native_url) == CONTENT


async def test_the_same_again_is_there_already_and_may_be_sent_again(running: Running) -> None:
    first = await running.data.CreateUploadLocation(request_for(filename_root="f"))
    await put(first.signed_url)
    again = await running.data.CreateUploadLocation(request_for(filename_root="f"))
    assert (first.already_there, again.already_there) == (False, True)
    assert await put(again.signed_url) == 200


async def test_other_content_under_a_taken_name_is_refused(running: Running) -> None:
    first = await running.data.CreateUploadLocation(request_for(filename_root="f"))
    await put(first.signed_url)
    error = await refused(running.data.CreateUploadLocation(request_for(b"other", filename_root="f")))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS


@pytest.mark.parametrize(
    ("body", "md5", "status"),
    [
        (b"other", MD5, 400),  # the content is not what was announced
        (b"other", hashlib.md5(b"other").digest(), 400),  # the header is not what was signed
        (CONTENT, b"short", 400),
        (CONTENT, None, 200),
    ],
)
async def test_content_must_be_what_was_signed(running: Running, body: bytes, md5: bytes | None, status: int) -> None:
    location = await running.data.CreateUploadLocation(request_for())
    assert await put(location.signed_url, body, md5) == status
    assert await running.plane.store.exists_async(location.native_url) == (status == 200)


async def test_an_address_cannot_be_changed(running: Running) -> None:
    location = await running.data.CreateUploadLocation(request_for())
    for old, new in (
        ("fast.tar.gz", "slow.tar.gz"),
        ("/default/", "/flytesnacks/"),
        ("/default/", "/%2e%2e/"),
        ("/default/", "/..%2f..%2fx/"),
        ("expires=1", "expires=2"),
        ("md5=", "md5=00"),
        ("signature=", "signature=0"),
        ("signature=", "nothing="),
    ):
        assert await put(location.signed_url.replace(old, new, 1)) in {403, 404}


async def test_an_address_expires(running: Running) -> None:
    location = await running.data.CreateUploadLocation(request_for(expires_in=Duration(seconds=5)))
    for _ in range(10):
        running.plane.clock.now_ns()  # a second each
    assert await put(location.signed_url) == 403


async def test_a_file_has_a_size_limit_whatever_its_headers_say(tmp_path: Path) -> None:
    async with served(settings_for(tmp_path, limits=Limits(upload_bytes=1_000))) as running:
        body = b"x" * 1_001
        location = await running.data.CreateUploadLocation(request_for(body))
        md5 = hashlib.md5(body).digest()
        assert await put(location.signed_url, body, md5) == 413
        assert await chunked(location.signed_url, body) == 413
        assert not await running.plane.store.exists_async(location.native_url)


async def chunked(url: str, body: bytes) -> int:
    """Upload without saying how much will come."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode() + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
    status = int((await reader.readline()).split()[1])
    writer.close()
    await writer.wait_closed()
    return status


@pytest.mark.parametrize(
    "fields",
    [
        {"project": ""},
        {"project": ".."},
        {"project": "a/b"},
        {"domain": "moon"},
        {"filename": "../x"},
        {"filename": "a/../../x"},
        {"filename": "/a"},
        {"filename": "a//b"},
        {"filename": "/".join(["a"] * 100)},
        {"filename": "a\0b"},
        {"filename": "x" * 300},
        {"filename_root": ".."},
        {"filename_root": "a?b"},
        {"content_md5": b""},
        {"content_md5": b"123"},
        {"expires_in": Duration(seconds=86_400)},
        {"expires_in": Duration(seconds=-1)},
        {"org": "acme"},
    ],
)
async def test_requests_are_checked(running: Running, fields: dict[str, object]) -> None:
    error = await refused(running.data.CreateUploadLocation(request_for(**fields)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_memory_stores_take_uploads_through_us_too(tmp_path: Path) -> None:
    async with served(replace(settings_for(tmp_path), store_base="memory://store")) as running:
        location = await running.data.CreateUploadLocation(request_for())
        assert await put(location.signed_url) == 200
        assert running.plane.store.get(location.native_url) == CONTENT


# --- downloads --------------------------------------------------------------------------------


async def test_downloads_are_signed_and_stay_inside_of_the_store(running: Running) -> None:
    base = running.plane.settings.base
    running.plane.store.put(f"{base}/a/b.bin", b"data")
    request = dataproxy_pb2.CreateDownloadLocationRequest(native_url=f"{base}/a/b.bin")
    url = (await running.data.CreateDownloadLocation(request)).signed_url
    assert await asyncio.to_thread(sent, "GET", url, None, {}) == (200, b"data")
    assert (await asyncio.to_thread(sent, "GET", url.replace("b.bin", "c.bin"), None, {}))[0] == 403
    for outside in ("file:///etc/passwd", f"{base}/../controlplane.db", f"{base}", "s3://other/key"):
        request = dataproxy_pb2.CreateDownloadLocationRequest(native_url=outside)
        error = await refused(running.data.CreateDownloadLocation(request))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


async def with_data(running: Running) -> str:
    """Run an execution with one node that has outputs and a deck; return the urls' common start."""
    await running.registration.Register(module())
    await running.admin.CreateExecution(create_execution())
    folder = f"{running.plane.settings.base}/n0/0"
    outputs = literal_map_to_proto({"o0": number(2)}).SerializeToString()
    running.plane.store.put(f"{folder}/outputs.pb", outputs)
    running.plane.store.put(f"{folder}/deck.html", b"<p>deck</p>")
    await running.plane.record(Story().node("n0", NodePhase.SUCCEEDED, output_uri=f"{folder}/outputs.pb").entries)
    return "flyte://v1/default/development/run/n0"


async def test_data_is_found_by_its_flyte_url(running: Running) -> None:
    start = await with_data(running)
    whole = await running.data.GetData(dataproxy_pb2.GetDataRequest(flyte_url=f"{start}/o"))
    assert whole.literal_map.literals["o0"].scalar.primitive.integer == 2
    one = await running.data.GetData(dataproxy_pb2.GetDataRequest(flyte_url=f"{start}/o/o0"))
    assert one.literal.scalar.primitive.integer == 2
    for missing in ("o/o1", "i", "0/o"):
        error = await refused(running.data.GetData(dataproxy_pb2.GetDataRequest(flyte_url=f"{start}/{missing}")))
        assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_decks_are_linked(running: Running) -> None:
    await with_data(running)
    node = identifier_pb2.NodeExecutionIdentifier(node_id="n0", execution_id=execution_id_to_proto(execution_id()))
    request = dataproxy_pb2.CreateDownloadLinkRequest(
        artifact_type=dataproxy_pb2.ARTIFACT_TYPE_DECK, node_execution_id=node
    )
    (url,) = (await running.data.CreateDownloadLink(request)).pre_signed_urls.signed_url
    assert await asyncio.to_thread(sent, "GET", url, None, {}) == (200, b"<p>deck</p>")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://x",
        "flyte://v1/p/d/e/n",
        "flyte://v1/p/d/e/n/x",
        "flyte://v1/p/d/e/n/0",
        "flyte://v1/p/d/e/n/i/a/b",
        "flyte://v1//d/e/n/i",
    ],
)
def test_data_urls_are_checked(url: str) -> None:
    with pytest.raises(Refusal, match="invalid-data-url"):
        parse_data_url(url)


@pytest.mark.slow
async def test_buckets_sign_their_own_uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3
    from moto.server import ThreadedMotoServer

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    await asyncio.to_thread(server.start)
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        await asyncio.to_thread(client.create_bucket, Bucket="bucket")
        client.close()
        config = StoreConfig(s3=S3Config(endpoint, "us-east-1", "test", "test"))
        limits = Limits(upload_bytes=BYTES_MAX)
        settings = replace(settings_for(tmp_path, limits=limits), store_base="s3://bucket/base")
        async with served(settings, store=Store(config)) as running:
            location = await running.data.CreateUploadLocation(request_for())
            assert location.signed_url.startswith(endpoint)
            assert location.native_url.startswith("s3://bucket/base/uploads/")
            assert await put(location.signed_url) == 200
            assert await running.plane.store.get_async(location.native_url) == CONTENT
            again = await running.data.CreateUploadLocation(request_for())
            assert again.already_there
            await pages_upload_through_the_platform(running)
            await running.registration.Register(module())
            await running.admin.CreateExecution(create_execution())
            assert running.launcher.launched[0].closure_uri.startswith("s3://bucket/base/closures/")
    finally:
        await asyncio.to_thread(server.stop)


async def pages_upload_through_the_platform(running: Running) -> None:
    """A page's policy lets it speak to this server alone, which holds what comes to its own limits."""
    asked = request_for(filename="orders.csv", filename_root="of-a-page", content_md5=b"", through_platform=True)
    location = await running.data.CreateUploadLocation(asked)
    assert location.signed_url.startswith(f"{running.addresses.http}/uploads/")
    assert location.native_url.startswith("s3://bucket/base/uploads/")
    assert await put(location.signed_url.replace("orders", "others")) == 403
    assert await put(location.signed_url, bytes(BYTES_MAX + 1), None) == 413
    assert not await running.plane.store.exists_async(location.native_url)
    assert await put(location.signed_url) == 200
    assert await running.plane.store.get_async(location.native_url) == CONTENT
