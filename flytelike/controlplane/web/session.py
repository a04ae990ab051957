"""Signing in with a browser: the page sends a token once, and the browser keeps it where no script can read it."""

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from flytelike.controlplane.access.door import TOKEN_MAX, Door
from flytelike.controlplane.errors import Refusal
from flytelike.controlplane.web.connect import HEADERS, PREFIX
from flytelike.controlplane.web.identity import COOKIE, Denied
from flytelike.controlplane.web.same_origin import SameOrigin

ROUTE = f"{PREFIX}/session"
KEPT_S = 30 * 24 * 3600
"""How long a browser keeps a token; the token itself may end before."""


class Session:
    """Begins and ends what a browser keeps."""

    def __init__(self, origin: SameOrigin, door: Door | None, *, secure: bool) -> None:
        """Take the tokens that `door` knows, any where it is None; `secure` where pages come by TLS."""
        self._origin = origin
        self._door = door
        self._secure = secure

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [Route(ROUTE, self.begin, methods=["POST"]), Route(ROUTE, self.end, methods=["DELETE"])]

    async def begin(self, request: Request) -> Response:
        """Let the browser keep the token in `{"token": ...}`; 401 if it is nobody's."""
        try:
            self._origin.check(request.headers)
            token = await _token(request)
            if self._door is not None:
                await self._door.identify(token)
        except Denied as error:
            return JSONResponse({"message": error.told.text}, 403, headers=HEADERS)
        except Refusal as error:
            first = error.diagnostics[0]
            return JSONResponse({"code": first.code, "message": first.headline}, 401, headers=HEADERS)
        answer = Response(status_code=204, headers=HEADERS)
        answer.set_cookie(
            COOKIE, token, max_age=KEPT_S, path=PREFIX, secure=self._secure, httponly=True, samesite="strict"
        )
        return answer

    async def end(self, request: Request) -> Response:
        """Let the browser forget the token."""
        try:
            self._origin.check(request.headers)
        except Denied as error:
            return JSONResponse({"message": error.told.text}, 403, headers=HEADERS)
        answer = Response(status_code=204, headers=HEADERS)
        answer.delete_cookie(COOKIE, path=PREFIX, secure=self._secure, httponly=True, samesite="strict")
        return answer


async def _token(request: Request) -> str:
    """Return the token in a request's body; empty for whatever else is there."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > 2 * TOKEN_MAX:
            return ""
    try:
        token = json.loads(data)["token"]
    except (ValueError, KeyError, TypeError):
        return ""
    return token if isinstance(token, str) and token.isascii() and token.isprintable() else ""
