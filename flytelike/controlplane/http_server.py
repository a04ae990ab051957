"""A web server inside a running event loop: uvicorn, started and stopped by us.

Its own main loop is for processes of its own: it takes signals over, and looks ten times a
second whether it should stop.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Sequence

import uvicorn
from starlette.routing import BaseRoute

from flytelike.console.pages import Pages
from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.tls import TlsFiles
from flytelike.controlplane.transfers import Transfers, application

_LOG = logging.getLogger(__name__)

RENEW_S = 30.0
"""How soon a new certificate is seen."""


class HttpServer:
    """The HTTP side of a control plane."""

    def __init__(self, plane: ControlPlane, listener: socket.socket, api: Sequence[BaseRoute] = ()) -> None:
        """Serve on `listener`, which is open already, so that nobody is turned away meanwhile.

        Beside transfers, the console's pages are served, and the `api` that they ask.
        """
        transfers = Transfers(plane.uploads, plane.store, plane.settings.limits.upload_bytes)
        config = uvicorn.Config(
            application(transfers, [*api, *Pages().routes()]),
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=int(plane.settings.shutdown_grace_s) or 1,
        )
        config.load()
        self._tls = plane.settings.tls
        if self._tls is not None:
            config.ssl = self._tls.context()
            self._stamp = self._tls.stamp()
        self._config = config
        self._renewing: asyncio.Task[None] | None = None
        self._listener = listener
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)

    async def start(self) -> None:
        """Begin to serve."""
        await self._server.startup([self._listener])
        if self._tls is not None:
            self._renewing = asyncio.create_task(self._renew(self._tls), name="controlplane-certificates")

    async def stop(self) -> None:
        """Finish what is under way and stop."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])
        self._server.should_exit = True
        await self._server.shutdown([self._listener])

    async def _renew(self, tls: TlsFiles) -> None:
        """Use a new certificate soon after it was put there."""
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                stamp = tls.stamp()
                if stamp != self._stamp and self._config.ssl is not None:
                    self._config.ssl.load_cert_chain(tls.cert, tls.key)
                    self._stamp = stamp
            except (OSError, ssl.SSLError) as error:
                _LOG.warning("the certificate cannot be read again; the former one is used: %s", error)
