"""The port on which operators call the control plane, apart from that of its clients."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from google.protobuf.descriptor import ServiceDescriptor

from flytelike.cluster.propeller_service import PropellerServicer
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.rpc.dispatch import Observer, nobody, service_handlers
from flytelike.controlplane.server import bare_server, bound, stopped
from flytelike.controlplane.tls import TlsFiles
from flytelike_idl.service import propeller_pb2
from propeller.app.monitoring import address_of

MESSAGE_BYTES_MAX = 64 * 1024 * 1024
"""A graph of some 100,000 nodes."""


@asynccontextmanager
async def serve_propeller(
    plane: ControlPlane,
    address: str,
    token_file: Path | None = None,
    tls: TlsFiles | None = None,
    observer: Observer = nobody,
) -> AsyncIterator[str]:
    """Answer operators at `HOST:PORT` while the context is open; yield where.

    Raises:
        DiagnosticError: `port-in-use` or `address-unusable`.
    """
    server = bare_server(MESSAGE_BYTES_MAX, token_file, plane.settings.connection_age_s)
    service = propeller_pb2.DESCRIPTOR.services_by_name["PropellerService"]
    assert isinstance(service, ServiceDescriptor)
    server.add_generic_rpc_handlers(service_handlers(service, PropellerServicer(plane), observer=observer))
    host, wanted = address_of(address)
    port = bound(server, host, wanted, tls)
    await server.start()
    try:
        yield f"{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        await stopped(server, plane, plane.settings.shutdown_grace_s)
