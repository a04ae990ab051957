"""Reports of tasks: fetched through signed addresses of the data proxy."""

import asyncio
import urllib.error
from pathlib import Path

from flytelike.codec.ids import execution_id_to_proto
from flytelike.model.ids import ExecutionId
from flytelike.remote.client import Client
from flytelike.remote.errors import RemoteError
from flytelike.remote.transfers import HTTP_TIMEOUT_S, opener
from flytelike_idl.core import identifier_pb2
from flytelike_idl.service import dataproxy_pb2

DECK_BYTES_MAX = 1 << 30


async def link(client: Client, execution: ExecutionId, node: str) -> str:
    """Return an address to fetch a node's report from.

    Raises:
        RemoteError: There is no such node, or it has no report.
    """
    request = dataproxy_pb2.CreateDownloadLinkRequest(
        artifact_type=dataproxy_pb2.ARTIFACT_TYPE_DECK,
        node_execution_id=identifier_pb2.NodeExecutionIdentifier(
            node_id=node, execution_id=execution_id_to_proto(execution)
        ),
    )
    response = await client.call(client.data.CreateDownloadLink(request))
    return response.pre_signed_urls.signed_url[0]


async def fetch(client: Client, execution: ExecutionId, node: str) -> bytes:
    """Return a node's report, an HTML document; raises RemoteError as `link`."""
    return await asyncio.to_thread(_read, await link(client, execution, node), client.ca_file)


def _read(url: str, ca_file: Path | None) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise RemoteError("INTERNAL", f"the server gave a download address that is not HTTP: {url}")
    try:
        with opener(ca_file).open(url, timeout=HTTP_TIMEOUT_S) as response:
            data: bytes = response.read(DECK_BYTES_MAX)
            return data
    except urllib.error.HTTPError as error:
        raise RemoteError("UNAVAILABLE", f"the download failed: HTTP {error.code}") from None
    except OSError as error:
        raise RemoteError("UNAVAILABLE", f"the download failed: {error}") from None
