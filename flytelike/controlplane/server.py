"""The control plane behind gRPC and HTTP."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio
from grpc_health.v1 import health, health_pb2_grpc

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.errors import Refusal, Status, refusal
from flytelike.controlplane.guard import Guard
from flytelike.controlplane.rpc.access import AccessServicer
from flytelike.controlplane.rpc.attributes import AttributeServicer
from flytelike.controlplane.rpc.cache_service import CacheServicer
from flytelike.controlplane.rpc.caching import CachingServicer
from flytelike.controlplane.rpc.calls import CallServicer
from flytelike.controlplane.rpc.console import ConsoleServicer
from flytelike.controlplane.rpc.console_watching import ConsoleWatchServicer
from flytelike.controlplane.rpc.data import DataServicer
from flytelike.controlplane.rpc.data_catalog import DataCatalogServicer
from flytelike.controlplane.rpc.derivation import DerivationServicer
from flytelike.controlplane.rpc.dispatch import Observer, nobody, service_handlers
from flytelike.controlplane.rpc.entities import EntityServicer
from flytelike.controlplane.rpc.executions import ExecutionServicer
from flytelike.controlplane.rpc.identity import AuthMetadataServicer, IdentityServicer
from flytelike.controlplane.rpc.maintenance import MaintenanceServicer
from flytelike.controlplane.rpc.projects import ProjectServicer
from flytelike.controlplane.rpc.registration import RegistrationServicer
from flytelike.controlplane.rpc.schedules import ScheduleServicer
from flytelike.controlplane.rpc.signals import SignalServicer
from flytelike.controlplane.rpc.tenancy import TenancyServicer
from flytelike.controlplane.rpc.watching import WatchServicer
from flytelike.controlplane.secret_files import SecretFile
from flytelike.controlplane.tls import TlsFiles
from flytelike.controlplane.web.same_origin import SameOrigin, names_of
from flytelike_idl.cacheservice import cacheservice_pb2
from flytelike_idl.datacatalog import datacatalog_pb2
from flytelike_idl.service import (
    access_pb2,
    admin_pb2,
    auth_pb2,
    caching_pb2,
    calls_pb2,
    console_pb2,
    dataproxy_pb2,
    derivation_pb2,
    identity_pb2,
    maintenance_pb2,
    registration_pb2,
    schedules_pb2,
    signal_pb2,
    tenancy_pb2,
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


STREAM_MS = 24 * 3600 * 1000
"""How long a stream may go on after its connection has grown old."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a server answers: gRPC as `host:port`, HTTP as a base url.

    `local` is gRPC's address for this machine: without TLS, though the others speak it.
    """

    grpc: str
    http: str
    local: str = ""


@asynccontextmanager
async def serve(plane: ControlPlane, observer: Observer = nobody) -> AsyncIterator[Addresses]:
    """Answer clients while the context is open; `plane` is started by the caller. `observer` is told of calls.

    At the end new calls are refused, those under way get the settings' grace, and streams are closed.

    Raises:
        DiagnosticError: `port-in-use` or `address-unusable`.
    """
    settings = plane.settings
    http_socket = listening(settings.http_host or settings.host, settings.http_port, "HTTP")
    try:
        plane.uploads.http_url = settings.public_url.rstrip("/") or (
            f"{'https' if settings.tls else 'http'}://"
            f"{_named(settings.public_host or settings.http_host or settings.host)}:{http_socket.getsockname()[1]}"
        )
        server, status = grpc_server(plane, observer)
        port = bound(server, settings.host, settings.grpc_port, settings.tls)
        grpc = f"{_named(settings.host)}:{port}"
        local = f"127.0.0.1:{bound(server, '127.0.0.1', 0, None)}" if settings.local_grpc else grpc
        await server.start()
        async with serving_http(plane, http_socket, observer):
            try:
                yield Addresses(grpc, plane.uploads.http_url, local)
            finally:
                await status.enter_graceful_shutdown()
                await stopped(server, plane, settings.shutdown_grace_s)
    finally:
        http_socket.close()


def grpc_server(plane: ControlPlane, observer: Observer) -> tuple[aio.Server, health.aio.HealthServicer]:
    """Return a server with all services, not started yet, and what tells its health."""
    settings = plane.settings
    server = bare_server(settings.limits.message_bytes, None, settings.connection_age_s)
    status = health.aio.HealthServicer()
    door = plane.door()
    for service, servicers in servicers_of(plane):
        server.add_generic_rpc_handlers(service_handlers(service, *servicers, observer=observer, door=door))
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    return server, status


def bare_server(message_bytes: int, token_file: Path | None, connection_age_s: float) -> aio.Server:
    """Return a server without services, for messages of some size and callers who know a token of a file.

    Clients are told to connect anew when a connection is `connection_age_s` old (0: never): then they come to another
    server where this one takes no new ones, and no call is lost. Streams of an old connection go on.
    """
    options = [
        *GRPC_OPTIONS,
        ("grpc.max_receive_message_length", message_bytes),
        ("grpc.max_send_message_length", message_bytes),
    ]
    if connection_age_s:
        options.append(("grpc.max_connection_age_ms", int(connection_age_s * 1000)))
        options.append(("grpc.max_connection_age_grace_ms", STREAM_MS))
    guards = [] if token_file is None else [Guard(SecretFile(token_file))]
    return aio.server(interceptors=guards, options=options)


async def stopped(server: aio.Server, plane: ControlPlane, grace_s: float) -> None:
    """Stop a server: connections are told to go (GOAWAY) before streams end, so that clients go on elsewhere."""
    stopping = asyncio.ensure_future(server.stop(grace_s))
    await asyncio.sleep(0)
    plane.notifier.close()
    plane.tenancy.stop_watching()
    await stopping


def servicers_of(plane: ControlPlane) -> Sequence[tuple[ServiceDescriptor, Sequence[object]]]:
    """Return each service with the objects that answer its RPCs."""
    return (
        (
            _service(admin_pb2, "AdminService"),
            (EntityServicer(plane), ExecutionServicer(plane), ProjectServicer(plane), AttributeServicer(plane)),
        ),
        (_service(dataproxy_pb2, "DataProxyService"), (DataServicer(plane),)),
        (_service(registration_pb2, "RegistrationService"), (RegistrationServicer(plane),)),
        (_service(derivation_pb2, "DerivationService"), (DerivationServicer(plane),)),
        (_service(watch_pb2, "WatchService"), (WatchServicer(plane),)),
        (_service(maintenance_pb2, "MaintenanceService"), (MaintenanceServicer(plane),)),
        (_service(caching_pb2, "CachingService"), (CachingServicer(plane),)),
        (_service(datacatalog_pb2, "DataCatalog"), (DataCatalogServicer(plane),)),
        (_service(cacheservice_pb2, "CacheService"), (CacheServicer(plane),)),
        (_service(tenancy_pb2, "TenancyService"), (TenancyServicer(plane),)),
        (_service(calls_pb2, "CallService"), (CallServicer(plane),)),
        (_service(auth_pb2, "AuthMetadataService"), (AuthMetadataServicer(plane),)),
        (_service(identity_pb2, "IdentityService"), (IdentityServicer(),)),
        (_service(access_pb2, "AccessService"), (AccessServicer(plane),)),
        (_service(schedules_pb2, "ScheduleService"), (ScheduleServicer(plane),)),
        (_service(signal_pb2, "SignalService"), (SignalServicer(plane),)),
        (_service(console_pb2, "ConsoleService"), (ConsoleServicer(plane), ConsoleWatchServicer(plane))),
    )


@asynccontextmanager
async def serving_http(
    plane: ControlPlane, listener: socket.socket, observer: Observer = nobody
) -> AsyncIterator[None]:
    """Serve transfers, the console and its API on an open socket while the context is open."""
    from flytelike.controlplane.http_server import HttpServer  # noqa: PLC0415 - loads a web server
    from flytelike.controlplane.web.connect import Entrance, routes  # noqa: PLC0415 - as above
    from flytelike.controlplane.web.session import Session  # noqa: PLC0415 - as above

    settings, origin, door = plane.settings, SameOrigin(names_of(plane.settings)), plane.door()
    entrance = Entrance(origin, door, settings.limits.message_bytes)
    session = Session(origin, door, secure=settings.tls is not None or settings.public_url.startswith("https:"))
    server = HttpServer(plane, listener, [*routes(servicers_of(plane), entrance, observer), *session.routes()])
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


def bound(server: aio.Server, host: str, port: int, tls: TlsFiles | None) -> int:
    """Let a server listen; return the port. Raises DiagnosticError."""
    # A port that is taken is found by trying it: grpc says only that binding failed.
    if port:
        listening(host, port, "gRPC").close()
    address = f"{_named(host)}:{port}"
    if tls is None:
        return server.add_insecure_port(address)
    return server.add_secure_port(address, tls.credentials())


def _named(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _service(module: ModuleType, name: str) -> ServiceDescriptor:
    service = module.DESCRIPTOR.services_by_name[name]
    assert isinstance(service, ServiceDescriptor)
    return service
