"""RTP packets (RFC 3550 section 5.1): the fixed layout that we send, and a strict reader of what arrives."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from ivr.channels.leg import FRAME_BYTES

VERSION = 0x80
"""Version 2, no padding, no extension, no contributing sources: the first byte of every packet that we send."""
MARKER = 0x80
HEADER = Struct("!BBHII")
FRAME = Struct(f"!BBHII{FRAME_BYTES}s")
"""A whole packet with 20 ms of G.711."""
TIMESTAMP_MASK = 0xFFFFFFFF
MAX_PAYLOAD = 1600
"""200 ms of G.711; a longer payload is no telephone audio and is dropped."""


class Packet(NamedTuple):
    """One received packet; `start` and `end` bound its payload in the buffer."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    start: int
    end: int


def parse(buffer: bytearray | bytes, size: int) -> Packet | None:
    """The packet in the first `size` bytes, or None where they are no valid RTP.

    Contributing sources, a header extension and padding are skipped; one that does not fit its datagram is refused.
    """
    if size < HEADER.size:
        return None
    flags, second, sequence, timestamp, ssrc = HEADER.unpack_from(buffer)
    if flags & 0xC0 != VERSION:
        return None
    start = HEADER.size + 4 * (flags & 0x0F)
    if flags & 0x10:
        if start + 4 > size:
            return None
        start += 4 + 4 * int.from_bytes(buffer[start + 2 : start + 4], "big")
    end = size
    if flags & 0x20:
        padding = buffer[size - 1]
        if padding == 0:
            return None
        end -= padding
    if start > end or end - start > MAX_PAYLOAD:
        return None
    return Packet(second & 0x7F, bool(second & MARKER), sequence, timestamp, ssrc, start, end)


def is_rtcp(buffer: bytearray | bytes, size: int) -> bool:
    """Whether a datagram on the RTP port is RTCP (RFC 5761 section 4: packet types 192 to 223)."""
    return size >= 8 and buffer[0] & 0xC0 == VERSION and 192 <= buffer[1] <= 223


class Reception:
    """What a source sent, counted for receiver reports (RFC 3550 section 6.4.1, appendices A.1, A.3 and A.8).

    `highest` is the extended sequence number; `jitter` is in timestamp units. Where the kernel lets pass only some
    packets (`sieve`), each that comes stands for the `step` before it at most: losses are then told in such steps.
    """

    __slots__ = (
        "_expected_before", "_received_before", "base", "highest", "jitter", "received", "ssrc", "step", "transit",
    )  # fmt: skip

    def __init__(self, ssrc: int, sequence: int, transit: int) -> None:
        self.ssrc = ssrc
        self.transit = transit
        self.jitter = 0.0
        self.step = 1
        self.restart(sequence)

    def restart(self, sequence: int) -> None:
        self.base = self.highest = sequence
        self.received = 1
        self._expected_before = self._received_before = 0

    def count(self, sequence: int, transit: int) -> None:
        """Count one more packet; `transit` is arrival minus timestamp, modulo 2**32, in timestamp units."""
        ahead = (sequence - self.highest) & 0xFFFF
        self.received += min(ahead, self.step) if 0 < ahead < 3000 else 1
        if ahead < 3000:
            self.highest += ahead
        elif ahead < 0x10000 - 100:
            self.restart(sequence)
        change = abs(transit - self.transit)
        self.transit = transit
        if change < 80000:
            self.jitter += (change - self.jitter) / 16

    @property
    def expected(self) -> int:
        return self.highest - self.base + 1

    @property
    def lost(self) -> int:
        """Packets lost so far; duplicates can make it negative."""
        return self.expected - self.received

    def fraction_lost(self) -> int:
        """Share lost since the last call of this function, in 256ths."""
        expected, received = self.expected - self._expected_before, self.received - self._received_before
        self._expected_before, self._received_before = self.expected, self.received
        lost = expected - received
        return 0 if expected <= 0 or lost <= 0 else min((lost << 8) // expected, 255)
