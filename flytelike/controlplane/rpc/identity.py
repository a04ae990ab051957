"""AuthMetadataService and IdentityService: how to log in, and who one is."""

from collections.abc import Mapping
from typing import Any

from flytelike.controlplane.access.caller import caller
from flytelike.controlplane.access.options import HEADER
from flytelike.controlplane.app import ControlPlane
from flytelike_idl.service import auth_pb2, identity_pb2


class AuthMetadataServicer:
    """What a client needs to know to log in: where the identity provider is, and as which client to go there."""

    def __init__(self, plane: ControlPlane) -> None:
        """Answer with the provider of `plane`, if it has one."""
        self._provider = plane.provider
        self._oidc = plane.settings.access.oidc

    async def get_oauth2_metadata(self, _request: auth_pb2.OAuth2MetadataRequest) -> auth_pb2.OAuth2MetadataResponse:
        """Return the provider's endpoints; none where there is no provider."""
        if self._provider is None:
            return auth_pb2.OAuth2MetadataResponse()
        told = await self._provider.configuration()
        return auth_pb2.OAuth2MetadataResponse(
            issuer=_text(told, "issuer"),
            authorization_endpoint=_text(told, "authorization_endpoint"),
            token_endpoint=_text(told, "token_endpoint"),
            response_types_supported=_texts(told, "response_types_supported"),
            scopes_supported=_texts(told, "scopes_supported"),
            token_endpoint_auth_methods_supported=_texts(told, "token_endpoint_auth_methods_supported"),
            jwks_uri=_text(told, "jwks_uri"),
            code_challenge_methods_supported=_texts(told, "code_challenge_methods_supported"),
            grant_types_supported=_texts(told, "grant_types_supported"),
            device_authorization_endpoint=_text(told, "device_authorization_endpoint"),
        )

    async def get_public_client_config(
        self, _request: auth_pb2.PublicClientAuthConfigRequest
    ) -> auth_pb2.PublicClientAuthConfigResponse:
        """Return as which client command lines log in, and the header in which they send their token."""
        oidc = self._oidc
        if oidc is None:
            return auth_pb2.PublicClientAuthConfigResponse(authorization_metadata_key=HEADER)
        return auth_pb2.PublicClientAuthConfigResponse(
            client_id=oidc.client_id,
            redirect_uri=oidc.redirect_uri,
            scopes=oidc.scopes,
            authorization_metadata_key=HEADER,
            audience=oidc.audience,
        )


class IdentityServicer:
    """Who the caller is."""

    async def user_info(self, _request: identity_pb2.UserInfoRequest) -> identity_pb2.UserInfoResponse:
        """Return who calls, and their groups."""
        identity = caller().identity
        out = identity_pb2.UserInfoResponse(
            subject=identity.user,
            name=identity.name or identity.user,
            preferred_username=identity.user,
            email=identity.email,
        )
        if identity.groups:
            out.additional_claims.update({"groups": sorted(identity.groups)})
        return out


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""


def _texts(told: Mapping[str, Any], name: str) -> list[str]:
    value = told.get(name)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
