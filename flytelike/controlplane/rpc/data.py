"""DataProxyService: where to upload to, and data by name."""

import asyncio

from flytelike.controlplane.app import ControlPlane
from flytelike.controlplane.data_url import DataUrl, parse_data_url
from flytelike.controlplane.errors import invalid, not_found
from flytelike.controlplane.messages import timestamp
from flytelike.controlplane.rpc.requests import node_of
from flytelike.model.ids import NodeExecutionId
from flytelike_idl.service import dataproxy_pb2


class DataServicer:
    """The RPCs of the data proxy."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the use cases of `plane`."""
        self._uploads = plane.uploads
        self._reading = plane.reading
        self._expiry_s = plane.settings.limits.upload_expiry_s

    async def create_upload_location(
        self, request: dataproxy_pb2.CreateUploadLocationRequest
    ) -> dataproxy_pb2.CreateUploadLocationResponse:
        """Return an address to upload a file to."""
        location = await asyncio.to_thread(self._uploads.locate, request)
        return dataproxy_pb2.CreateUploadLocationResponse(
            signed_url=location.signed_url,
            native_url=location.native_url,
            expires_at=timestamp(location.expires_at_ns),
            headers=location.headers,
            already_there=location.already_there,
        )

    async def create_download_location(
        self, request: dataproxy_pb2.CreateDownloadLocationRequest
    ) -> dataproxy_pb2.CreateDownloadLocationResponse:
        """Return an address to fetch an object of the store from."""
        url, expires_at_ns = self._uploads.download_url(request.native_url, self._expiry_s)
        return dataproxy_pb2.CreateDownloadLocationResponse(signed_url=url, expires_at=timestamp(expires_at_ns))

    async def create_download_link(
        self, request: dataproxy_pb2.CreateDownloadLinkRequest
    ) -> dataproxy_pb2.CreateDownloadLinkResponse:
        """Return an address to fetch a node's deck from."""
        if request.artifact_type != dataproxy_pb2.ARTIFACT_TYPE_DECK:
            raise invalid("unknown-artifact-type", "a deck is the only artifact there is", "ask for a deck")
        urls = await self._deck(node_of(request.node_execution_id))
        return dataproxy_pb2.CreateDownloadLinkResponse(
            signed_url=urls.signed_url, expires_at=urls.expires_at, pre_signed_urls=urls
        )

    async def get_data(self, request: dataproxy_pb2.GetDataRequest) -> dataproxy_pb2.GetDataResponse:
        """Return the data that a `flyte://` url names."""
        wanted = parse_data_url(request.flyte_url)
        if wanted.part == "d":
            return dataproxy_pb2.GetDataResponse(pre_signed_urls=await self._deck(wanted.node))
        literals = (await self._reading.data(await self._uri(wanted))).literals
        if not wanted.name:
            return dataproxy_pb2.GetDataResponse(literal_map=literals)
        if wanted.name not in literals.literals:
            raise not_found("value", f"{wanted.name} in {request.flyte_url}")
        return dataproxy_pb2.GetDataResponse(literal=literals.literals[wanted.name])

    async def _uri(self, wanted: DataUrl) -> str:
        if wanted.attempt is None:
            node = await self._reading.node_row(wanted.node)
            uri = node.inputs_uri if wanted.part == "i" else node.output_uri
        else:
            attempt = await self._reading.attempt_row(wanted.node, wanted.attempt)
            uri = attempt.inputs_uri if wanted.part == "i" else attempt.output_uri
        if not uri:
            raise not_found("data", f"of {wanted.node.execution}/{wanted.node.path} yet")
        return uri

    async def _deck(self, node: NodeExecutionId) -> dataproxy_pb2.PreSignedURLs:
        deck = await self._reading.deck_uri(node)
        if not deck:
            raise not_found("deck", f"of {node.execution}/{node.path}")
        url, expires_at_ns = self._uploads.download_url(deck, self._expiry_s)
        return dataproxy_pb2.PreSignedURLs(signed_url=[url], expires_at=timestamp(expires_at_ns))
