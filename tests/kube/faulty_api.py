"""An API server in a bad way: calls are passed on to the real one, and some of them go wrong as they do in clusters."""

import asyncio
import json
import random
import ssl
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import yaml
from aiohttp import web

from tests.kube.control_plane import ControlPlane

_HOP = frozenset({"host", "content-length", "transfer-encoding", "connection"})

FAULTS = ("busy", "broken", "changed", "slow", "lost", "cut")
"""429 before anything was done; 500 before; somebody else changes what is to be written (409, if the writer said which
version it saw); a late answer; done, but the answer lost; a watch cut."""


class FaultyApi:
    """A server in front of a control plane, as an async context manager; `kubeconfig` leads to it.

    Args:
        plane: The real one.
        folder: For the kubeconfig.
        share: Which part of the calls goes wrong.
        seed: What is drawn.
        slow_s: How long a slow answer takes.
    """

    def __init__(self, plane: ControlPlane, folder: Path, share: float, seed: int, slow_s: float = 0.5) -> None:
        self._plane = plane
        self._random = random.Random(seed)
        self._slow_s = slow_s
        self.share = share
        self.done: Counter[str] = Counter()
        self.kubeconfig = folder / "faulty-kubeconfig"

    async def __aenter__(self) -> Self:
        document = yaml.safe_load(self._plane.kubeconfig.read_text())
        (cluster,) = document["clusters"]
        self._target = cluster["cluster"]["server"]
        trusted = ssl.create_default_context(cafile=cluster["cluster"].get("certificate-authority"))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trusted, limit=0), timeout=aiohttp.ClientTimeout(total=None)
        )
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        cluster["cluster"] = {"server": f"http://{host}:{port}"}
        self.kubeconfig.write_text(yaml.safe_dump(document))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
        await self._session.close()

    def _drawn(self, request: web.Request) -> str:
        if self._random.random() >= self.share:
            return ""
        watches = request.query.get("watch") == "1"
        writes = request.method in {"PUT", "PATCH"}
        possible = [it for it in FAULTS if (it != "cut" or watches) and (it != "changed" or writes)]
        # Each kind happens once before any happens again, however few calls there are.
        unseen = [it for it in possible if not self.done[it]]
        fault = unseen[0] if unseen else self._random.choice(possible)
        self.done[fault] += 1
        return fault

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        fault = self._drawn(request)
        match fault:
            case "busy":
                return _status(429, "TooManyRequests", {"Retry-After": "0.05"})
            case "broken":
                return _status(500, "InternalError")
            case "changed":
                await self._touch(request)
            case "slow":
                await asyncio.sleep(self._slow_s)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        data = await request.read()
        url = f"{self._target}{request.path_qs}"
        try:
            async with self._session.request(request.method, url, headers=headers, data=data) as answer:
                return await self._passed_on(request, answer, fault)
        except aiohttp.ClientError:
            return _status(503, "ServiceUnavailable")

    async def _touch(self, request: web.Request) -> None:
        """Change the object that a request is about to write."""
        above, _, rest = request.path.partition("/namespaces/")
        namespace, plural, name, *_ = rest.split("/")
        headers = {
            "Authorization": request.headers.get("Authorization", ""),
            "Content-Type": "application/merge-patch+json",
        }
        patch = {"metadata": {"annotations": {"tests.flytelike.dev/touched": str(self.done["changed"])}}}
        url = f"{self._target}{above}/namespaces/{namespace}/{plural}/{name}"
        async with self._session.patch(url, headers=headers, json=patch) as answer:
            await answer.read()

    async def _passed_on(self, request: web.Request, answer: aiohttp.ClientResponse, fault: str) -> web.StreamResponse:
        if fault == "lost":
            await answer.read()
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        response = web.StreamResponse(status=answer.status)
        response.content_type = answer.content_type
        await response.prepare(request)
        left = self._random.randrange(200, 3000) if fault == "cut" else None
        async for piece in answer.content.iter_any():
            await response.write(piece)
            if left is not None and (left := left - len(piece)) < 0:
                assert request.transport is not None
                request.transport.abort()
                return response
        await response.write_eof()
        return response


def _status(code: int, reason: str, headers: dict[str, str] | None = None) -> web.Response:
    told = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": reason,
    }
    return web.Response(status=code, text=json.dumps(told), content_type="application/json", headers=headers)
