"""A typed client of the control plane: channel, errors, and one module for each thing one does.

Knows the wire and the store of nobody: what it sends are messages, what it gives back are
messages or model values. It must not know how a platform is composed or what a terminal is.
"""

from flytelike.remote.client import Client
from flytelike.remote.errors import RemoteError, ServerUnreachable

__all__ = ["Client", "RemoteError", "ServerUnreachable"]
