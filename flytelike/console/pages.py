"""Serving the built pages: one document for all addresses below `/console`, and the files it loads.

Names of files below `assets` carry a digest of their content, so that browsers keep them for good. Scripts and styles
come from this server alone (Content-Security-Policy), and no page of another site can show these pages in a frame.
"""

import gzip
import mimetypes
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

ROUTE = "/console"
STATIC = Path(__file__).with_name("static")
GZIPPED = frozenset({".js", ".css", ".html", ".svg", ".json"})
"""Kinds of files that become smaller when they are compressed."""
CACHED_FILES = 256

POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
FOR_GOOD = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"

NOT_BUILT = """<!doctype html>
<html lang="en"><title>Flytelike</title><h1>The console was not built</h1>
<p>This platform works, and so does its API, but its pages are not there: they are made with Node.js (20.19 or newer).
<p>In a checkout: <code>make console</code>. A wheel that was built where Node.js is carries them.
</html>
"""


class Pages:
    """The handlers of pages."""

    def __init__(self, static: Path = STATIC) -> None:
        """Serve what was built into `static`."""
        self._static = static.resolve()
        self._read = lru_cache(CACHED_FILES)(_read)

    @property
    def built(self) -> bool:
        """Whether there are pages."""
        return (self._static / "index.html").is_file()

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the pages."""
        return [
            Route("/", _to_console, methods=["GET"]),
            Route(ROUTE, _to_console, methods=["GET"]),
            Route(ROUTE + "/{path:path}", self.get, methods=["GET"]),
        ]

    async def get(self, request: Request) -> Response:
        """Give a file, or the document that all pages begin with."""
        if not self.built:
            return HTMLResponse(NOT_BUILT, 503, headers={"content-security-policy": "default-src 'none'"})
        path = request.path_params["path"]
        file = self._file(path)
        if file is None and path.startswith("assets/"):
            return Response("there is no such file", 404, headers=dict(HEADERS))
        shown = file or self._static / "index.html"
        headers = {**HEADERS, "cache-control": FOR_GOOD if path.startswith("assets/") else ASK_AGAIN}
        squeezed = shown.suffix in GZIPPED and "gzip" in request.headers.get("accept-encoding", "")
        if shown.suffix in GZIPPED:
            headers["vary"] = "accept-encoding"
        if squeezed:
            headers["content-encoding"] = "gzip"
        data = self._read(shown, shown.stat().st_mtime_ns, squeezed)
        return Response(data, media_type=mimetypes.guess_type(shown.name)[0], headers=headers)

    def _file(self, path: str) -> Path | None:
        """Return the file at an address; None for what is none, or lies elsewhere."""
        if not path or "\0" in path:
            return None
        file = (self._static / path).resolve()
        return file if file.is_relative_to(self._static) and file.is_file() else None


def _read(file: Path, _changed_ns: int, squeezed: bool) -> bytes:
    data = file.read_bytes()
    return gzip.compress(data, 9, mtime=0) if squeezed else data


async def _to_console(_request: Request) -> Response:
    return RedirectResponse(ROUTE + "/", 307)
