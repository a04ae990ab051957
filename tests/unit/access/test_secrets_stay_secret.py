"""Secrets that are planted everywhere appear in no log, no error, no answer and no entry of the audit log."""

import logging
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from flytelike.cluster.options import ReplicaOptions
from flytelike.controlplane.access.audit import Deed, Origin
from flytelike.controlplane.access.caller import Caller
from flytelike.controlplane.access.identity import Identity
from flytelike.controlplane.repository.audit import AuditFilter
from flytelike.controlplane.rpc.dispatch import names_of
from flytelike.controlplane.server import servicers_of
from flytelike.controlplane.settings import Settings
from flytelike.controlplane.tls import TlsFiles
from flytelike.model.redaction import HIDDEN, redacted
from flytelike.remote.access import Access
from propeller.app.logs import RedactingFormatter
from tests.services.shared_server import SharedServer, shared_server
from tests.unit.access.aiming import Aim, aimed
from tests.unit.cluster.test_guarded_servers import Authority

FORMATTER = RedactingFormatter("%(name)s %(message)s")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[SharedServer]:
    tls = TlsFiles(*authority.pair("server"))
    with shared_server(tmp_path_factory.mktemp("shared"), admins=("user:robot",), tls=tls) as server:
        yield server


def channel(server: SharedServer, authority: Authority) -> grpc.Channel:
    return grpc.secure_channel(server.address, grpc.ssl_channel_credentials(authority.file.read_bytes()))


def everything_called(server: SharedServer, authority: Authority, token: str) -> str:
    """Call every RPC with a token over TLS; return all that was answered, errors and their details included."""
    heard = []
    with channel(server, authority) as connection:
        for service, _ in servicers_of(server.plane):
            for method in service.methods:
                if method.server_streaming:
                    continue
                call = connection.unary_unary(f"/{names_of(service)[0]}/{method.name}")
                request = aimed(method, Aim("default")).SerializeToString()
                try:
                    answer = call(request, metadata=(("authorization", f"Bearer {token}"),), timeout=30)
                    heard.append(answer.decode("latin-1"))
                except grpc.RpcError as error:
                    heard.append(f"{error.code()} {error.details()} {error.trailing_metadata()}")  # type: ignore[attr-defined]
    return "\n".join(heard)


@pytest.mark.parametrize("kind", ["ours", "provider", "forged", "unknown"])
def test_a_token_that_is_sent_is_told_to_nobody(
    server: SharedServer, authority: Authority, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = server.call(server.plane.access.create_token, Caller(), "robot", "", 0).token
    sent = {
        "ours": made,
        "provider": server.provider.token(sub="robot"),
        "forged": server.provider.token(sub="robot")[:-6] + "AAAAAA",
        "unknown": "flt_abcdefghij_" + "x1Y2" * 10,
    }[kind]
    # A token's secret may have underscores of its own: what stands behind its last one may be a single letter.
    secret = sent.rpartition(".")[2] if "." in sent else sent.split("_", 2)[2]
    assert len(secret) > 30
    with caplog.at_level(logging.DEBUG):
        heard = everything_called(server, authority, sent)
    assert secret not in heard
    logged = "\n".join(FORMATTER.format(record) for record in caplog.records)
    assert secret not in logged
    entries = server.call(server.plane.audit.entries, AuditFilter(), 0, 1000)
    assert secret not in repr(entries)
    if kind in {"ours", "provider"}:
        assert entries, "or else nothing was shown"


def test_what_breaks_within_tells_nothing_of_itself(
    server: SharedServer, authority: Authority, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    token = server.call(server.plane.access.create_token, Caller(), "robot", "", 0).token

    async def broken(*_: object) -> None:
        raise ConnectionError(f"postgresql://boss:hunter2@db.internal/x refused {token} password=hunter2")

    monkeypatch.setattr(server.plane.projects, "list", broken)
    with caplog.at_level(logging.DEBUG), channel(server, authority) as connection:
        call = connection.unary_unary("/flytelike.service.AdminService/ListProjects")
        with pytest.raises(grpc.RpcError) as told:
            call(b"", metadata=(("authorization", f"Bearer {token}"),), timeout=30)
    logged = "\n".join(FORMATTER.format(record) for record in caplog.records)
    assert "ConnectionError" in logged
    for secret in ("hunter2", token.rpartition("_")[2]):
        assert secret not in logged
        assert secret not in str(told.value)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("postgresql+psycopg://boss:hunter2@db/x", f"postgresql+psycopg://boss:{HIDDEN}@db/x"),
        ("redis://:hunter2@db", f"redis://:{HIDDEN}@db"),
        ("authorization: Bearer abcdef0123456789", f"authorization: Bearer {HIDDEN}"),
        ("flt_abcdefghij_hunter2hunter2", f"flt_abcdefghij_{HIDDEN}"),
        ("x eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln y", f"x {HIDDEN} y"),
        ("http://h/f?expires=1&signature=deadbeef", f"http://h/f?expires=1&signature={HIDDEN}"),
        ("https://b/k?X-Amz-Signature=aa&X-Amz-Date=1", f"https://b/k?X-Amz-Signature={HIDDEN}&X-Amz-Date=1"),
        ('{"client_secret": "hunter2", "a": 1}', f'{{"client_secret": "{HIDDEN}", "a": 1}}'),
        ("password=hunter2 host=db", f"password={HIDDEN} host=db"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nmore", f"{HIDDEN}\nmore"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, left: str) -> None:
    assert redacted(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "the signature: (x: int) -> str does not fit",
        "there is no secret db/password of that name",
        "grpc 127.0.0.1:8089, http http://127.0.0.1:8088",
        "the token is not known here, has expired or was revoked [token-not-accepted]",
        "dns:///host:8089 and s3://bucket/a@b",
        "flt_config.py is no workflow",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_settings_show_no_secret(tmp_path: Path) -> None:
    url = "postgresql://boss:hunter2@db/x"
    shown = [
        repr(Settings(url, "s3://b", upload_secret=b"hunter2")),
        repr(ReplicaOptions(url, "s3://b")),
        repr(Access(token="hunter2")),
    ]
    assert "hunter2" not in "".join(shown)


def test_every_port_speaks_tls(server: SharedServer, authority: Authority) -> None:
    import ssl
    import urllib.error
    import urllib.request

    assert server.http.startswith("https://")
    context = ssl.create_default_context(cafile=str(authority.file))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(f"{server.http}/healthcheck", timeout=30) as answer:
        assert answer.status == 200
    with grpc.insecure_channel(server.address) as plain, pytest.raises(grpc.RpcError) as told:
        plain.unary_unary("/flytelike.service.AdminService/GetVersion")(b"", timeout=10)
    assert told.value.code() is grpc.StatusCode.UNAVAILABLE  # type: ignore[attr-defined]
    plain_http = f"{server.http.replace('https://', 'http://')}/healthcheck"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(OSError, match="reset|closed|Remote|Bad|Empty|refused|disconnected|Connection"):
        opener.open(plain_http, timeout=10)


def test_a_token_that_is_given_as_a_name_is_hidden_in_the_audit_log(server: SharedServer) -> None:
    deed = Deed("S/M", target="default/flt_abcdefghij_hunter2hunter2")
    log = server.plane.audit
    server.call(log.add, log.row(Identity("x"), deed, Origin(request_id="planted"), "OK"))
    (entry,) = server.call(server.plane.audit.entries, AuditFilter(request_id="planted"), 0, 10)
    assert entry.target == f"default/flt_abcdefghij_{HIDDEN}"
