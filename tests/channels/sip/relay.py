"""A bad line: a UDP relay between one SIP client and a server, that passes each datagram as often as it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

Address = tuple[str, int]
Copies = Callable[[bytes], int]
"""How many times a datagram is passed on; 0 loses it."""


class _Side(asyncio.DatagramProtocol):
    other: _Side
    transport: asyncio.DatagramTransport
    peer: Address | None

    def __init__(self, peer: Address | None, copies: Copies) -> None:
        self.peer, self._copies = peer, copies

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.peer = addr
        for _ in range(self._copies(data)):
            self.other.transport.sendto(data, self.other.peer)


@asynccontextmanager
async def bad_line(server: Address, copies: Copies) -> AsyncIterator[Address]:
    """The address to call in place of `server`."""
    loop = asyncio.get_running_loop()
    _, near = await loop.create_datagram_endpoint(lambda: _Side(None, copies), local_addr=("127.0.0.1", 0))
    _, far = await loop.create_datagram_endpoint(lambda: _Side(server, copies), local_addr=("127.0.0.1", 0))
    near.other, far.other = far, near
    try:
        yield near.transport.get_extra_info("sockname")
    finally:
        near.transport.close()
        far.transport.close()


class Losing:
    """Loses the first `count` datagrams that start with `start`; `met` is how many came in all."""

    def __init__(self, start: bytes, count: int) -> None:
        self._start, self._count = start, count
        self.met = 0

    def __call__(self, data: bytes) -> int:
        if not data.startswith(self._start):
            return 1
        self.met += 1
        return int(self.met > self._count)
