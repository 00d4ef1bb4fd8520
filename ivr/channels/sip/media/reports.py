"""A stream's RTCP: when and what to report, and what the peer's reports say."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable

from ivr.channels.sip.media import rtcp
from ivr.channels.sip.media.rtp import Reception

_NAME = f"{secrets.randbits(64):016x}@callwright"
"""The canonical name in every report (RFC 7022: random, it tells nothing about the machine)."""
_random = secrets.SystemRandom()


class Reports:
    """`remote` is where reports go: the port after RTP's (RFC 3550 section 11), RTP's own (RFC 5761), or where the
    peer's come from."""

    __slots__ = (
        "_arrived", "_last_report", "_received", "_sock", "loss", "mux", "received", "remote", "ssrc",
    )  # fmt: skip

    def __init__(self, ssrc: int, sock: socket.socket) -> None:
        self.ssrc, self._sock, self.mux = ssrc, sock, False
        self.remote: tuple[str, int] | None = None
        self._last_report, self._arrived = 0, 0.0
        self._received = -1
        self.received = 0
        """Valid RTCP packets of the peer."""
        self.loss: float | None = None
        """Share of our packets that the peer said it lost since its report before."""

    def aim(self, rtp: tuple[str, int], sock: socket.socket, mux: bool) -> None:
        """RTP goes there, and reports by this socket; with `mux` it is RTP's, and so is their address."""
        self._sock, self.mux = sock, mux
        self.remote = rtp if mux else (rtp[0], rtp[1] + 1)

    def source(self, address: tuple[str, int]) -> None:
        """RTP turned out to come from here."""
        if self.mux:
            self.remote = address
        elif self.remote is None or self.remote[0] != address[0]:
            self.remote = (address[0], address[1] + 1)

    @staticmethod
    def first_due(now: float) -> float:
        return now + rtcp.INTERVAL * _random.uniform(0.25, 0.75)

    @staticmethod
    def next_due(now: float) -> float:
        return now + rtcp.INTERVAL * _random.uniform(0.5, 1.5)

    def send(
        self, timestamp: int, packets: int, reception: Reception | None, *, bye: bool = False,
        seal: Callable[[bytes], bytes] | None = None,
    ) -> None:  # fmt: skip
        """Send a report; `packets` of 160 octets went out so far, the last at `timestamp`. `seal` encrypts it."""
        if self.remote is None or self.remote[1] > 65535:
            return
        if bye and not packets and reception is None:
            return  # RFC 3550 section 6.3.7: who never sent anything does not say goodbye
        data = rtcp.report(
            self.ssrc,
            _NAME,
            wall=time.time(),
            timestamp=timestamp,
            packets=packets,
            octets=packets * 160,
            block=self._block(reception),
            bye=bye,
        )
        try:
            self._sock.sendto(data if seal is None else seal(data), self.remote)
        except OSError:
            return  # an unreachable peer is signalling's matter

    def _block(self, reception: Reception | None) -> rtcp.Block | None:
        if reception is None or reception.received == self._received:
            return None
        self._received = reception.received
        delay = int((time.monotonic() - self._arrived) * 65536) if self._last_report else 0
        return rtcp.Block(
            reception.ssrc,
            reception.fraction_lost(),
            reception.lost,
            reception.highest,
            int(reception.jitter),
            self._last_report,
            delay,
        )

    def receive(self, data: bytearray, size: int, address: tuple[str, int] | None) -> None:
        """A datagram on the RTCP port, or RTCP on the RTP port (`address` None: from the source itself)."""
        if address is not None and (self.remote is None or address[0] != self.remote[0]):
            return
        report = rtcp.parse(data, size)
        if report is None:
            return
        self.received += 1
        if address is not None:
            self.remote = address[:2]
        if report.ntp:
            self._last_report, self._arrived = report.ntp, time.monotonic()
        for block in report.blocks:
            if block.ssrc != self.ssrc:
                continue
            self.loss = block.fraction_lost / 256
