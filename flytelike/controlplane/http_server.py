"""A web server inside a running event loop: uvicorn, started and stopped by us.

Its own main loop is for processes of its own: it takes signals over, and looks ten times a
second whether it should stop.
"""

import socket

import uvicorn

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.transfers import Transfers, application


class HttpServer:
    """The HTTP side of a control plane."""

    def __init__(self, plane: ControlPlane, listener: socket.socket) -> None:
        """Serve on `listener`, which is open already, so that nobody is turned away meanwhile."""
        transfers = Transfers(plane.uploads, plane.store, plane.settings.limits.upload_bytes)
        config = uvicorn.Config(
            application(transfers),
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=int(plane.settings.shutdown_grace_s) or 1,
        )
        config.load()
        self._listener = listener
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)

    async def start(self) -> None:
        """Begin to serve."""
        await self._server.startup([self._listener])

    async def stop(self) -> None:
        """Finish what is under way and stop."""
        self._server.should_exit = True
        await self._server.shutdown([self._listener])
