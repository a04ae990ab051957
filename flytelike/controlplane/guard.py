"""Who may call a gRPC server: those who send a token that it knows."""

import hmac
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import grpc
from grpc import aio
from typing_extensions import override

from flytelike.controlplane.secret_files import SecretFile

OPEN = frozenset(
    {
        "/grpc.health.v1.Health/Check",
        *(
            f"/{package}.service.AuthMetadataService/{rpc}"
            for package in ("flytelike", "flyteidl")
            for rpc in ("GetOAuth2Metadata", "GetPublicClientConfig")
        ),
    }
)
"""What anybody may ask: whether the server works, and how to log in."""

SCHEME = "bearer"
KEYS = ("authorization", "flyte-authorization")
"""Where a token is looked for; stock clients send the second one where the first one is taken by a proxy."""

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]


class Guard(aio.ServerInterceptor):
    """Lets calls through that carry a known token; all others are answered UNAUTHENTICATED."""

    def __init__(self, tokens: SecretFile) -> None:
        """Know the lines of `tokens`."""
        self._tokens = tokens
        self._refusal: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(_refuse)

    @override
    async def intercept_service(self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return the handler of a call."""
        called = handler_call_details
        if called.method in OPEN or self._knows(called.invocation_metadata):
            return await continuation(called)
        return self._refusal

    def _knows(self, metadata: Iterable[tuple[str, str | bytes]]) -> bool:
        for key, value in metadata:
            if key in KEYS and isinstance(value, str):
                scheme, _, token = value.partition(" ")
                # All are compared, so that the time tells nothing.
                same = [hmac.compare_digest(token.strip().encode(), known.encode()) for known in self._tokens.lines]
                if scheme.lower() == SCHEME and any(same):
                    return True
        return False


async def _refuse(_data: bytes, context: "aio.ServicerContext[bytes, bytes]") -> bytes:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "a token is needed: send `authorization: Bearer TOKEN`")
