"""Tokens, grants and the audit log of a server."""

from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration

from flytelike.remote.client import Client
from flytelike_idl.service import access_pb2 as pb


async def access(client: Client) -> pb.GetAccessResponse:
    """Return who one is, and what one was granted."""
    return await client.call(client.access.GetAccess(pb.GetAccessRequest()))


async def create_token(client: Client, user: str, name: str, for_s: int | None) -> pb.CreateTokenResponse:
    """Create a token of a user (empty: one's own) that holds for some seconds (0: until it is revoked)."""
    request = pb.CreateTokenRequest(user=user, name=name)
    if for_s is not None:
        request.expires_in.CopyFrom(Duration(seconds=for_s))
    return await client.call(client.access.CreateToken(request))


async def tokens(client: Client, user: str = "") -> Sequence[pb.AccessToken]:
    """Return the tokens of a user; with an empty name all that one may see."""
    found: list[pb.AccessToken] = []
    page = ""
    while True:
        answer = await client.call(client.access.ListTokens(pb.ListTokensRequest(user=user, token=page)))
        found.extend(answer.tokens)
        page = answer.next
        if not page:
            return found


async def revoke_token(client: Client, identifier: str) -> None:
    """Let a token hold no more."""
    await client.call(client.access.RevokeToken(pb.RevokeTokenRequest(token_id=identifier)))


async def add_grant(client: Client, grant: pb.AccessGrant) -> bool:
    """Give a role; tell whether it is new."""
    return (await client.call(client.access.CreateGrant(pb.CreateGrantRequest(grant=grant)))).created


async def remove_grant(client: Client, grant: pb.AccessGrant) -> None:
    """Take a role away."""
    await client.call(client.access.DeleteGrant(pb.DeleteGrantRequest(grant=grant)))


async def grants(client: Client) -> Sequence[pb.AccessGrant]:
    """Return the grants that one may see."""
    return (await client.call(client.access.ListGrants(pb.ListGrantsRequest()))).grants


async def audit(client: Client, wanted: pb.ListAuditEntriesRequest) -> pb.ListAuditEntriesResponse:
    """Return a page of the audit log."""
    return await client.call(client.access.ListAuditEntries(wanted))
