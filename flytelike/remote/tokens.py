"""Where a client has its token from."""

import asyncio
import time
from pathlib import Path
from typing import Protocol

from flytelike.model.diagnostic import DiagnosticError
from flytelike.remote.credentials import Credentials, Login

EARLY_S = 60.0
"""How long before it expires a login is renewed."""


class TokenSource(Protocol):
    """Gives a token for each call."""

    async def current(self) -> str:
        """Return the token to send now; empty for none. Raises OSError."""


class FixedToken:
    """A token that stays the same."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def current(self) -> str:
        """Return it."""
        return self._token


class FileToken:
    """The first word of a file, read again for each call."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def current(self) -> str:
        """Return it; raises OSError."""
        return self._path.read_text(encoding="ascii").split()[0]


class StoredLogin:
    """What `flytelike login` has kept for a server, renewed in time."""

    def __init__(self, server: str, credentials: Credentials | None = None) -> None:
        self._server = server
        self._credentials = credentials or Credentials()
        self._stamp: tuple[int, int] | None = None
        self._login: Login | None = None
        self._turn = asyncio.Lock()

    async def current(self) -> str:
        """Return the access token; an expired one where it cannot be renewed: the server says what to do."""
        stamp = self._credentials.stamp()
        if stamp != self._stamp:
            self._login, self._stamp = self._credentials.find(self._server), stamp
        login = self._login
        if login is None:
            return ""
        if login.refresh_token and time.time() > login.expires_s - EARLY_S:
            async with self._turn:
                self._login = login = await asyncio.to_thread(self._renewed, login)
        return login.access_token

    def _renewed(self, login: Login) -> Login:
        from flytelike.remote.login import renewed  # noqa: PLC0415 - loads an HTTP server, and is seldom needed

        # Others may have renewed it meanwhile: a refresh token often holds for one time only.
        with self._credentials.locked():
            found = self._credentials.find(self._server) or login
            if time.time() <= found.expires_s - EARLY_S:
                return found
            try:
                fresh = renewed(found)
            except DiagnosticError:
                return found
            self._credentials.renewed(self._server, fresh)
            return fresh
