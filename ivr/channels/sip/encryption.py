"""Which peers get encrypted sound (SRTP), and over which signalling its keys may be told."""

from __future__ import annotations

import importlib
import ipaddress
from dataclasses import dataclass
from typing import Literal

from ivr.channels.sip.flow import Flow

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Mode = Literal["off", "optional", "required"]
MODES: tuple[Mode, ...] = ("off", "optional", "required")
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True)
class Encryption:
    """For one leg: `wanted` where keys are offered and taken, `needed` where there is no call without them."""

    wanted: bool = False
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Srtp:
    """`mode` is for all peers but those of `networks`, of which the narrowest counts.

    Whoever reads the signalling reads the keys in it, so they are told over TLS alone, unless `without_tls`: where a
    proxy ends TLS in front of us, on a network that is trusted (RFC 4568 section 9.1.2). On loopback there is nobody to
    hide from: calls from there needn't be encrypted, unless `networks` says so.
    """

    mode: Mode = "off"
    networks: tuple[tuple[Network, Mode], ...] = ()
    without_tls: bool = False

    @property
    def modes(self) -> set[Mode]:
        return {self.mode, *(mode for _, mode in self.networks)}

    def of(self, flow: Flow) -> Encryption:
        """What the peer at the end of a flow gets."""
        mode = self._mode(flow.remote[0])
        told = self.without_tls or flow.protocol == "TLS"
        return Encryption(wanted=mode != "off" and told, needed=mode == "required")

    def _mode(self, ip: str) -> Mode:
        address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(ip.split("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        found = [(network.prefixlen, mode) for network, mode in self.networks if address in network]
        if found:
            return max(found)[1]
        if self.mode == "required" and any(address in network for network in _LOOPBACK):
            return "optional"
        return self.mode


def available() -> bool:
    """Whether libsrtp can be used here."""
    try:
        importlib.import_module("pylibsrtp")
    except ImportError:
        return False
    return True


def read(text: str, *, without_tls: bool = False) -> Srtp:
    """`optional`, or `optional,203.0.113.0/24=required,10.0.0.0/8=off`. Raises ValueError that names SIP_SRTP."""
    default: Mode | None = None
    networks: list[tuple[Network, Mode]] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        place, equals, name = part.rpartition("=")
        mode = next((mode for mode in MODES if mode == name.strip().lower()), None)
        if mode is None:
            raise ValueError(f"SIP_SRTP: '{name.strip()}' is none of {', '.join(MODES)}")
        if equals:
            try:
                networks.append((ipaddress.ip_network(place.strip(), strict=False), mode))
            except ValueError:
                raise ValueError(f"SIP_SRTP: '{place.strip()}' is no network; write 203.0.113.0/24={mode}") from None
        elif default is not None:
            raise ValueError("SIP_SRTP: one mode for all, then network=mode for those that differ")
        else:
            default = mode
    return Srtp(default or "optional", tuple(networks), without_tls)
