"""A web server inside a running event loop: uvicorn without its signal handlers."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from typing_extensions import override

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.transfers import Transfers, application


class _Quiet(uvicorn.Server):
    """A server that leaves signals to whoever owns the process."""

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """The HTTP side of a control plane."""

    def __init__(self, plane: ControlPlane, listener: socket.socket) -> None:
        """Serve on `listener`, which is open already."""
        transfers = Transfers(plane.uploads, plane.store, plane.settings.limits.upload_bytes)
        self._listener = listener
        self._server = _Quiet(
            uvicorn.Config(
                application(transfers),
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=int(plane.settings.shutdown_grace_s),
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to serve. The socket listens already, so that nobody is turned away meanwhile."""
        self._task = asyncio.create_task(self._server.serve([self._listener]))

    async def stop(self) -> None:
        """Finish what is under way and stop."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task
