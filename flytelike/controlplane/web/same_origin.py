"""Turning away requests that another site has a browser send: DNS rebinding and forged requests.

A page of another site can have a browser call a server on the visitor's own machine. By the name that the browser
thinks it speaks to (`Host`), a name of that site's which suddenly leads here is known; by `Origin` and
`Sec-Fetch-Site`, a request that a page of another site makes.
"""

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import grpc

from flytelike.controlplane.rpc.status import WireError
from flytelike.controlplane.settings import Settings
from flytelike.controlplane.web.identity import Denied

LOCAL = "localhost"


class SameOrigin:
    """Knows the names of this server."""

    def __init__(self, names: Iterable[str]) -> None:
        """Answer to these names, beside addresses and `localhost`."""
        self._names = frozenset(name.lower() for name in names if name)

    def check(self, headers: Mapping[str, str]) -> None:
        """Return if a request was sent by a page of this server, or by no page at all; raises Denied.

        Args:
            headers: those of the request, in lower case.
        """
        host = headers.get("host", "")
        if not self.known(host):
            raise _denied(f"this server is not called {host[:100]!r}; name it in `--public-url`")
        origin = headers.get("origin", "")
        if origin and urlsplit(origin).netloc.lower() != host.lower():
            raise _denied("pages of other sites may not use this API")
        if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            raise _denied("pages of other sites may not use this API")

    def known(self, host: str) -> bool:
        """Tell whether a `Host` header names this server. An address cannot be rebound, so any will do."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name == LOCAL or name.endswith(f".{LOCAL}") or name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def names_of(settings: Settings) -> set[str]:
    """Return the names by which clients may call a server with these settings."""
    public = urlsplit(settings.public_url).hostname or ""
    return {settings.host, settings.http_host, settings.public_host, public, socket.gethostname()}


def _denied(text: str) -> Denied:
    return Denied(WireError(grpc.StatusCode.PERMISSION_DENIED, text))
