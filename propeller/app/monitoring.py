"""What Kubernetes and Prometheus ask a process: `/healthz`, `/readyz`, `/metrics`. Plain HTTP, nothing secret."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from propeller.app.health import Health

CONNECTIONS_MAX = 64
"""More than probes and scrapers need."""


def address_of(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`, `[HOST]:PORT` or `:PORT` (all interfaces). Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"`{text}` is not HOST:PORT")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - as Go's programs take it


@asynccontextmanager
async def monitored(address: str, health: Health, registry: CollectorRegistry) -> AsyncIterator[str]:
    """Answer probes and scrapers at `HOST:PORT` while the context is open; yield where, as a url.

    Raises:
        DiagnosticError: `port-in-use` or `address-unusable`.
    """
    listener = _listening(*address_of(address))
    config = uvicorn.Config(
        _application(health, registry),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=1,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup([listener])
    host, port = listener.getsockname()[:2]
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        server.should_exit = True
        await server.shutdown([listener])


def _application(health: Health, registry: CollectorRegistry) -> Starlette:
    async def alive(_request: Request) -> Response:
        # That this answers tells that the event loop turns, on which all work is done.
        return PlainTextResponse("ok\n")

    async def ready(_request: Request) -> Response:
        if health.ready:
            return PlainTextResponse("ok\n")
        return PlainTextResponse("".join(f"{line}\n" for line in health.faults), status_code=503)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", metrics)])


def _listening(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(CONNECTIONS_MAX)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        why = f"{host}:{port} cannot be used for monitoring: {error.strerror or error}"
        raise DiagnosticError([Diagnostic("address-unusable", why)]) from error
    return listener
