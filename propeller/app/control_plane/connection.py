"""A connection to the control plane: who it is, who we are, and what its errors mean to the engine."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import grpc
from google.rpc import status_pb2
from grpc import aio

from flytelike.codec.diagnostics import diagnostic_from_proto
from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.model.trouble import PASSING
from flytelike_idl.service import propeller_pb2_grpc, registration_pb2

T = TypeVar("T")

MESSAGE_BYTES_MAX = 64 * 1024 * 1024
"""What one answer may have: a graph of some 100,000 nodes."""

CALL_S = 30.0
"""How long an answer may take; the call is made again then."""

UNAVAILABLE = "control-plane-unavailable"

OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    # A replica that vanished without a word is noticed, on streams too.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 3_000),
    ("grpc.enable_http_proxy", 0),
    # All replicas that a name stands for are used, and those that are gone are not.
    ("grpc.lb_policy_name", "round_robin"),
)

_REFUSED = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.INTERNAL,
    }
)
"""What is the fault of the call itself; all else passes, such as a token that is not known yet."""


@dataclass(frozen=True, slots=True)
class ControlPlaneSettings:
    """How the control plane is reached.

    Attributes:
        address: `HOST:PORT`, or a name that gRPC knows, such as `dns:///HOST:PORT`.
        token_file: Its first line is sent with each call; read again when it changes.
        ca_file: The authority that signed the control plane's certificate; plain text without one.
        cert_file: The certificate to show, where one is wanted.
        key_file: Its key.
    """

    address: str
    token_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class Refused(Exception):
    """The control plane does not do it, and would not if it were asked again."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        """Keep the status."""
        self.code = code
        super().__init__(f"the control plane refuses it: {message} ({code.name})")


class ControlPlaneConnection:
    """A channel with its stub, as an async context manager. Nothing is sent on entering."""

    def __init__(self, settings: ControlPlaneSettings) -> None:
        """Prepare. Raises OSError when a file cannot be read."""
        self.settings = settings
        self._token = _Token(settings.token_file)
        self.channel = _channel(settings)
        self.stub = propeller_pb2_grpc.PropellerServiceStub(self.channel)

    async def __aenter__(self) -> Self:
        """Return the connection."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the channel."""
        await self.channel.close()

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What tells who calls."""
        token = self._token.current()
        return (("authorization", f"Bearer {token}"),) if token else ()

    async def call(self, awaitable: Awaitable[T]) -> T:
        """Await a call of the stub.

        Raises:
            DiagnosticError: `control-plane-unavailable`, or another trouble that passes: try again.
            Refused: It does not do it.
        """
        try:
            return await awaitable
        except aio.AioRpcError as error:
            raise _translated(error, self.settings.address) from None

    async def stream(self, call: AsyncIterable[T]) -> AsyncIterator[T]:
        """Iterate over a stream of the stub; errors are those of `call`."""
        try:
            async for item in call:
                yield item
        except aio.AioRpcError as error:
            raise _translated(error, self.settings.address) from None


class _Token:
    """The first line of a file, as it is now."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._text = ""
        self.current()

    def current(self) -> str:
        if self._path is None:
            return ""
        stat = self._path.stat()
        seen = (stat.st_mtime_ns, stat.st_size)
        if seen != self._seen:
            lines = self._path.read_text(encoding="ascii").split()
            self._text, self._seen = lines[0] if lines else "", seen
        return self._text


def _channel(settings: ControlPlaneSettings) -> aio.Channel:
    if settings.ca_file is None:
        return aio.insecure_channel(settings.address, options=OPTIONS)
    read = [None if path is None else path.read_bytes() for path in (settings.key_file, settings.cert_file)]
    credentials = grpc.ssl_channel_credentials(settings.ca_file.read_bytes(), *read)
    return aio.secure_channel(settings.address, credentials, options=OPTIONS)


def _translated(error: aio.AioRpcError, address: str) -> Exception:
    code, text = error.code(), error.details() or error.code().name
    passing = [found for found in _told(error) if found.code in PASSING]
    if passing:
        return DiagnosticError(passing)
    if code in _REFUSED:
        return Refused(code, text)
    return DiagnosticError([Diagnostic(UNAVAILABLE, f"the control plane at {address} does not answer: {text}")])


def _told(error: aio.AioRpcError) -> list[Diagnostic]:
    """Return the diagnostics that came with an error."""
    found = []
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                message = registration_pb2.Diagnostic()
                if detail.Unpack(message):
                    found.append(diagnostic_from_proto(message))
    return found
