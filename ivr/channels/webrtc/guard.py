"""What may come in at the UDP ports of a page's connection, before aioice and aiortc see it.

aioice hands every datagram that is no STUN to aiortc, whoever sent it and however long it is; on an empty one, and on
one that is longer than libsrtp takes, aiortc gives the whole connection up. A stranger who finds the port would end
an agent's call with a single packet, and fill the memory of a gateway whose page has not come yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aioice import stun
from aiortc import RTCPeerConnection

SHORTEST, LONGEST = 12, 1500
"""Bytes of a datagram that is DTLS, SRTP or SRTCP (RFC 7983): the head of RTP; what libsrtp takes."""

Address = tuple[str, int]


def guard(connection: RTCPeerConnection) -> None:
    """Have a connection that has gathered its candidates hear STUN from everybody, and all else only from addresses
    that ICE knows: those of the offer's candidates, and those whose checks knew the password (RFC 8445 section 7.3)."""
    for transceiver in connection.getTransceivers():
        ice: Any = transceiver.sender.transport.transport._connection
        for protocol in ice._protocols:
            protocol.datagram_received = _guarded(ice, protocol.datagram_received)


def _guarded(ice: Any, take: Callable[[bytes, Address], None]) -> Callable[[bytes, tuple[Any, ...]], None]:
    known: set[Address] = set()

    def datagram_received(data: bytes, sender: tuple[Any, ...]) -> None:
        address = (sender[0], sender[1])
        if data[:1] < b"\x04":
            if _is_stun(data):
                take(data, address)
            return
        if not SHORTEST <= len(data) <= LONGEST:
            return
        if address not in known:
            known.update(pair.remote_addr for pair in (*ice._check_list, *ice._nominated.values()))
            if address not in known:
                return
        take(data, address)

    return datagram_received


def _is_stun(data: bytes) -> bool:
    try:
        stun.parse_message(data)
    except Exception:  # it reads attributes without looking at their lengths
        return False
    return True
