"""The control plane behind gRPC and HTTP."""

import errno
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import ModuleType

from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio
from grpc_health.v1 import health, health_pb2_grpc

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Refusal, Status, refusal
from flytelike.controlplane.rpc.cache_service import CacheServicer
from flytelike.controlplane.rpc.caching import CachingServicer
from flytelike.controlplane.rpc.calls import CallServicer
from flytelike.controlplane.rpc.data import DataServicer
from flytelike.controlplane.rpc.data_catalog import DataCatalogServicer
from flytelike.controlplane.rpc.derivation import DerivationServicer
from flytelike.controlplane.rpc.dispatch import service_handlers
from flytelike.controlplane.rpc.entities import EntityServicer
from flytelike.controlplane.rpc.executions import ExecutionServicer
from flytelike.controlplane.rpc.identity import AuthMetadataServicer, IdentityServicer
from flytelike.controlplane.rpc.maintenance import MaintenanceServicer
from flytelike.controlplane.rpc.projects import ProjectServicer
from flytelike.controlplane.rpc.registration import RegistrationServicer
from flytelike.controlplane.rpc.signals import SignalServicer
from flytelike.controlplane.rpc.watching import WatchServicer
from flytelike.controlplane.settings import Settings
from flytelike_idl.cacheservice import cacheservice_pb2
from flytelike_idl.datacatalog import datacatalog_pb2
from flytelike_idl.service import (
    admin_pb2,
    auth_pb2,
    caching_pb2,
    calls_pb2,
    dataproxy_pb2,
    derivation_pb2,
    identity_pb2,
    maintenance_pb2,
    registration_pb2,
    signal_pb2,
    watch_pb2,
)

PENDING_MAX = 20_000
PENDING_S_MAX = 600
"""How many calls may wait to be looked at, and how long; what comes beyond is cancelled."""
GRPC_OPTIONS = (
    # Stock clients ping every 30 s, also between calls; grpc's own limits would send them away for it.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.so_reuseport", 0),
    # Calls that come while the event loop is busy wait their turn: by itself grpc begins to cancel some of 1,000, and
    # all that have waited for half a minute. How long it may take is the client's to say.
    ("grpc.server.max_pending_requests", PENDING_MAX),
    ("grpc.server.max_pending_requests_hard_limit", PENDING_MAX),
    ("grpc.server_max_unrequested_time_in_server", PENDING_S_MAX),
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a server answers: gRPC as `host:port`, HTTP as a base url."""

    grpc: str
    http: str


@asynccontextmanager
async def serve(plane: ControlPlane) -> AsyncIterator[Addresses]:
    """Answer clients while the context is open; `plane` is started by the caller.

    At the end new calls are refused, those under way get the settings' grace, and streams are closed.

    Raises:
        DiagnosticError: `port-in-use` or `address-unusable`.
    """
    settings = plane.settings
    http_socket = listening(settings.host, settings.http_port, "HTTP")
    try:
        plane.uploads.http_url = (
            f"http://{_named(settings.public_host or settings.host)}:{http_socket.getsockname()[1]}"
        )
        server, status = grpc_server(plane)
        port = _bound(server, settings)
        await server.start()
        async with serving_http(plane, http_socket):
            try:
                yield Addresses(f"{_named(settings.host)}:{port}", plane.uploads.http_url)
            finally:
                await status.enter_graceful_shutdown()
                plane.notifier.close()
                await server.stop(settings.shutdown_grace_s)
    finally:
        http_socket.close()


def grpc_server(plane: ControlPlane) -> tuple[aio.Server, health.aio.HealthServicer]:
    """Return a server with all services, not started yet, and what tells its health."""
    size = plane.settings.limits.message_bytes
    server = aio.server(
        options=(
            *GRPC_OPTIONS,
            ("grpc.max_receive_message_length", size),
            ("grpc.max_send_message_length", size),
        )
    )
    status = health.aio.HealthServicer()
    for service, servicers in servicers_of(plane):
        server.add_generic_rpc_handlers(service_handlers(service, *servicers))
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    return server, status


def servicers_of(plane: ControlPlane) -> Sequence[tuple[ServiceDescriptor, Sequence[object]]]:
    """Return each service with the objects that answer its RPCs."""
    return (
        (
            _service(admin_pb2, "AdminService"),
            (EntityServicer(plane), ExecutionServicer(plane), ProjectServicer(plane)),
        ),
        (_service(dataproxy_pb2, "DataProxyService"), (DataServicer(plane),)),
        (_service(registration_pb2, "RegistrationService"), (RegistrationServicer(plane),)),
        (_service(derivation_pb2, "DerivationService"), (DerivationServicer(plane),)),
        (_service(watch_pb2, "WatchService"), (WatchServicer(plane),)),
        (_service(maintenance_pb2, "MaintenanceService"), (MaintenanceServicer(plane),)),
        (_service(caching_pb2, "CachingService"), (CachingServicer(plane),)),
        (_service(datacatalog_pb2, "DataCatalog"), (DataCatalogServicer(plane),)),
        (_service(cacheservice_pb2, "CacheService"), (CacheServicer(plane),)),
        (_service(calls_pb2, "CallService"), (CallServicer(plane),)),
        (_service(auth_pb2, "AuthMetadataService"), (AuthMetadataServicer(),)),
        (_service(identity_pb2, "IdentityService"), (IdentityServicer(),)),
        (_service(signal_pb2, "SignalService"), (SignalServicer(plane),)),
    )


@asynccontextmanager
async def serving_http(plane: ControlPlane, listener: socket.socket) -> AsyncIterator[None]:
    """Serve uploads and downloads on an open socket while the context is open."""
    from flytelike.controlplane.http_server import HttpServer  # noqa: PLC0415 - loads a web server

    server = HttpServer(plane, listener)
    await server.start()
    try:
        yield
    finally:
        await server.stop()


def listening(host: str, port: int, what: str) -> socket.socket:
    """Return a socket that listens; raises DiagnosticError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise unusable(what, host, port, error) from error
    return listener


def unusable(what: str, host: str, port: int, error: OSError) -> Refusal:
    """Return the refusal for an address that cannot be listened on."""
    if error.errno == errno.EADDRINUSE:
        return refusal(
            Status.FAILED_PRECONDITION,
            "port-in-use",
            f"port {port} on {host}, wanted for {what}, is in use",
            "stop the program that listens there, or choose another port",
        )
    reason = error.strerror or str(error)
    return refusal(Status.FAILED_PRECONDITION, "address-unusable", f"{host}:{port} cannot be used for {what}: {reason}")


def _bound(server: aio.Server, settings: Settings) -> int:
    # A port that is taken is found by trying it: grpc says only that binding failed.
    if settings.grpc_port:
        listening(settings.host, settings.grpc_port, "gRPC").close()
    return server.add_insecure_port(f"{_named(settings.host)}:{settings.grpc_port}")


def _named(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _service(module: ModuleType, name: str) -> ServiceDescriptor:
    service = module.DESCRIPTOR.services_by_name[name]
    assert isinstance(service, ServiceDescriptor)
    return service
