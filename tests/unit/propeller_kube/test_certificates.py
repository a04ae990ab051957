"""Certificates that other programs take are taken: those of many clusters and houses name no key of their authority."""

import http.server
import ssl
import threading
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flytelike.remote.transfers import opener
from propeller.kube.client import ClientSettings, KubernetesClient
from tests.services.certificates import Authority


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contexts are strict, as those of Python 3.13 are."""
    made = ssl.create_default_context

    def as_of_newer_pythons(*words: Any, **named: Any) -> ssl.SSLContext:
        context = made(*words, **named)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", as_of_newer_pythons)


@pytest.fixture
def old(tmp_path: Path) -> Authority:
    """An authority whose certificates name no keys."""
    return Authority(tmp_path, "old", names_keys=False)


@pytest.fixture
def url(old: Authority) -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*old.pair("server"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_files_go_where_calls_do(old: Authority, url: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="501"):  # It was reached, and has no methods.
        opener(old.file).open(url, timeout=10)


def test_strangers_are_refused_as_before(tmp_path: Path, url: str) -> None:
    other = Authority(tmp_path, "other")
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        opener(other.file).open(url, timeout=10)


@pytest.mark.anyio
async def test_an_api_server_is_asked_for_no_more_than_kubectl_asks(old: Authority, tmp_path: Path) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [
            {"name": "here", "cluster": {"server": "https://127.0.0.1:1", "certificate-authority": str(old.file)}}
        ],
        "users": [{"name": "me", "user": {"token": "word"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(document))
    async with KubernetesClient(ClientSettings(kubeconfig=str(tmp_path / "config"))) as client:
        assert client._api is not None
        context = client._api.rest_client.ssl_context
        assert context.verify_flags & ssl.VERIFY_X509_STRICT == 0
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
