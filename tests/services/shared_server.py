"""A control plane for several people: behind its servers in a thread of its own, with a real identity provider."""

import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal

from flytelike.controlplane.access.options import AccessOptions, OidcOptions
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.settings import Settings
from flytelike.controlplane.tls import TlsFiles
from tests.services.oidc import AUDIENCE, PUBLIC, Provider, running_provider
from tests.unit.controlplane.builders import settings_for


@dataclass(frozen=True)
class SharedServer:
    """A running server; `address` is that of its gRPC port."""

    address: str
    http: str
    plane: ControlPlane
    provider: Provider
    portal: BlockingPortal

    def call(self, function: Any, *arguments: Any) -> Any:
        """Call a coroutine function of the control plane where it runs."""
        return self.portal.call(function, *arguments)


@contextmanager
def shared_server(folder: Path, *, admins: tuple[str, ...] = (), tls: TlsFiles | None = None) -> Iterator[SharedServer]:
    """Yield a server that accepts tokens and logins of a provider of its own."""
    with running_provider() as provider, start_blocking_portal() as portal:
        redirect = f"http://localhost:{free_port()}/callback"
        provider.clients[PUBLIC].redirect_uris.append(redirect)
        oidc = OidcOptions(provider.issuer, AUDIENCE, client_id=PUBLIC, redirect_uri=redirect)
        settings = replace(settings_for(folder), access=AccessOptions(oidc=oidc, admins=admins), tls=tls)
        with portal.wrap_async_context_manager(_served(settings)) as (plane, addresses):
            yield SharedServer(addresses.grpc, addresses.http, plane, provider, portal)


def _served(settings: Settings) -> Any:
    from contextlib import asynccontextmanager

    from flytelike.controlplane.ports import SystemClock
    from flytelike.controlplane.server import serve
    from flytelike.storage import Store
    from tests.unit.controlplane.builders import FakeLauncher

    @asynccontextmanager
    async def served() -> Any:
        plane = ControlPlane(settings, Store(), FakeLauncher(), clock=SystemClock())
        await plane.start()
        try:
            async with serve(plane) as addresses:
                yield plane, addresses
        finally:
            await plane.close()

    return served()


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def browse(address: str) -> bool:
    """Open an address as a browser does, and follow where it leads; return at once. What says no is shown to nobody."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def follow() -> None:
        try:
            opener.open(address, timeout=30).close()
        except urllib.error.HTTPError as error:
            error.close()

    threading.Thread(target=follow, daemon=True).start()
    return True
