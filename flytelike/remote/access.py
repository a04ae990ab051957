"""How a server that is not on this machine is reached: certificates and who one is."""

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import grpc
from grpc import aio
from typing_extensions import override

from flytelike.remote.credentials import Credentials
from flytelike.remote.tokens import FileToken, FixedToken, StoredLogin, TokenSource

SECURE = "https://"
"""In front of an endpoint where TLS is spoken; `http://` says that none is."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who calls, and whom to trust.

    Attributes:
        token_file: Its first line is sent with each call; read again for each.
        ca_file: The authority of the server's certificate; those that the machine trusts without one.
        token: Sent with each call; before that of the file.
        stored: Whether what `flytelike login` has kept for the server is sent, where there is nothing else.
    """

    token_file: Path | None = None
    ca_file: Path | None = None
    token: str = field(default="", repr=False)
    stored: bool = False

    @classmethod
    def from_env(cls) -> Self:
        """Return what `FLYTELIKE_TOKEN`, `FLYTELIKE_TOKEN_FILE` and `FLYTELIKE_CA_FILE` say; else a login is used."""
        file, authority = os.environ.get("FLYTELIKE_TOKEN_FILE"), os.environ.get("FLYTELIKE_CA_FILE")
        return cls(
            Path(file) if file else None,
            Path(authority) if authority else None,
            os.environ.get("FLYTELIKE_TOKEN", "").strip(),
            stored=True,
        )

    def channel(self, endpoint: str, options: Sequence[tuple[str, int]]) -> aio.Channel:
        """Return a channel to `host:port`, or to `https://host:port` for TLS. Raises OSError."""
        plain = endpoint.removeprefix("http://")
        source = self._source(endpoint)
        ways: list[aio.ClientInterceptor] = [] if source is None else [_Calls(source), _Streams(source)]
        if not endpoint.startswith(SECURE):
            return aio.insecure_channel(plain, options=options, interceptors=ways)
        authority = None if self.ca_file is None else self.ca_file.read_bytes()
        credentials = grpc.ssl_channel_credentials(authority)
        return aio.secure_channel(endpoint.removeprefix(SECURE), credentials, options=options, interceptors=ways)

    def _source(self, endpoint: str) -> TokenSource | None:
        if self.token:
            return FixedToken(self.token)
        if self.token_file is not None:
            return FileToken(self.token_file)
        if not self.stored:
            return None
        credentials = Credentials()
        return None if credentials.find(endpoint) is None else StoredLogin(endpoint, credentials)


OPEN = Access()
"""Nobody in particular, who calls a server of this machine."""


class _Bearer:
    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def known(self, details: aio.ClientCallDetails) -> aio.ClientCallDetails:
        """Return the details of a call, with the token."""
        token = await self._source.current()
        sent = [("authorization", f"Bearer {token}")] if token else []
        metadata = aio.Metadata(*(details.metadata or ()), *sent)
        return aio.ClientCallDetails(
            details.method, details.timeout, metadata, details.credentials, details.wait_for_ready
        )


class _Calls(_Bearer, aio.UnaryUnaryClientInterceptor):
    @override
    async def intercept_unary_unary(
        self,
        continuation: Callable[[aio.ClientCallDetails, Any], Awaitable[Any]],
        client_call_details: aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        """Send a call with the token."""
        return await continuation(await self.known(client_call_details), request)


class _Streams(_Bearer, aio.UnaryStreamClientInterceptor):
    @override
    async def intercept_unary_stream(
        self,
        continuation: Callable[[aio.ClientCallDetails, Any], Awaitable[Any]],
        client_call_details: aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        """Open a stream with the token."""
        return await continuation(await self.known(client_call_details), request)
