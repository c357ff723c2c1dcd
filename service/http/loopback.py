"""Whether an address is this machine."""

import ipaddress


def is_loopback(host: str) -> bool:
    """True for `localhost` and the loopback addresses of IPv4 and IPv6."""
    try:
        known = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host == "localhost"
    mapped = known.ipv4_mapped if known.version == 6 else None
    return (mapped or known).is_loopback
