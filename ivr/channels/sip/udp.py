"""SIP over UDP: one socket, one message a datagram (RFC 3261 section 18)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass

from ivr.channels.sip.flow import Flow, FlowClosed

_RECEIVE_BUFFER = 4 << 20


@dataclass(frozen=True, slots=True)
class UdpFlow:
    """A UDP peer."""

    _transport: asyncio.DatagramTransport
    remote: tuple[str, int]
    local: tuple[str, int]
    protocol: str = "UDP"
    reliable: bool = False

    @property
    def alive(self) -> bool:
        return not self._transport.is_closing()

    def send(self, data: bytes) -> None:
        if self._transport.is_closing():
            raise FlowClosed("the endpoint is closed")
        self._transport.sendto(data, self.remote)


class UdpListener(asyncio.DatagramProtocol):
    """Receives datagrams and hands them on with their flow; never raises into the event loop."""

    transport: asyncio.DatagramTransport

    def __init__(self, on_data: Callable[[bytes, Flow], None]) -> None:
        self._on_data = on_data
        self.local = ("", 0)

    @classmethod
    async def open(cls, host: str, port: int, on_data: Callable[[bytes, Flow], None]) -> UdpListener:
        """Raises OSError where the address can't be bound."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            sock.setblocking(False)
            sock.bind((host, port))
        except OSError:
            sock.close()
            raise
        local = sock.getsockname()[:2]
        loop = asyncio.get_running_loop()
        _, listener = await loop.create_datagram_endpoint(lambda: cls(on_data), sock=sock)
        listener.local = local
        return listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._on_data(data, UdpFlow(self.transport, (addr[0], addr[1]), self.local))

    def error_received(self, exc: Exception) -> None:
        """An ICMP error of some peer; the transaction's timers decide, as the socket serves all peers."""

    def flow(self, remote: tuple[str, int]) -> UdpFlow:
        return UdpFlow(self.transport, remote, self.local)

    def close(self) -> None:
        self.transport.close()
