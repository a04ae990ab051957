"""Whether an address is this machine's alone."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Tell whether nobody else reaches what listens at a host; names other than `localhost` count as reachable."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
