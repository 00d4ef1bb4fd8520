"""Which sender a stream listens to (symmetric RTP, RFC 4961), so that no stranger takes a call's audio over.

The stream's socket is connected to the source once that is known: from then on the kernel drops everybody else's
packets, and sending is cheaper. Only signalling (a new address in an offer or answer) starts it anew.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

Address = tuple[str, int]

PROBATION = 3
"""Packets in a row that an unexpected source has to send before it is taken for a phone behind NAT."""
_MIN_SEQUENTIAL = 2
"""Packets in a row after which a new SSRC of the known source is believed (RFC 3550 appendix A.1)."""
_SHARED = ipaddress.ip_network("100.64.0.0/10")


@lru_cache(4096)
def behind_nat(host: str) -> bool:
    """Whether an SDP address is one that is not routed on the internet, so that packets come from another one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_private or address.is_unspecified or (address.version == 4 and address in _SHARED)


class SourceFilter:
    """Decides on the packets that come before a stream has its source.

    The address and port that signalling gave are taken at once. Another port of that address (a NAT may change it)
    and, where the address is private or `learn` says so, another address are taken too: the first that sends
    `PROBATION` packets of one SSRC in sequence, as a stray or forged packet does not, nor the few that the same
    gateway still sends for a call that had our port before.
    """

    def __init__(self, remote: Address, learn: bool | None) -> None:
        self._remote = remote
        self._learn = behind_nat(remote[0]) if learn is None else learn
        self._candidate: tuple[Address, int] | None = None
        self._sequence = 0
        self._seen = 0

    def accept(self, address: Address, ssrc: int, sequence: int) -> bool:
        """Whether this valid packet settles that `address` is the source."""
        if address == self._remote:
            return True
        if not self._learn and address[0] != self._remote[0]:
            return False
        if self._candidate != (address, ssrc):
            if self._candidate is not None and self._seen > 1:
                self._seen -= 1  # a second sender only slows the first one down
                return False
            self._candidate, self._sequence, self._seen = (address, ssrc), sequence, 1
        elif (sequence - self._sequence) & 0xFFFF == 1:
            self._sequence, self._seen = sequence, self._seen + 1
        else:
            self._sequence, self._seen = sequence, 1
        return self._seen >= PROBATION


class Newcomer:
    """Probation for an SSRC that is not the source's: a single packet that strays in must not end the source's.

    `believed`: it sends in sequence, so its keys count (some gateways send events under an SSRC of their own).
    `alone`: it does so while the source's SSRC is silent, so the source has changed over to it.
    """

    __slots__ = ("_alone", "_heard", "_patience", "_seen", "_sequence", "_ssrc")

    def __init__(self) -> None:
        self._ssrc = self._sequence = -1
        self._seen = self._alone = self._heard = 0
        self._patience = _MIN_SEQUENTIAL

    def count(self, ssrc: int, sequence: int, heard: int, step: int = 1) -> None:
        """Take one packet; `heard` is how many the source's SSRC has sent so far, of which one in `step` is seen."""
        self._patience = max(_MIN_SEQUENTIAL, step + 1)
        if ssrc != self._ssrc or (sequence - self._sequence) & 0xFFFF != 1:
            self._seen = self._alone = 0
        if heard != self._heard:
            self._alone = 0
        self._ssrc, self._sequence, self._heard = ssrc, sequence, heard
        self._seen += 1
        self._alone += 1

    @property
    def believed(self) -> bool:
        return self._seen >= _MIN_SEQUENTIAL

    @property
    def alone(self) -> bool:
        return self._alone >= self._patience
