"""HTTP to the addresses that a server signs: by no proxy, and trusting whom its client trusts."""

import ssl
import urllib.request
from pathlib import Path

HTTP_TIMEOUT_S = 300.0


def opener(ca_file: Path | None) -> urllib.request.OpenerDirector:
    """Return what opens signed addresses.

    Trusted are the machine's authorities, since a bucket's address is anybody's, and beside them the server's own.

    Args:
        ca_file: The authority of the server's certificate, if the machine does not know it.

    Raises:
        OSError: The file cannot be read, or holds no certificate.
    """
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if ca_file is not None:
        context = ssl.create_default_context()
        context.load_verify_locations(ca_file)
        # gRPC takes certificates that name no key of their authority; Python 3.13 would not.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)
