"""Callers in asyncio: many calls over one SIP socket, each with an RTP port of its own.

They retransmit as RFC 3261 section 17 has it, so they cope with loss; and they can leave at any moment, politely or
not.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import socket
import struct
from collections.abc import Iterator
from typing import cast

from bench.sip.media import EVENT_TYPE, EVENTS

T1 = 0.5
TRIES = 7
Address = tuple[str, int]


class Refused(Exception):
    """A final response that is no 2xx, or none at all."""


class Callers(asyncio.DatagramProtocol):
    """The SIP socket: hands what comes to its call."""

    def __init__(self, server: Address) -> None:
        self.server = server
        self.calls: dict[str, Call] = {}
        self.strays = 0

    @classmethod
    async def open(cls, server: Address) -> Callers:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        _, callers = await loop.create_datagram_endpoint(lambda: cls(server), sock=sock)
        return callers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        found = re.search(rb"^Call-ID: *(\S+)", data, re.M | re.I)
        call = self.calls.get(found[1].decode()) if found else None
        if call is None or call.vanished:
            self.strays += 1
        else:
            call.receive(data.decode())

    def error_received(self, exc: Exception) -> None:
        """The other end's port may be closed."""

    def send(self, text: str) -> None:
        self._transport.sendto(text.encode(), self.server)

    def close(self) -> None:
        self._transport.close()


class Call:
    """One call. `ended` is set at the server's BYE or the answer to ours."""

    def __init__(self, callers: Callers, number: str = "+15550100") -> None:
        self.callers, self.number = callers, number
        self.id = secrets.token_hex(8)
        self.ended = asyncio.Event()
        self.answered = asyncio.Event()
        self.status = 0
        self.vanished = False
        self.remote: Address = ("127.0.0.1", 0)
        self._tag, self._branch, self._to = secrets.token_hex(4), _branch(), ""
        self._cseq = 1
        self._waiting: dict[str, asyncio.Future[int]] = {}
        self._rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rtp.setblocking(False)
        self._rtp.bind(("127.0.0.1", 0))
        self._sequence, self._stamp, self._ssrc = secrets.randbits(16), secrets.randbits(32), secrets.randbits(32)
        callers.calls[self.id] = self

    # Signalling

    def invite(self) -> str:
        port = self._rtp.getsockname()[1]
        return self._request(
            "INVITE",
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0 {EVENT_TYPE}\r\na=rtpmap:{EVENT_TYPE} telephone-event/8000\r\n",
        )

    async def dial(self) -> None:
        """Call until there is a 2xx. Raises `Refused`."""
        status = await self._ask("INVITE", self.invite())
        if status >= 300:
            raise Refused(str(status))

    async def options(self) -> None:
        """Ask whether the server is there, until it says so. Raises `Refused`."""
        self._cseq += 1
        self._branch = _branch()
        await self._ask("OPTIONS", self._request("OPTIONS"))

    async def bye(self) -> None:
        """Hang up. That the server's BYE crosses ours (481) is an end too."""
        self._cseq += 1
        self._branch = _branch()
        with contextlib.suppress(Refused):
            await self._ask("BYE", self._request("BYE"))
        self.ended.set()

    async def cancel(self) -> None:
        """CANCEL; if the call was answered all the same, hang up."""
        with contextlib.suppress(Refused):
            await self._ask("CANCEL", self._request("CANCEL"))
        for _ in range(100):
            if self.status >= 200:
                break
            await asyncio.sleep(0.05)
        if 200 <= self.status < 300:
            await self.bye()

    def vanish(self) -> None:
        """Hear and say nothing more."""
        self.vanished = True

    def close(self) -> None:
        self.callers.calls.pop(self.id, None)
        self._rtp.close()

    def receive(self, text: str) -> None:
        start = text.split("\r\n", 1)[0]
        found = re.search(r"^CSeq: *\d+ +(\w+)", text, re.M | re.I)
        if not found:
            return
        if not start.startswith("SIP/2.0 "):
            if start.startswith("BYE"):
                self.ended.set()
            if not start.startswith("ACK"):
                self._respond(text)
            return
        status, method = int(start.split()[1]), found[1]
        if method == "INVITE" and status >= 200:
            self._final(text, status)
        waiting = self._waiting.get(method)
        if waiting is not None and not waiting.done() and status >= 200:
            waiting.set_result(status)

    def _final(self, text: str, status: int) -> None:
        """A final response of the INVITE, perhaps once more: it wants an ACK each time (17.1.1.3, 13.2.2.4)."""
        self.status = status
        tag = re.search(r"^To:.*;tag=([^;\s>]+)", text, re.M | re.I)
        self._to = tag[1] if tag else ""
        port = re.search(r"^m=audio (\d+)", text, re.M)
        if port:
            self.remote = ("127.0.0.1", int(port[1]))
        self.callers.send(self._request("ACK", new=status < 300))
        if status < 300:
            self.answered.set()

    async def _ask(self, method: str, request: str) -> int:
        """Send until there is a final response. Raises `Refused` where none comes."""
        waiting: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[method] = waiting
        pause = T1
        for _ in range(TRIES):
            if self.vanished:
                break
            self.callers.send(request)
            done, _ = await asyncio.wait((waiting,), timeout=pause)
            if done:
                return waiting.result()
            pause = min(2 * pause, 4.0)
        raise Refused("no answer")

    def _request(self, method: str, body: str = "", *, new: bool = False) -> str:
        cseq = 1 if method in ("INVITE", "ACK", "CANCEL") else self._cseq
        to = f";tag={self._to}" if self._to and method != "CANCEL" else ""
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} sip:bench@127.0.0.1:{self.callers.server[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.callers.port};branch={_branch() if new else self._branch};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{self.number}@127.0.0.1>;tag={self._tag}\r\n"
            f"To: <sip:bench@127.0.0.1>{to}\r\nCall-ID: {self.id}\r\nCSeq: {cseq} {method}\r\n"
            f"Contact: <sip:caller@127.0.0.1:{self.callers.port}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _respond(self, request: str) -> None:
        kept = [
            line
            for line in request.split("\r\n\r\n", 1)[0].split("\r\n")[1:]
            if line.split(":", 1)[0].lower() in ("via", "from", "to", "call-id", "cseq")
        ]
        self.callers.send("\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""]))

    # Media

    async def hears(self) -> None:
        """Wait for a packet of the server's, or the end of the call."""
        loop = asyncio.get_running_loop()
        packet, ended = (asyncio.ensure_future(each) for each in (loop.sock_recv(self._rtp, 2048), self.ended.wait()))
        await asyncio.wait((packet, ended), return_when=asyncio.FIRST_COMPLETED)
        packet.cancel()
        ended.cancel()

    def audio(self, sound: bytes = b"\x75" * 160, *, samples: int = 160) -> None:
        """20 ms of noise, or of what is given; the next is due after so many samples."""
        self._send(0, self._stamp, sound)
        self._stamp += samples

    def arrived(self) -> Iterator[bytes]:
        """The audio of the packets that have come since the last look."""
        with contextlib.suppress(BlockingIOError):
            while True:
                yield self._rtp.recv(2048)[12:]

    async def press(self, digits: str, *, length: float = 0.1) -> None:
        """RFC 4733 digits, `length` seconds each, 60 ms of audio between them."""
        for digit in digits:
            updates = round(length / 0.02)
            for step in range(updates + 3):
                end = 0x8A if step >= updates else 0x0A
                kind = EVENT_TYPE | (0x80 if step == 0 else 0)
                payload = struct.pack("!BBH", EVENTS.index(digit), end, 160 * min(step + 1, updates))
                self._send(kind, self._stamp, payload)
                await asyncio.sleep(0.02)
            self._stamp += 160 * (updates + 3)
            for _ in range(3):
                self.audio()
                await asyncio.sleep(0.02)

    def raw(self, data: bytes) -> None:
        """Anything at all, from this call's RTP port."""
        with contextlib.suppress(OSError):
            self._rtp.sendto(data, self.remote)

    def _send(self, kind: int, stamp: int, payload: bytes) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.raw(struct.pack("!BBHII", 0x80, kind, self._sequence, stamp & 0xFFFFFFFF, self._ssrc) + payload)


def _branch() -> str:
    return "z9hG4bK" + secrets.token_hex(6)
