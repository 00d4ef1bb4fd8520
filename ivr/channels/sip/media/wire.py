"""How a stream's packets get to its two sockets and from them: directly, or through SRTP (`srtp.py`)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ivr.channels.sip.media.srtp import Secure


class Wire:
    """The sockets' own methods as attributes, which is the quickest way there is in Python; `through` puts those of a
    `Secure` in their place."""

    __slots__ = (
        "receive_from", "receive_report", "recv_into", "rtcp", "rtp", "seal_report", "secure", "send", "send_to",
    )  # fmt: skip

    recv_into: Callable[[bytearray], int]
    receive_from: Callable[[bytearray], tuple[int, Any]]
    receive_report: Callable[[bytearray], tuple[int, Any]]
    send: Callable[[bytes], int]
    send_to: Callable[[bytes, Any], int]
    seal_report: Callable[[bytes], bytes] | None

    def __init__(self, rtp: socket.socket, rtcp: socket.socket) -> None:
        self.rtp, self.rtcp = rtp, rtcp
        self.in_the_clear()

    def in_the_clear(self) -> None:
        """Send and receive by the sockets themselves."""
        self.secure: Secure | None = None
        self.send, self.send_to = self.rtp.send, self.rtp.sendto
        self.recv_into, self.receive_from = self.rtp.recv_into, self.rtp.recvfrom_into
        self.receive_report, self.seal_report = self.rtcp.recvfrom_into, None

    def through(self, secure: Secure) -> None:
        """Send and receive by way of this."""
        self.secure = secure
        self.send, self.send_to = secure.send, secure.send_to
        self.recv_into, self.receive_from = secure.recv_into, secure.receive_from
        self.receive_report, self.seal_report = secure.receive_report, secure.seal_report
