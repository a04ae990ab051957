"""Who a request of the web API comes from, and whether that may do what it asks.

This is the one place where both are decided: the protocol asks `identify` before a body is read, and `authorise` once
it is known what is wanted.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from flytelike.controlplane.rpc.executions import ANONYMOUS
from flytelike.controlplane.rpc.status import WireError
from flytelike.controlplane.secret_files import SecretFile

COOKIE = "flytelike-token"
"""The cookie that carries a token; scripts cannot read it, and other sites cannot have it sent."""


class Denied(Exception):
    """A request is turned away before it is answered."""

    def __init__(self, told: WireError) -> None:
        """Keep what the client is told."""
        super().__init__(told.text)
        self.told = told


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks."""

    name: str = ANONYMOUS


class Authority(Protocol):
    """Knows who asks and what they may do."""

    def identify(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Identity:
        """Return who sent a request with these headers (lower case); raises Denied."""

    async def authorise(self, identity: Identity, method: MethodDescriptor, request: Message) -> None:
        """Return if `identity` may do this; raises Denied."""


class TokenAuthority:
    """Whoever knows a token may do everything; without a file of tokens, everybody."""

    def __init__(self, tokens: SecretFile | None) -> None:
        """Know the lines of `tokens`."""
        self._tokens = tokens

    def identify(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Identity:
        """Return who sent a request."""
        if self._tokens is None:
            return Identity()
        scheme, _, token = headers.get("authorization", "").partition(" ")
        sent = token.strip() if scheme.lower() == "bearer" else cookies.get(COOKIE, "")
        # All are compared, so that the time tells nothing.
        same = [hmac.compare_digest(sent.encode(), known.encode()) for known in self._tokens.lines]
        if not any(same):
            raise Denied(WireError(grpc.StatusCode.UNAUTHENTICATED, "a token is needed: sign in"))
        return Identity()

    async def authorise(self, identity: Identity, method: MethodDescriptor, request: Message) -> None:
        """Let everybody who is known do everything."""
        del identity, method, request
