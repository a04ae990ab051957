"""Serving the pages: one document for all addresses, files for good, and nothing from outside of their folder."""

import gzip
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.types import Message

from flytelike.console.pages import POLICY, Pages

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def static(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "assets" / "main-1234.js").write_text("run()" * 100)
    return folder


async def get(static: Path, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Ask the application as a server does, with the path as it was sent."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    await Starlette(routes=Pages(static).routes())(scope, receive, send)
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize("path", ["/console/", "/console/p/default/development", "/console/p/a/b/executions/x.y"])
async def test_every_address_begins_with_the_same_document(static: Path, path: str) -> None:
    status, headers, body = await get(static, path)
    assert (status, body) == (200, b"<!doctype html>")
    assert headers["cache-control"] == "no-cache"
    assert headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY


async def test_files_are_kept_for_good_and_sent_compressed(static: Path) -> None:
    status, headers, body = await get(static, "/console/assets/main-1234.js", accept_encoding="gzip, br")
    assert (status, headers["content-encoding"], headers["vary"]) == (200, "gzip", "accept-encoding")
    assert "immutable" in headers["cache-control"]
    assert gzip.decompress(body) == b"run()" * 100
    assert headers["content-type"].startswith(("text/javascript", "application/javascript"))


async def test_a_file_that_is_gone_is_not_the_document(static: Path) -> None:
    assert (await get(static, "/console/assets/main-0000.js"))[0] == 404


@pytest.mark.parametrize("path", ["/console/../secret.txt", "/console//etc/passwd", "/console/assets/../../secret.txt"])
async def test_nothing_outside_is_given(static: Path, path: str) -> None:
    _, _, body = await get(static, path)
    assert b"secret" not in body
    assert b"root:" not in body


@pytest.mark.parametrize("path", ["/", "/console"])
async def test_the_way_to_the_console(static: Path, path: str) -> None:
    status, headers, _ = await get(static, path)
    assert (status, headers["location"]) == (307, "/console/")


async def test_what_was_not_built_says_how(tmp_path: Path) -> None:
    status, _, body = await get(tmp_path, "/console/")
    assert status == 503
    assert b"make console" in body
