"""Mail servers on this very machine, where nobody is on the way to read or pretend."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether `host` can only be this machine: RFC 1122 3.2.1.3, RFC 4291 2.5.3, RFC 6761 6.3."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
