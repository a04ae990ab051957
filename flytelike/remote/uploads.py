"""Uploading files through signed locations of the data proxy."""

import asyncio
import base64
import hashlib
import io
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from flytelike.remote.client import Client
from flytelike.remote.errors import RemoteError
from flytelike.remote.transfers import HTTP_TIMEOUT_S, opener
from flytelike_idl.service import dataproxy_pb2


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Where the bytes went; `fresh` is False when they were there already."""

    uri: str
    fresh: bool


async def upload(
    client: Client, content: bytes | Path, *, project: str, domain: str, folder: str, filename: str
) -> Uploaded:
    """Put bytes, or a file's bytes, at `<upload prefix>/<project>/<domain>/<folder>/<filename>`.

    `folder` should name the content (a digest), so that the same bytes go there once.

    Raises:
        RemoteError: the location was refused, or the store did not take the bytes.
        OSError: the file could not be read.
    """
    request = dataproxy_pb2.CreateUploadLocationRequest(
        project=project,
        domain=domain,
        filename=filename,
        filename_root=folder,
        content_md5=await asyncio.to_thread(md5_of, content),
        add_content_md5_metadata=True,
    )
    location = await client.call(client.data.CreateUploadLocation(request))
    if location.already_there:
        return Uploaded(location.native_url, fresh=False)
    await put(location.signed_url, content, request.content_md5, dict(location.headers), client.ca_file)
    return Uploaded(location.native_url, fresh=True)


def md5_of(content: bytes | Path) -> bytes:
    """Return the MD5 digest of bytes or of a file, which need not fit into memory."""
    if isinstance(content, bytes):
        return hashlib.md5(content, usedforsecurity=False).digest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).digest()


async def put(
    url: str, content: bytes | Path, md5: bytes, headers: dict[str, str], ca_file: Path | None = None
) -> None:
    """Send the bytes with HTTP PUT. Raises RemoteError when the store answers anything but success."""
    with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as stream:
        size_bytes = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        await asyncio.to_thread(sent, put_request(url, stream, size_bytes, md5, headers), ca_file)


def put_request(
    url: str, content: BinaryIO, size_bytes: int, md5: bytes, headers: dict[str, str]
) -> urllib.request.Request:
    """Return the request that sends a stream's bytes."""
    request = urllib.request.Request(url, data=content, method="PUT")  # noqa: S310 - the server's own url
    if request.type not in {"http", "https"}:
        raise RemoteError("INTERNAL", f"the server gave an upload address that is not HTTP: {url}")
    request.add_header("Content-Length", str(size_bytes))
    # Else urllib says that it is a form, which servers try to read as one.
    request.add_header("Content-Type", "application/octet-stream")
    request.add_header("Content-MD5", base64.b64encode(md5).decode())
    for name, value in headers.items():
        request.add_header(name, value)
    return request


def sent(request: urllib.request.Request, ca_file: Path | None) -> None:
    """Send the request; raises RemoteError with the store's own words when it fails."""
    try:
        with opener(ca_file).open(request, timeout=HTTP_TIMEOUT_S):
            return
    except urllib.error.HTTPError as error:
        reason = error.read(2_000).decode("utf-8", "replace").strip()
        raise RemoteError("UNAVAILABLE", f"the upload failed: HTTP {error.code} {reason}") from None
    except OSError as error:
        raise RemoteError("UNAVAILABLE", f"the upload failed: {error}") from None
