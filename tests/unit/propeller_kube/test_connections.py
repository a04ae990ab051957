"""A client that is left has closed its connections, whatever the API server does."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from propeller.kube.connections import Connections
from tests.services.certificates import Authority

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def mute_server(authority: Authority) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Serve TLS, and neither answer nor listen any more once there is a call."""
    called, over = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        called.set()
        await over.wait()
        writer.transport.abort()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.pair("server"))
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        try:
            yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", called
        finally:
            over.set()
            await asyncio.sleep(0)


async def test_a_cancelled_call_leaves_no_socket_open(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    connections = Connections()
    async with mute_server(authority) as (url, called):
        session = connections.session(ssl.create_default_context(cafile=str(authority.file)), 10)
        call = asyncio.ensure_future(session.get(url))
        await called.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await session.close()
        assert connections.open == 1, "the farewell of TLS is not answered"
        await connections.end()
        assert connections.open == 0


async def test_there_may_be_nobody_to_connect_to() -> None:
    connections = Connections()
    async with connections.session(ssl.create_default_context(), 10) as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get("https://127.0.0.1:1")
    await connections.end()
    assert connections.open == 0


@pytest.mark.parametrize(("name", "trusted"), [("HTTPS_PROXY", True), ("HTTPS_PROXY_NOT", False)])
async def test_the_environment_is_asked_for_proxies_only_if_it_names_one(
    name: str, *, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking takes two threads a call."""
    for known in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(known, raising=False)
        monkeypatch.delenv(known.upper(), raising=False)
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with Connections().session(ssl.create_default_context(), 10) as session:
        assert session.trust_env is trusted
