"""A bad network between callers and server: a process in the middle that drops, doubles and reorders datagrams.

`python -m bench.sip.lossy SERVER_PORT SHARE SEED` prints its port. Signalling passes through it, and so does the
media: it puts ports of its own into every SDP. What a message says of its sender (Contact) becomes the middle's own
address, so that requests of the server's come through it too. SHARE of the datagrams are lost, and as many come
twice and as many late.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable
from typing import cast

Address = tuple[str, int]
_LATE = 0.03
"""Seconds by which a late datagram is overtaken."""


class Port(asyncio.DatagramProtocol):
    """A UDP port whose datagrams go to `take(data, sender)`."""

    def __init__(self, take: Callable[[bytes, Address], None]) -> None:
        self._take = take

    @classmethod
    async def open(cls, take: Callable[[bytes, Address], None]) -> Port:
        loop = asyncio.get_running_loop()
        _, port = await loop.create_datagram_endpoint(lambda: cls(take), local_addr=("127.0.0.1", 0))
        return port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.number: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._take(data, addr)

    def error_received(self, exc: Exception) -> None:
        """A closed port on the way: the network doesn't mind."""


class Network:
    """Datagrams go through `carry`. `counts` says what was done to them."""

    def __init__(self, server: Address, share: float, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self._server, self._share = server, share
        self._chance = random.Random(seed)
        self._callers: dict[bytes, Address] = {}
        self._media: dict[tuple[bytes, bytes], Port] = {}
        self._peers: dict[tuple[bytes, bytes], Address] = {}

    async def open(self) -> None:
        self.outside = await Port.open(self._from_caller)
        self.inside = await Port.open(self._from_server)
        self._spare = [await Port.open(lambda data, sender: None) for _ in range(400)]

    def carry(self, kind: str, port: Port, data: bytes, to: Address) -> None:
        draw = self._chance.random() / self._share if self._share else 9.0
        if draw < 1:
            self.counts[f"{kind} lost"] += 1
            return
        if draw < 2:
            self.counts[f"{kind} doubled"] += 1
            port.transport.sendto(data, to)
        elif draw < 3:
            self.counts[f"{kind} late"] += 1
            asyncio.get_running_loop().call_later(_LATE, port.transport.sendto, data, to)
            return
        self.counts[kind] += 1
        port.transport.sendto(data, to)

    def _from_caller(self, data: bytes, sender: Address) -> None:
        call = _call_id(data)
        if call:
            self._callers[call] = sender
            data = re.sub(rb"(?m)^(Contact: *<sip:[^@>]*@127\.0\.0\.1:)\d+", rb"\g<1>%d" % self.inside.number, data)
        self.carry("sip", self.inside, self._with_media(data, call, b"caller", b"server"), self._server)

    def _from_server(self, data: bytes, sender: Address) -> None:
        call = _call_id(data)
        caller = self._callers.get(call)
        if caller is not None:
            self.carry("sip", self.outside, self._with_media(data, call, b"server", b"caller"), caller)

    def _with_media(self, data: bytes, call: bytes, owner: bytes, other: bytes) -> bytes:
        """The message with a port of ours in its SDP; what arrives there goes to `owner`, from the port that `other`
        knows."""
        head, blank, body = data.partition(b"\r\n\r\n")
        found = re.search(rb"(?m)^m=audio (\d+)", body)
        if not found:
            return data
        self._peers[call, owner] = ("127.0.0.1", int(found[1]))
        if (call, owner) not in self._media:
            port = self._spare.pop()
            port._take = lambda data, sender: self._pass(data, call, owner, other)
            self._media[call, owner] = port
        body = body.replace(found[0], b"m=audio %d" % self._media[call, owner].number)
        head = re.sub(rb"(?mi)^Content-Length: *\d+", b"Content-Length: %d" % len(body), head)
        return head + blank + body

    def _pass(self, data: bytes, call: bytes, owner: bytes, other: bytes) -> None:
        port = self._media.get((call, other))
        if port is not None:
            self.carry("rtp", port, data, self._peers[call, owner])


def _call_id(data: bytes) -> bytes:
    found = re.search(rb"(?mi)^Call-ID: *(\S+)", data)
    return found[1] if found else b""


async def main() -> None:
    network = Network(("127.0.0.1", int(sys.argv[1])), float(sys.argv[2]), int(sys.argv[3]))
    await network.open()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    print(network.outside.number, flush=True)
    await stopping.wait()
    print(json.dumps(network.counts), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
