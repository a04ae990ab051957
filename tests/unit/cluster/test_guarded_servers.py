"""Who may call: those with a token of the file, and where it is asked for, with a certificate."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from flytelike.cluster.propeller_server import serve_propeller
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.server import serve
from flytelike.controlplane.tls import TlsFiles
from flytelike.model.diagnostic import DiagnosticError
from flytelike.remote import Client, RemoteError, registry
from flytelike.remote.access import Access
from propeller.app.control_plane import ControlPlaneConnection, ControlPlaneSettings
from propeller.app.control_plane.connection import Refused
from propeller.app.control_plane.ports import RemoteCatalog, RemoteChildren
from tests.services.certificates import Authority
from tests.unit.controlplane.builders import execution_id, settings_for, started

pytestmark = pytest.mark.anyio
TOKEN, OTHER = "a" * 32, "b" * 32


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with started(settings_for(tmp_path)) as plane:
        yield plane


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"{TOKEN}\n")
    return path


def told(folder: Path, token: str) -> Path:
    path = folder / f"sent-{token[0]}"
    path.write_text(f"{token}\n")
    return path


# --- tokens -----------------------------------------------------------------------------------


async def test_clients_without_a_known_token_are_turned_away(plane: ControlPlane, tokens: Path, tmp_path: Path) -> None:
    plane.settings = replace(plane.settings, token_file=tokens)
    async with serve(plane) as addresses:
        for access in (Access(), Access(told(tmp_path, OTHER))):
            async with Client(addresses.grpc, access) as client:
                with pytest.raises(RemoteError) as refused:
                    await registry.projects(client)
                assert refused.value.status == "UNAUTHENTICATED"
                with pytest.raises(RemoteError) as refused:
                    async for _ in client.stream(client.watch.WatchExecution(None)):  # type: ignore[arg-type]
                        pass
                assert refused.value.status in {"UNAUTHENTICATED", "INTERNAL"}
        async with Client(addresses.grpc, Access(told(tmp_path, TOKEN))) as client:
            assert await registry.projects(client)


async def test_tokens_are_exchanged_without_a_restart(plane: ControlPlane, tokens: Path, tmp_path: Path) -> None:
    plane.settings = replace(plane.settings, token_file=tokens)
    async with serve(plane) as addresses, Client(addresses.grpc, Access(told(tmp_path, OTHER))) as client:
        with pytest.raises(RemoteError):
            await registry.projects(client)
        tokens.write_text(f"{TOKEN}\n{OTHER}\n")
        assert await registry.projects(client)
        tokens.unlink()
        assert await registry.projects(client), "while a file is exchanged, it is taken as it was"


async def test_health_and_how_to_log_in_are_told_to_everybody(plane: ControlPlane, tokens: Path) -> None:
    plane.settings = replace(plane.settings, token_file=tokens)
    async with serve(plane) as addresses, Client(addresses.grpc) as client:
        for method in ("/grpc.health.v1.Health/Check", "/flyteidl.service.AuthMetadataService/GetPublicClientConfig"):
            assert isinstance(await client.channel.unary_unary(method)(b""), bytes)


async def test_operators_need_their_own_token(plane: ControlPlane, tokens: Path, tmp_path: Path) -> None:
    async with serve_propeller(plane, "127.0.0.1:0", tokens) as address:
        for file in (None, told(tmp_path, OTHER)):
            async with ControlPlaneConnection(ControlPlaneSettings(address, file)) as connection:
                with pytest.raises(DiagnosticError, match="control-plane-unavailable"):
                    await RemoteCatalog(connection).drop(["x"], "why")
        async with ControlPlaneConnection(ControlPlaneSettings(address, told(tmp_path, TOKEN))) as connection:
            await RemoteCatalog(connection).drop(["x"], "why")
            with pytest.raises(Refused, match="NOT_FOUND"):
                await RemoteChildren(connection).phase(execution_id("none"))


async def test_nobody_there_is_a_trouble_that_passes() -> None:
    async with ControlPlaneConnection(ControlPlaneSettings("127.0.0.1:1")) as connection:
        with pytest.raises(DiagnosticError, match="control-plane-unavailable"):
            await RemoteCatalog(connection).drop(["x"], "why")


# --- certificates -----------------------------------------------------------------------------


async def test_clients_speak_tls_and_trust_an_authority(plane: ControlPlane, tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    plane.settings = replace(plane.settings, tls=TlsFiles(*authority.pair("server")))
    async with serve(plane) as addresses:
        assert addresses.http.startswith("https://")
        async with Client(f"https://{addresses.grpc}", Access(ca_file=authority.file)) as client:
            assert await registry.projects(client)
        async with Client(f"https://{addresses.grpc}", Access(ca_file=stranger.file)) as client:
            assert not await client.ready(0.5)


async def test_a_new_certificate_is_used_for_new_connections(plane: ControlPlane, tmp_path: Path) -> None:
    first, second = Authority(tmp_path, "first"), Authority(tmp_path, "second")
    cert, key = first.pair("server")
    plane.settings = replace(plane.settings, tls=TlsFiles(cert, key))
    async with serve(plane) as addresses:
        for authority in (first, second):
            new_cert, new_key = authority.pair(f"new-{authority.name}")
            os.replace(new_cert, cert)
            os.replace(new_key, key)
            async with Client(f"https://{addresses.grpc}", Access(ca_file=authority.file)) as client:
                assert await registry.projects(client)


async def test_operators_show_a_certificate_where_one_is_wanted(plane: ControlPlane, tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    tls = TlsFiles(*authority.pair("server"), authority.file)
    async with serve_propeller(plane, "127.0.0.1:0", None, tls) as address:
        for pair in ((None, None), stranger.pair("mallory")):
            settings = ControlPlaneSettings(address, None, authority.file, *pair)
            async with ControlPlaneConnection(settings) as connection:
                with pytest.raises(DiagnosticError, match="control-plane-unavailable"):
                    await RemoteCatalog(connection).drop(["x"], "why")
        settings = ControlPlaneSettings(address, None, authority.file, *authority.pair("operator"))
        async with ControlPlaneConnection(settings) as connection:
            await RemoteCatalog(connection).drop(["x"], "why")


# --- sizes ------------------------------------------------------------------------------------


async def test_what_is_too_large_is_refused(plane: ControlPlane) -> None:
    plane.settings = replace(plane.settings, limits=replace(plane.settings.limits, message_bytes=10_000))
    async with serve(plane) as addresses, Client(addresses.grpc) as client:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await client.channel.unary_unary("/flytelike.service.AdminService/GetTask")(b"x" * 20_000)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
