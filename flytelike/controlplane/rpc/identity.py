"""AuthMetadataService and IdentityService of a platform that asks nobody who they are."""

from flytelike.controlplane.rpc.executions import ANONYMOUS
from flytelike_idl.service import auth_pb2, identity_pb2


class AuthMetadataServicer:
    """What a client needs to know to log in: nothing, since there is no login."""

    async def get_oauth2_metadata(self, _request: auth_pb2.OAuth2MetadataRequest) -> auth_pb2.OAuth2MetadataResponse:
        """Return no endpoints."""
        return auth_pb2.OAuth2MetadataResponse()

    async def get_public_client_config(
        self, _request: auth_pb2.PublicClientAuthConfigRequest
    ) -> auth_pb2.PublicClientAuthConfigResponse:
        """Return the name of the header that a token would be sent in."""
        return auth_pb2.PublicClientAuthConfigResponse(authorization_metadata_key="flyte-authorization")


class IdentityServicer:
    """Who the caller is."""

    async def user_info(self, _request: identity_pb2.UserInfoRequest) -> identity_pb2.UserInfoResponse:
        """Return that the caller is not known."""
        return identity_pb2.UserInfoResponse(subject=ANONYMOUS, name=ANONYMOUS)
