"""The connections to the API server, all of which are closed when their client is left.

aiohttp closes a connection whose call was cancelled by a farewell of TLS, and waits for no answer to it: a loop that
ends before the server answers leaves such a socket open. Here each socket is known.
"""

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies_environment
from weakref import WeakSet

if TYPE_CHECKING:
    import ssl

    import aiohttp

READ_BYTES = 2 * 1024 * 1024
"""How much of an answer is held before its reader is asked to take it."""

TURNS_MAX = 100
"""A connection whose socket is shut down ends within a few turns of the loop."""


class Connections:
    """Opens sessions, and closes them with every socket of theirs."""

    def __init__(self) -> None:
        """Prepare; nothing is opened."""
        self._sockets: WeakSet[socket.socket] = WeakSet()

    @property
    def open(self) -> int:
        """How many sockets are open."""
        return sum(one.fileno() != -1 for one in self._sockets)

    def session(self, context: "ssl.SSLContext", calls_max: int) -> "aiohttp.ClientSession":
        """Return a session of its own connections.

        The environment is looked at only where it names a proxy: else threads look for one, and for a password in
        `.netrc`, before each call.

        Args:
            context: Whom to trust, and as whom to speak.
            calls_max: How many calls may be under way at once.
        """
        import aiohttp  # noqa: PLC0415 - loaded by those who use Kubernetes only

        connector = aiohttp.TCPConnector(limit=calls_max, ssl=context, socket_factory=self._socket)
        proxied = bool(getproxies_environment())
        return aiohttp.ClientSession(connector=connector, trust_env=proxied, read_bufsize=READ_BYTES)

    async def end(self) -> None:
        """Shut down what a closed session left open, and return once it is closed."""
        for one in self._sockets:
            with suppress(OSError):  # it was never connected, or its end came first
                one.shutdown(socket.SHUT_RDWR)
        for _ in range(TURNS_MAX):
            if not self.open:
                return
            await asyncio.sleep(0)

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        self._sockets.add(made)
        return made
