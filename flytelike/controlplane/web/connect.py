"""The Connect protocol, as its clients in browsers speak it: POST of one message, one answer or a stream of them.

https://connectrpc.com/docs/protocol. Messages are JSON or bytes, as the content type says. The same servicers answer
as behind gRPC.
"""

import asyncio
import base64
import gzip
import json
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from flytelike.controlplane.access.audit import Origin
from flytelike.controlplane.access.door import Door, request_id_in
from flytelike.controlplane.rpc.dispatch import MalformedMessage, Observer, answer_of, nobody, observed, told_of
from flytelike.controlplane.rpc.status import WireError
from flytelike.controlplane.web.identity import Denied, token_of
from flytelike.controlplane.web.same_origin import SameOrigin

PREFIX = "/api"
GZIP_FROM = 1_400
"""Answers of this many bytes are compressed where the client takes it; smaller ones fit into one packet."""
END_OF_STREAM = 2
TIMEOUT_MS_MAX = 24 * 3600 * 1000

HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

_CODES: Mapping[grpc.StatusCode, tuple[str, int]] = {
    grpc.StatusCode.CANCELLED: ("canceled", 499),
    grpc.StatusCode.UNKNOWN: ("unknown", 500),
    grpc.StatusCode.INVALID_ARGUMENT: ("invalid_argument", 400),
    grpc.StatusCode.DEADLINE_EXCEEDED: ("deadline_exceeded", 504),
    grpc.StatusCode.NOT_FOUND: ("not_found", 404),
    grpc.StatusCode.ALREADY_EXISTS: ("already_exists", 409),
    grpc.StatusCode.PERMISSION_DENIED: ("permission_denied", 403),
    grpc.StatusCode.RESOURCE_EXHAUSTED: ("resource_exhausted", 429),
    grpc.StatusCode.FAILED_PRECONDITION: ("failed_precondition", 400),
    grpc.StatusCode.ABORTED: ("aborted", 409),
    grpc.StatusCode.OUT_OF_RANGE: ("out_of_range", 400),
    grpc.StatusCode.UNIMPLEMENTED: ("unimplemented", 501),
    grpc.StatusCode.INTERNAL: ("internal", 500),
    grpc.StatusCode.UNAVAILABLE: ("unavailable", 503),
    grpc.StatusCode.DATA_LOSS: ("data_loss", 500),
    grpc.StatusCode.UNAUTHENTICATED: ("unauthenticated", 401),
}
"""Connect's names of gRPC's codes, and the HTTP status of each."""


class JsonCodec:
    """Messages as JSON."""

    name = "json"

    def decode(self, kind: type[Message], data: bytes) -> Message:
        """Return a message; raises MalformedMessage."""
        try:
            return json_format.Parse(data or b"{}", kind(), ignore_unknown_fields=True)
        except (json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
            told = " ".join(str(error).split())[:300]
            raise MalformedMessage(f"the request is not a {kind.DESCRIPTOR.full_name}: {told}") from None

    def encode(self, message: Message) -> bytes:
        """Return a message's bytes."""
        return json_format.MessageToJson(message, indent=None, ensure_ascii=False).encode()


class BinaryCodec:
    """Messages as protobuf's own bytes."""

    name = "proto"

    def decode(self, kind: type[Message], data: bytes) -> Message:
        """Return a message; raises MalformedMessage."""
        try:
            return kind.FromString(data)
        except DecodeError:
            raise MalformedMessage(f"the request is not a {kind.DESCRIPTOR.full_name}") from None

    def encode(self, message: Message) -> bytes:
        """Return a message's bytes."""
        return message.SerializeToString()


Codec = JsonCodec | BinaryCodec
_CODECS: Mapping[str, Codec] = {codec.name: codec for codec in (JsonCodec(), BinaryCodec())}


@dataclass(frozen=True, slots=True)
class Entrance:
    """What stands before all RPCs: whose pages may call, who may come in (all, without a door), and with how much."""

    origin: SameOrigin
    door: Door | None
    bytes_max: int


class _Received(NamedTuple):
    """A request, and how it comes in."""

    message: Message
    passage: AbstractAsyncContextManager[None]


class Rpc:
    """One RPC behind HTTP."""

    def __init__(self, method: MethodDescriptor, answer: Any, entrance: Entrance, observer: Observer) -> None:  # noqa: ANN401 - a method of some RPC's type
        """Answer with `answer`, None for what nobody answers."""
        self._method = method
        self._request = GetMessageClass(method.input_type)
        self._answer = answer
        self._entrance = entrance
        self._name = f"{method.containing_service.name}/{method.name}"
        door = entrance.door
        self._door = None if door is None or door.opens(self._name) else door
        self._observer = observer

    async def handle(self, request: Request) -> Response:
        """Answer a request."""
        streams = self._method.server_streaming
        prefix = "application/connect+" if streams else "application/"
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        codec = _CODECS.get(kind.removeprefix(prefix)) if kind.startswith(prefix) else None
        if codec is None:
            wanted = " or ".join(f"{prefix}{name}" for name in _CODECS)
            return Response(status_code=415, headers={"accept-post": wanted, **HEADERS})
        try:
            received = await self._received(request, codec, enveloped=streams)
            timeout_s = _timeout_s(request)
        except Exception as error:  # noqa: BLE001 - whatever it is becomes an answer
            return self._refused(error, codec, streams=streams)
        if streams:
            parts = self._stream(received, codec, timeout_s)
            return StreamingResponse(parts, media_type=f"{prefix}{codec.name}", headers=HEADERS)
        return await self._unary(request, received, codec, timeout_s)

    async def _unary(self, request: Request, received: _Received, codec: Codec, timeout_s: float | None) -> Response:
        with observed(self._method, self._observer) as seen:
            try:
                async with _deadline(timeout_s), received.passage:
                    data = codec.encode(await self._answer(received.message))
            except Exception as error:  # noqa: BLE001 - as above
                told = self._told(error)
                seen.status = told.code.name
                return _error_response(told)
        headers = dict(HEADERS)
        if len(data) >= GZIP_FROM and "gzip" in request.headers.get("accept-encoding", ""):
            data = await asyncio.to_thread(gzip.compress, data, 4)
            headers |= {"content-encoding": "gzip", "vary": "accept-encoding"}
        return Response(data, media_type=f"application/{codec.name}", headers=headers)

    async def _stream(self, received: _Received, codec: Codec, timeout_s: float | None) -> AsyncIterator[bytes]:
        with observed(self._method, self._observer) as seen:
            try:
                async with _deadline(timeout_s), received.passage:
                    async for part in self._answer(received.message):
                        yield envelope(codec.encode(part))
            except Exception as error:  # noqa: BLE001 - as above
                told = self._told(error)
                seen.status = told.code.name
                yield _end(told)
                return
        yield _end(None)

    async def _received(self, request: Request, codec: Codec, *, enveloped: bool) -> _Received:
        """Return a request of somebody who may be known; raises Denied, Refusal and MalformedMessage."""
        self._entrance.origin.check(request.headers)
        door, identity = self._door, None
        if door is not None:
            identity = await door.identify(token_of(request.headers, request.cookies))
        if self._answer is None:
            raise Denied(WireError(grpc.StatusCode.UNIMPLEMENTED, f"{self._method.name} is not available here"))
        data = await _body(request, self._entrance.bytes_max)
        message = codec.decode(self._request, opened(data) if enveloped else data)
        if door is None or identity is None:
            return _Received(message, nullcontext())
        peer = f"{request.client.host}:{request.client.port}" if request.client else ""
        origin = Origin(peer, request_id_in(request.headers.items()))
        return _Received(message, door.passage(identity, self._name, message, origin))

    def _refused(self, error: Exception, codec: Codec, *, streams: bool) -> Response:
        told = self._told(error)
        self._observer(self._name, told.code.name, 0.0)
        if streams:
            return Response(_end(told), media_type=f"application/connect+{codec.name}", headers=HEADERS)
        return _error_response(told)

    def _told(self, error: Exception) -> WireError:
        if isinstance(error, Denied):
            return error.told
        if isinstance(error, TimeoutError):
            return WireError(grpc.StatusCode.DEADLINE_EXCEEDED, f"{self._method.name} took too long")
        return told_of(self._method, error)


def routes(
    services: Sequence[tuple[ServiceDescriptor, Sequence[object]]], entrance: Entrance, observer: Observer = nobody
) -> list[BaseRoute]:
    """Return a route for each RPC: `/api/<package.Service>/<Method>`."""
    return [
        Route(
            f"{PREFIX}/{service.full_name}/{method.name}",
            Rpc(method, answer_of(method.name, servicers), entrance, observer).handle,
            methods=["POST"],
        )
        for service, servicers in services
        for method in service.methods
    ]


def envelope(data: bytes, flags: int = 0) -> bytes:
    """Return a message as it stands in a stream: flags, length, bytes."""
    return struct.pack(">BI", flags, len(data)) + data


def opened(data: bytes) -> bytes:
    """Return the one message in an envelope; raises MalformedMessage."""
    if len(data) < 5 or data[0] or struct.unpack(">I", data[1:5])[0] != len(data) - 5:
        raise MalformedMessage("the request is not one message in an envelope without compression")
    return data[5:]


async def _body(request: Request, bytes_max: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > bytes_max:
                raise Denied(WireError(grpc.StatusCode.RESOURCE_EXHAUSTED, f"a request may have {bytes_max} bytes"))
            parts.append(part)
    except ClientDisconnect:
        raise MalformedMessage("the request was cut off") from None
    return b"".join(parts)


def _timeout_s(request: Request) -> float | None:
    text = request.headers.get("connect-timeout-ms")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise MalformedMessage("Connect-Timeout-Ms is no number of milliseconds")
    return min(int(text), TIMEOUT_MS_MAX) / 1000


@asynccontextmanager
async def _deadline(timeout_s: float | None) -> AsyncIterator[None]:
    async with asyncio.timeout(timeout_s):
        yield


def _error(told: WireError) -> dict[str, object]:
    """Return an error as Connect writes it; its details are the diagnostics."""
    out: dict[str, object] = {"code": _CODES.get(told.code, ("unknown", 500))[0], "message": told.text}
    if told.details:
        out["details"] = [
            {
                "type": detail.type_url.rpartition("/")[2],
                "value": base64.b64encode(detail.value).decode().rstrip("="),
            }
            for detail in status_pb2.Status.FromString(told.details).details
        ]
    return out


def _error_response(told: WireError) -> Response:
    status = _CODES.get(told.code, ("unknown", 500))[1]
    return Response(json.dumps(_error(told)), status, media_type="application/json", headers=HEADERS)


def _end(told: WireError | None) -> bytes:
    document = {} if told is None else {"error": _error(told)}
    return envelope(json.dumps(document).encode(), END_OF_STREAM)
