"""Beyond loopback a platform wants a login and TLS, unless it is said otherwise."""

import asyncio
import ssl
from pathlib import Path

import grpc
import pytest
from grpc import aio

from flytelike.cli.exposure import tls_of
from flytelike.controlplane.access.options import AccessOptions
from flytelike.embedded.folder import DataFolder
from flytelike.embedded.platform import Platform, PlatformOptions
from flytelike.model.diagnostic import DiagnosticError
from flytelike.remote import Client
from flytelike_idl.admin import project_pb2
from flytelike_idl.service import admin_pb2_grpc
from tests.unit.cluster.test_guarded_servers import Authority

OPEN, GUARDED = AccessOptions(), AccessOptions(required=True)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def given(cert: Path | None = None, key: Path | None = None, *, insecure: bool = False) -> dict[str, object]:
    return {"tls_cert_file": cert, "tls_private_key_file": key, "insecure": insecure}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_on_loopback_nothing_is_wanted(host: str) -> None:
    assert tls_of(given(), host, OPEN) is None


@pytest.mark.parametrize(("access", "tls"), [(OPEN, False), (GUARDED, False), (OPEN, True), (GUARDED, True)])
def test_beyond_it_login_and_tls_are(access: AccessOptions, tls: bool, tmp_path: Path) -> None:
    files = Authority(tmp_path, "authority").pair("server") if tls else (None, None)
    if access is GUARDED and tls:
        assert tls_of(given(*files), "0.0.0.0", access) is not None
        return
    with pytest.raises(DiagnosticError, match="unprotected-address") as refused:
        tls_of(given(*files), "0.0.0.0", access)
    told = " ".join(refused.value.diagnostics[0].help)
    assert ("--require-login" in told, "--tls-cert-file" in told) == (access is OPEN, not tls)
    assert tls_of(given(*files, insecure=True), "0.0.0.0", access) == tls_of(given(*files), "127.0.0.1", access)


def test_a_certificate_and_its_key_go_together(tmp_path: Path) -> None:
    cert, key = Authority(tmp_path, "authority").pair("server")
    with pytest.raises(DiagnosticError, match="contradictory-options"):
        tls_of(given(cert), "127.0.0.1", OPEN)
    key.write_text("no key")
    with pytest.raises(DiagnosticError, match="unusable-certificate"):
        tls_of(given(cert, key), "127.0.0.1", OPEN)


@pytest.mark.anyio
async def test_all_ports_speak_tls_but_for_this_machine_s_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    cert, key = authority.pair("server")
    folder = DataFolder.at(tmp_path / "data")
    folder.prepare()
    options = PlatformOptions(tls=tls_of(given(cert, key), "127.0.0.1", OPEN))
    async with Platform(folder, options) as platform:
        trusted = grpc.ssl_channel_credentials(authority.file.read_bytes())
        async with aio.secure_channel(platform.address, trusted) as channel:
            assert (
                await admin_pb2_grpc.AdminServiceStub(channel).ListProjects(project_pb2.ProjectListRequest())
            ).projects
        async with Client(platform.address) as plain:
            assert not await plain.ready(0.3)
        async with Client(platform.endpoint.grpc) as local:
            assert (await local.admin.ListProjects(project_pb2.ProjectListRequest())).projects
        assert platform.endpoint.http.startswith("https://")
        port = int(platform.endpoint.http.rpartition(":")[2])
        context = ssl.create_default_context(cafile=str(authority.file))
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.close()
        await writer.wait_closed()
