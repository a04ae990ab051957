"""Whose token a request of the web API carries, and how browsers come to carry one."""

from collections.abc import Mapping

from flytelike.controlplane.access.door import token_in
from flytelike.controlplane.rpc.status import WireError

COOKIE = "flytelike-token"
"""The cookie that carries a token; scripts cannot read it, and other sites cannot have it sent."""


class Denied(Exception):
    """A request is turned away before it is answered."""

    def __init__(self, told: WireError) -> None:
        """Keep what the client is told."""
        super().__init__(told.text)
        self.told = told


def token_of(headers: Mapping[str, str], cookies: Mapping[str, str]) -> str:
    """Return the token of a request, empty without one; what a program sends counts before what a browser keeps."""
    return token_in(headers.items()) or cookies.get(COOKIE, "")
