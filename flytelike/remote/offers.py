"""How one logs in at a server: what its metadata for clients say."""

from flytelike.model.diagnostic import Diagnostic, DiagnosticError
from flytelike.remote.client import Client
from flytelike.remote.login import LoginOffer
from flytelike_idl.service import auth_pb2, auth_pb2_grpc


async def offer_of(client: Client) -> LoginOffer:
    """Return how one logs in at a server.

    Raises:
        DiagnosticError: `login-not-offered`.
        RemoteError: the server does not answer.
    """
    stub = auth_pb2_grpc.AuthMetadataServiceStub(client.channel)
    metadata = await client.call(stub.GetOAuth2Metadata(auth_pb2.OAuth2MetadataRequest()))
    public = await client.call(stub.GetPublicClientConfig(auth_pb2.PublicClientAuthConfigRequest()))
    if not (metadata.token_endpoint and public.client_id):
        told = f"{client.endpoint} names no identity provider to log in at"
        raise DiagnosticError([Diagnostic("login-not-offered", told, help=("ask for a token: FLYTELIKE_TOKEN",))])
    return LoginOffer(
        metadata.authorization_endpoint,
        metadata.token_endpoint,
        metadata.device_authorization_endpoint,
        public.client_id,
        public.redirect_uri,
        tuple(public.scopes),
        public.audience,
    )
