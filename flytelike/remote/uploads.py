"""Uploading files through signed locations of the data proxy."""

import asyncio
import base64
import hashlib
import urllib.error
import urllib.request
from dataclasses import dataclass

from flytelike.remote.client import Client
from flytelike.remote.errors import RemoteError
from flytelike_idl.service import dataproxy_pb2

HTTP_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Where the bytes went; `fresh` is False when they were there already."""

    uri: str
    fresh: bool


async def upload(client: Client, content: bytes, *, project: str, domain: str, folder: str, filename: str) -> Uploaded:
    """Put `content` at `<upload prefix>/<project>/<domain>/<folder>/<filename>`.

    `folder` should name the content (a digest), so that the same bytes go there once.

    Raises:
        RemoteError: the location was refused, or the store did not take the bytes.
    """
    request = dataproxy_pb2.CreateUploadLocationRequest(
        project=project,
        domain=domain,
        filename=filename,
        filename_root=folder,
        content_md5=hashlib.md5(content, usedforsecurity=False).digest(),
        add_content_md5_metadata=True,
    )
    location = await client.call(client.data.CreateUploadLocation(request))
    if location.already_there:
        return Uploaded(location.native_url, fresh=False)
    await put(location.signed_url, content, request.content_md5, dict(location.headers))
    return Uploaded(location.native_url, fresh=True)


async def put(url: str, content: bytes, md5: bytes, headers: dict[str, str]) -> None:
    """Send the bytes with HTTP PUT. Raises RemoteError when the store answers anything but success."""
    request = urllib.request.Request(url, data=content, method="PUT")  # noqa: S310 - the server's own url
    if request.type not in {"http", "https"}:
        raise RemoteError("INTERNAL", f"the server gave an upload address that is not HTTP: {url}")
    request.add_header("Content-Length", str(len(content)))
    request.add_header("Content-MD5", base64.b64encode(md5).decode())
    for name, value in headers.items():
        request.add_header(name, value)
    await asyncio.to_thread(sent, request)


def sent(request: urllib.request.Request) -> None:
    """Send the request; raises RemoteError with the store's own words when it fails."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=HTTP_TIMEOUT_S):
            return
    except urllib.error.HTTPError as error:
        reason = error.read(2_000).decode("utf-8", "replace").strip()
        raise RemoteError("UNAVAILABLE", f"the upload failed: HTTP {error.code} {reason}") from None
    except OSError as error:
        raise RemoteError("UNAVAILABLE", f"the upload failed: {error}") from None
