"""The HTTP side: uploads and downloads by signed addresses, and a health check."""

import base64
import binascii
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from flytelike.controlplane.errors import Refusal, Status
from flytelike.controlplane.uploads import DOWNLOAD_ROUTE, ROUTE, Grant, Uploads
from flytelike.storage import NotFound, OutOfSpace, Store

CHUNK_BYTES = 1024 * 1024

SHOWN = {
    ".html": "text/html",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}
"""What browsers may show of what tasks stored, by the end of the name."""

UNTRUSTED = {"content-security-policy": "sandbox allow-scripts allow-popups", "x-content-type-options": "nosniff"}
"""What tasks store is their authors': a browser shows it as if it came from a place of its own."""

STILL = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "x-content-type-options": "nosniff",
}
"""What is no page runs no scripts at all: an image may hold some."""

_HTTP_STATUS = {Status.PERMISSION_DENIED: 403, Status.NOT_FOUND: 404}


class Transfers:
    """The handlers of uploads and downloads."""

    def __init__(self, uploads: Uploads, store: Store, bytes_max: int) -> None:
        """Let `uploads` say what is allowed; a file may have `bytes_max` bytes."""
        self._uploads = uploads
        self._store = store
        self._bytes_max = bytes_max

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the HTTP side."""
        return [
            Route(ROUTE + "/{project}/{domain}/{folder}/{filename:path}", self.put, methods=["PUT"]),
            Route(DOWNLOAD_ROUTE + "/{path:path}", self.get, methods=["GET"]),
            Route("/healthcheck", healthy, methods=["GET"]),
        ]

    async def put(self, request: Request) -> Response:
        """Take a file: 200 once it is stored whole, else nothing of it is."""
        above = [request.path_params[part] for part in ("project", "domain", "folder")]
        place = (*above, *request.path_params["filename"].split("/"))
        query = request.query_params
        try:
            grant = self._uploads.granted(
                place, query.get("md5", ""), query.get("expires", ""), query.get("signature", "")
            )
        except Refusal as error:
            raise _http_error(error) from None
        announced = request.headers.get("content-length", "0")
        if not announced.isdigit() or int(announced) > self._bytes_max:
            raise HTTPException(413, f"an upload may have {self._bytes_max} bytes")
        with tempfile.TemporaryDirectory(prefix="flytelike-upload-") as folder:
            await self._receive(request, grant, Path(folder) / "file")
        return Response(status_code=200)

    async def get(self, request: Request) -> Response:
        """Give an object."""
        steps = tuple(request.path_params["path"].split("/"))
        query = request.query_params
        try:
            uri = self._uploads.downloadable(steps, query.get("expires", ""), query.get("signature", ""))
            file = await run_in_threadpool(self._store.open_read, uri)
        except Refusal as error:
            raise _http_error(error) from None
        except NotFound:
            raise HTTPException(404, "there is no such object") from None
        kind = media_type(steps[-1])
        return StreamingResponse(
            iterate_in_threadpool(chunks(file)), media_type=kind, headers=UNTRUSTED if kind == "text/html" else STILL
        )

    async def _receive(self, request: Request, grant: Grant, draft: Path) -> None:
        digest = hashlib.md5(usedforsecurity=False)
        size = 0
        try:
            with draft.open("wb") as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > self._bytes_max:
                        raise HTTPException(413, f"an upload may have {self._bytes_max} bytes")
                    digest.update(chunk)
                    await run_in_threadpool(file.write, chunk)
            _check_content(request, grant, digest.digest())
            await run_in_threadpool(self._store.upload_file, draft, grant.uri)
        except ClientDisconnect:
            raise HTTPException(400, "the upload was cut off") from None
        except (OutOfSpace, OSError) as error:
            raise HTTPException(507, f"the upload could not be stored: {error}") from None


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file's content and close it."""
    with file:
        while data := file.read(CHUNK_BYTES):
            yield data


async def healthy(_request: Request) -> Response:
    """Tell that the server answers."""
    return PlainTextResponse("ok")


def application(transfers: Transfers, more: Sequence[BaseRoute] = ()) -> Starlette:
    """Return the ASGI application: transfers, and what else is served beside them."""
    return Starlette(routes=[*transfers.routes(), *more])


def media_type(filename: str) -> str:
    """Return the type of a file that browsers may show; everything else is bytes."""
    return SHOWN.get(PurePosixPath(filename).suffix.lower(), "application/octet-stream")


def _check_content(request: Request, grant: Grant, md5: bytes) -> None:
    """Compare what came with what was signed and with what the client says it sent."""
    claimed = grant.md5
    if header := request.headers.get("content-md5"):
        try:
            sent = base64.b64decode(header, validate=True)
        except binascii.Error:
            raise HTTPException(400, "the Content-MD5 header is not base64") from None
        if claimed and sent != claimed:
            raise HTTPException(400, "the Content-MD5 header is not what the address was given for")
        claimed = sent
    if claimed and md5 != claimed:
        raise HTTPException(400, "the content does not have the MD5 digest that was announced")


def _http_error(error: Refusal) -> HTTPException:
    return HTTPException(_HTTP_STATUS.get(error.status, 400), str(error))
