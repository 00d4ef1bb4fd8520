"""Where a page connects from, so that one network can't have all connections that there are."""

from __future__ import annotations

import ipaddress

from websockets.datastructures import Headers

SHARE = 4
"""One network has a quarter of LIVE_CONNECTIONS at most: large offices share an address, and a stranger shall not keep
everybody else out."""


def network_of(peer: str, headers: Headers, proxies: int) -> str:
    """The network (an address of IPv4, a subscriber's /56 of IPv6, RFC 6177) that a request comes from: that of `peer`,
    or what the outermost of so many proxies wrote into X-Forwarded-For. "" where it can't be told: a proxy on this
    machine of which no setting knows stands for everybody."""
    address = peer
    if proxies:
        hops = [hop.strip() for value in headers.get_all("X-Forwarded-For") for hop in value.split(",")]
        address = hops[-proxies] if len(hops) >= proxies else ""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    if parsed.is_loopback:
        return ""
    return str(ipaddress.ip_network((parsed, 56 if parsed.version == 6 else 32), strict=False))
