"""The client: a channel, the stubs of all services, and calls whose errors are ours."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable
from types import TracebackType
from typing import Self, TypeVar

import grpc
from google.rpc import status_pb2
from grpc import aio

from flytelike.codec.diagnostics import diagnostic_from_proto
from flytelike.model.diagnostic import Diagnostic
from flytelike.remote.access import OPEN, Access
from flytelike.remote.errors import RemoteError, ServerUnreachable
from flytelike_idl.service import (
    access_pb2_grpc,
    admin_pb2_grpc,
    caching_pb2_grpc,
    calls_pb2_grpc,
    dataproxy_pb2_grpc,
    derivation_pb2_grpc,
    maintenance_pb2_grpc,
    registration_pb2,
    registration_pb2_grpc,
    schedules_pb2_grpc,
    signal_pb2_grpc,
    tenancy_pb2_grpc,
    watch_pb2_grpc,
)

T = TypeVar("T")

MESSAGE_BYTES_MAX = 64 * 1024 * 1024
DEFAULT_DEADLINE_S = 60.0

CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.keepalive_time_ms", 30_000),
    # A loopback platform that comes back after a restart should be seen at once.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.enable_http_proxy", 0),
)


class Client:
    """A connection to one control plane. Use it as an async context manager."""

    def __init__(self, endpoint: str, access: Access = OPEN) -> None:
        """Prepare a channel to `endpoint`: `host:port`, `https://host:port`, `dns:///host:port` or `unix:/path`."""
        self.endpoint = endpoint
        self.channel: aio.Channel = access.channel(endpoint, CHANNEL_OPTIONS)
        self.ca_file = access.ca_file
        self.admin = admin_pb2_grpc.AdminServiceStub(self.channel)
        self.data = dataproxy_pb2_grpc.DataProxyServiceStub(self.channel)
        self.registration = registration_pb2_grpc.RegistrationServiceStub(self.channel)
        self.maintenance = maintenance_pb2_grpc.MaintenanceServiceStub(self.channel)
        self.caching = caching_pb2_grpc.CachingServiceStub(self.channel)
        self.access = access_pb2_grpc.AccessServiceStub(self.channel)
        self.derivation = derivation_pb2_grpc.DerivationServiceStub(self.channel)
        self.calls = calls_pb2_grpc.CallServiceStub(self.channel)
        self.schedules = schedules_pb2_grpc.ScheduleServiceStub(self.channel)
        self.signal = signal_pb2_grpc.SignalServiceStub(self.channel)
        self.tenancy = tenancy_pb2_grpc.TenancyServiceStub(self.channel)
        self.watch = watch_pb2_grpc.WatchServiceStub(self.channel)

    async def __aenter__(self) -> Self:
        """Return the client; nothing is sent yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the channel."""
        await self.channel.close()

    async def ready(self, timeout_s: float) -> bool:
        """Tell whether the endpoint accepts connections within `timeout_s` seconds."""
        try:
            await aio_wait_for_ready(self.channel, timeout_s)
        except TimeoutError:
            return False
        return True

    async def call(self, awaitable: Awaitable[T]) -> T:
        """Await a unary call of one of the stubs.

        Raises:
            RemoteError: the server refused it.
            ServerUnreachable: nobody answers.
        """
        try:
            return await awaitable
        except aio.AioRpcError as error:
            raise translated(error, self.endpoint) from None

    async def stream(self, call: AsyncIterable[T]) -> AsyncIterator[T]:
        """Iterate over a streaming call of one of the stubs; errors are those of `call`."""
        try:
            async for item in call:
                yield item
        except aio.AioRpcError as error:
            raise translated(error, self.endpoint) from None


async def aio_wait_for_ready(channel: aio.Channel, timeout_s: float) -> None:
    """Wait until the channel is connected; raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        await channel.channel_ready()


def translated(error: aio.AioRpcError, endpoint: str) -> RemoteError:
    """Return our error for a gRPC one, with the diagnostics its details carry."""
    status = error.code().name
    message = error.details() or status
    told = diagnostics_of(error)
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        # One that answers and cannot just now says why.
        return ServerUnreachable(status, message if told else f"no control plane answers at {endpoint}", told)
    return RemoteError(status, message, told)


def diagnostics_of(error: aio.AioRpcError) -> list[Diagnostic]:
    """Return the diagnostics in the `grpc-status-details-bin` trailer."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            return [diagnostic_from_proto(message) for message in unpacked(status_pb2.Status.FromString(value))]
    return []


def unpacked(status: status_pb2.Status) -> list[registration_pb2.Diagnostic]:
    """Return the details that are diagnostics of ours."""
    found = []
    for detail in status.details:
        message = registration_pb2.Diagnostic()
        if detail.Unpack(message):
            found.append(message)
    return found
