"""The API for browsers: Connect's protocol, and who is turned away before a servicer is asked."""

import asyncio
import base64
import gzip
import http.client
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flytelike.codec.diagnostics import diagnostic_from_proto
from flytelike.controlplane.settings import Limits, Settings
from flytelike.controlplane.web.connect import envelope, opened
from flytelike.controlplane.web.identity import COOKIE
from flytelike.controlplane.web.same_origin import SameOrigin
from flytelike_idl.admin import project_pb2
from flytelike_idl.service import registration_pb2
from tests.unit.controlplane.builders import (
    DOMAIN,
    PROJECT,
    Running,
    create_execution,
    module,
    served,
    settings_for,
    succeeded,
)

pytestmark = pytest.mark.anyio

ADMIN = "flytelike.service.AdminService"
WATCH = "flytelike.service.WatchService"
RUN = {"project": PROJECT, "domain": DOMAIN, "name": "run"}
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> dict:
        return json.loads(self.body)

    @property
    def parts(self) -> list[tuple[int, dict]]:
        """The messages of a stream with their flags."""
        found, rest = [], self.body
        while rest:
            flags, length = struct.unpack(">BI", rest[:5])
            found.append((flags, json.loads(rest[5 : 5 + length])))
            rest = rest[5 + length :]
        return found


async def post(running: Running, rpc: str, body: object = None, **headers: str) -> Answer:
    """Call an RPC; a body of bytes is sent as it is, anything else as JSON. Names of headers use underscores."""
    address = urlsplit(running.addresses.http)
    data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    told = {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}

    def call() -> Answer:
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        try:
            connection.request("POST", f"/api/{rpc}", data, told)
            answer = connection.getresponse()
            return Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    return await asyncio.to_thread(call)


async def test_an_rpc_is_answered_in_json(running: Running) -> None:
    answer = await post(running, f"{ADMIN}/GetDomains")
    assert answer.status == 200
    assert [domain["id"] for domain in answer.document["domains"]] == ["development", "staging", "production"]
    assert answer.headers["cache-control"] == "no-store"


async def test_and_in_bytes(running: Running) -> None:
    answer = await post(running, f"{ADMIN}/GetDomains", b"", content_type="application/proto")
    assert len(project_pb2.GetDomainsResponse.FromString(answer.body).domains) == 3


async def test_large_answers_are_compressed_where_that_is_understood(running: Running) -> None:
    for index in range(6):
        project = project_pb2.Project(id=f"big{index}", name="big", description="x" * 300)
        await running.admin.RegisterProject(project_pb2.ProjectRegisterRequest(project=project))
    squeezed = await post(running, f"{ADMIN}/ListProjects", accept_encoding="gzip")
    plain = await post(running, f"{ADMIN}/ListProjects")
    assert squeezed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(squeezed.body) == plain.body


async def test_a_refusal_carries_its_diagnostics(running: Running) -> None:
    await running.registration.Register(module())
    spec = {"launchPlan": {**RUN, "name": "flow", "version": "v1", "resourceType": "LAUNCH_PLAN"}}
    answer = await post(running, f"{ADMIN}/CreateExecution", {**RUN, "spec": spec})
    assert (answer.status, answer.document["code"]) == (400, "invalid_argument")
    (detail,) = answer.document["details"]
    assert detail["type"] == "flytelike.service.Diagnostic"
    value = base64.b64decode(detail["value"] + "=" * (-len(detail["value"]) % 4))
    assert diagnostic_from_proto(registration_pb2.Diagnostic.FromString(value)).code == "missing-input"


@pytest.mark.parametrize(
    ("rpc", "body", "headers", "status"),
    [
        (f"{ADMIN}/GetExecution", {"id": RUN}, {}, 404),
        (f"{ADMIN}/CreateNodeEvent", {}, {}, 501),
        (f"{ADMIN}/NoSuchThing", {}, {}, 404),
        (f"{ADMIN}/GetDomains", b"{", {}, 400),
        (f"{ADMIN}/GetDomains", b"\xff\xff", {"content_type": "application/proto"}, 400),
        (f"{ADMIN}/GetDomains", {}, {"content_type": "text/plain"}, 415),
        (f"{ADMIN}/GetDomains", {}, {"content_type": "application/x-www-form-urlencoded"}, 415),
        (f"{ADMIN}/GetDomains", {}, {"connect_timeout_ms": "soon"}, 400),
        (f"{ADMIN}/GetDomains", {"unknown": 1}, {}, 200),
    ],
)
async def test_whatever_is_sent_has_a_proper_status(
    running: Running, rpc: str, body: object, headers: dict[str, str], status: int
) -> None:
    assert (await post(running, rpc, body, **headers)).status == status


async def test_what_is_too_large_is_not_read(tmp_path: Path) -> None:
    async with served(settings_for(tmp_path, limits=Limits(message_bytes=1000))) as running:
        answer = await post(running, f"{ADMIN}/GetDomains", {"x": "y" * 2000})
    assert (answer.status, answer.document["code"]) == (429, "resource_exhausted")


async def test_a_call_has_the_time_that_its_client_gives_it(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(running.plane.projects, "list", never)
    answer = await post(running, f"{ADMIN}/ListProjects", connect_timeout_ms="20")
    assert (answer.status, answer.document["code"]) == (504, "deadline_exceeded")


async def test_what_nobody_expected_is_told_by_an_id_alone(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("secret detail")

    monkeypatch.setattr(running.plane.projects, "list", broken)
    answer = await post(running, f"{ADMIN}/ListProjects")
    assert answer.status == 500
    assert b"secret" not in answer.body


# --- streams --------------------------------------------------------------------------------


async def test_a_stream_ends_with_its_outcome(running: Running) -> None:
    await running.registration.Register(module())
    await running.admin.CreateExecution(create_execution())
    await running.plane.record(succeeded())
    body = envelope(json.dumps({"id": RUN}).encode())
    answer = await post(running, f"{WATCH}/WatchExecution", body, content_type="application/connect+json")
    messages, (last_flags, end) = answer.parts[:-1], answer.parts[-1]
    assert messages[-1][1]["execution"]["closure"]["phase"] == "SUCCEEDED"
    assert (last_flags, end) == (2, {})


async def test_a_stream_that_fails_says_so_at_its_end(running: Running) -> None:
    body = envelope(json.dumps({"id": RUN}).encode())
    answer = await post(running, f"{WATCH}/WatchExecution", body, content_type="application/connect+json")
    assert answer.status == 200
    assert [(flags, found["error"]["code"]) for flags, found in answer.parts] == [(2, "not_found")]


@pytest.mark.parametrize("body", [b"", b"{}", envelope(b"{}")[:-1], envelope(b"{}", flags=1), envelope(b"{}") * 2])
async def test_what_is_no_envelope_is_told(running: Running, body: bytes) -> None:
    answer = await post(running, f"{WATCH}/WatchExecution", body, content_type="application/connect+json")
    assert answer.parts[0][1]["error"]["code"] == "invalid_argument"


def test_an_envelope_holds_what_was_put_into_it() -> None:
    assert opened(envelope(b"message")) == b"message"


# --- who is turned away ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:8088"},
        {"host": ""},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
async def test_pages_of_other_sites_get_nothing(running: Running, headers: dict[str, str]) -> None:
    answer = await post(running, f"{ADMIN}/GetDomains", **headers)
    assert (answer.status, answer.document["code"]) == (403, "permission_denied")


async def test_our_own_pages_and_programs_do(running: Running) -> None:
    address = urlsplit(running.addresses.http)
    local = f"localhost:{address.port}"
    for headers in ({"origin": running.addresses.http}, {"host": local, "origin": f"http://{local}"}, {}):
        assert (await post(running, f"{ADMIN}/GetDomains", **headers, sec_fetch_site="same-origin")).status == 200


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:8088", True),
        ("10.1.2.3", True),
        ("[::1]:8088", True),
        ("localhost", True),
        ("flyte.localhost:1", True),
        ("console.example", True),
        ("CONSOLE.example:443", True),
        ("console.example.evil", False),
        ("127.0.0.1.evil", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_a_server_knows_its_names(host: str, *, known: bool) -> None:
    assert SameOrigin(["console.example"]).known(host) is known


@pytest.fixture
def guarded(tmp_path: Path) -> Settings:
    tokens = tmp_path / "tokens"
    tokens.write_text("a-token-of-some-length\n")
    return replace(settings_for(tmp_path), token_file=tokens)


async def test_where_tokens_are_needed_one_is_needed_here_too(guarded: Settings) -> None:
    async with served(guarded) as running:
        known = {"authorization": "Bearer a-token-of-some-length"}
        assert (await post(running, f"{ADMIN}/GetDomains")).status == 401
        assert (await post(running, f"{ADMIN}/GetDomains", authorization="Bearer another")).status == 401
        assert (await post(running, f"{ADMIN}/GetDomains", **known)).status == 200
        assert (await post(running, f"{ADMIN}/GetDomains", cookie=f"{COOKIE}=a-token-of-some-length")).status == 200


async def test_a_browser_signs_in_with_a_token_that_no_script_can_read(guarded: Settings) -> None:
    async with served(guarded) as running:
        begun = await post(running, "session", {"token": "a-token-of-some-length"})
        assert begun.status == 204
        kept, *about = begun.headers["set-cookie"].split("; ")
        assert kept == f"{COOKIE}=a-token-of-some-length"
        assert {"HttpOnly", "SameSite=strict", "Path=/api"} <= set(about)
        assert (await post(running, f"{ADMIN}/GetDomains", cookie=kept)).status == 200


@pytest.mark.parametrize("body", [{"token": "another"}, {"token": 7}, {}, [], b"no json", {"token": "x" * 40_000}])
async def test_nobody_signs_in_with_anything_else(guarded: Settings, body: object) -> None:
    async with served(guarded) as running:
        answer = await post(running, "session", body)
        assert answer.status == 401
        assert "set-cookie" not in answer.headers
        assert answer.document["message"]


async def test_pages_of_other_sites_sign_nobody_in(guarded: Settings) -> None:
    async with served(guarded) as running:
        answer = await post(running, "session", {"token": "a-token-of-some-length"}, origin="https://evil.example")
        assert answer.status == 403
        assert "set-cookie" not in answer.headers
