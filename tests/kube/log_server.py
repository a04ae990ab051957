"""The part of a kubelet that the API server asks for logs, on a port of its own."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.kube.control_plane import free_port


class LogServer:
    """Serves files of logs: `place` finds them, `ended` tells whether more is to come."""

    def __init__(self, place: Callable[[str, str, str], Path], ended: Callable[[str, str, str], bool]) -> None:
        self.port = 0
        self._place = place
        self._ended = ended
        self._runner: web.AppRunner | None = None

    async def start(self, folder: Path) -> None:
        """Listen. The API server does not look at the certificate."""
        app = web.Application()
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        self.port = free_port()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=_certified(folder)).start()

    async def close(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        names = tuple(request.match_info[name] for name in ("namespace", "pod", "container"))
        path, follow = self._place(*names), request.query.get("follow") == "true"
        if not path.exists():
            raise web.HTTPNotFound(text="no such container")
        answer = web.StreamResponse()
        await answer.prepare(request)
        with path.open("rb") as log:
            while True:
                over = self._ended(*names)
                data = log.read()
                if data:
                    try:
                        await answer.write(data)
                    except ConnectionError:
                        break
                elif over or not follow:
                    break
                else:
                    await asyncio.sleep(0.02)
        return answer


def _certified(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubelet")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "kubelet.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
