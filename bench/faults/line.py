"""The telephone company: agents' telephones, which it rings by `sip:NAME@`, and customers', who are called back by
their number. It is the registrar of SIP_REGISTER, and takes what comes in over one UDP socket."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol, cast

FRAME = 160
Address = tuple[str, int]
TICK = 0.1
"""Seconds between two frames that somebody on the line says: enough to be known, and cheap."""
SAMPLES = round(8000 * TICK)
SILENCE = 6.0
"""Without a packet for so long, whoever is on the line takes the call for dead."""


class Line(Protocol):
    """One end of a call, as it is used while both talk."""

    ended: asyncio.Event

    def audio(self, sound: bytes, *, samples: int) -> None: ...

    def arrived(self) -> Iterator[bytes]: ...

    async def bye(self) -> None: ...


class Leg:
    """A call that came in. `ended` is set by the other side's BYE or CANCEL, or after ours."""

    def __init__(self, company: Company, invite: str, address: Address) -> None:
        self.company, self._invite, self._address = company, invite, address
        self.id = field(invite, "Call-ID")
        self.caller = _user(field(invite, "From"))
        self.ended, self.acked = asyncio.Event(), asyncio.Event()
        self._tag, self._answer = secrets.token_hex(4), ""
        self._over = asyncio.Event()
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.bind(("127.0.0.1", 0))
        self._remote = media_of(invite)
        self._sequence, self._stamp, self._ssrc = secrets.randbits(16), secrets.randbits(32), secrets.randbits(32)

    def ring(self) -> None:
        self._reply(180, "Ringing")

    def answer(self) -> None:
        port = self._sock.getsockname()[1]
        sdp = (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
        self._reply(200, "OK", sdp)

    def refuse(self, status: int, reason: str) -> None:
        self._reply(status, reason)
        self.close()

    def again(self) -> None:
        """The INVITE came once more."""
        if self._answer:
            self.company.send(self._answer, self._address)

    def take(self, request: str, method: str, address: Address) -> None:
        if method == "ACK":
            self.acked.set()
        elif method == "CANCEL":
            self.company.reply(request, 200, "OK", address)
            if not self._answer.startswith("SIP/2.0 200"):
                self._reply(487, "Request Terminated")
                self.close()
        elif method == "INVITE":  # hold and the like
            self._remote = media_of(request) or self._remote
            body = self._answer.partition("\r\n\r\n")[2]
            self.company.reply(request, 200, "OK", address, body=body, contact=True)
        else:
            self.company.reply(request, 200, "OK", address)
            if method == "BYE":
                self.close()

    async def bye(self) -> None:
        """Hang up; again until there is an answer, and not for ever: the other side may be dead."""
        if self.ended.is_set():
            return
        contact = re.search(r"^Contact:.*?(sip:[^>;\s]+)", self._invite, re.M | re.I)
        to, sender = field(self._invite, "To"), field(self._invite, "From")
        request = (
            f"BYE {contact[1] if contact else 'sip:us@127.0.0.1'} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.company.port};branch=z9hG4bK{secrets.token_hex(6)};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: {to};tag={self._tag}\r\nTo: {sender}\r\nCall-ID: {self.id}\r\n"
            "CSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n"
        )
        for _ in range(5):
            self.company.send(request, self._address)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), 1.0)
                break
        self.close()

    def answered_bye(self) -> None:
        self._over.set()

    def close(self) -> None:
        self.company.legs.pop(self.id, None)
        self.company.done[self.id] = self._answer
        self.ended.set()
        self._sock.close()

    def audio(self, sound: bytes, *, samples: int) -> None:
        if self._remote is None or self.ended.is_set():
            return
        self._sequence, self._stamp = (self._sequence + 1) & 0xFFFF, (self._stamp + samples) & 0xFFFFFFFF
        head = struct.pack("!BBHII", 0x80, 0, self._sequence, self._stamp, self._ssrc)
        with contextlib.suppress(OSError):
            self._sock.sendto(head + sound, self._remote)

    def press(self, digit: int) -> None:
        """RFC 4733: an event of 100 ms, its end three times."""
        self.audio(bytes(FRAME), samples=SAMPLES)
        head = struct.pack("!BBHII", 0x80, 101, 0, self._stamp, self._ssrc)
        for end, length in ((0, 160), (0, 480), (0x80, 800), (0x80, 800), (0x80, 800)):
            self._sequence = (self._sequence + 1) & 0xFFFF
            event = (
                head[:2] + struct.pack("!H", self._sequence) + head[4:] + struct.pack("!BBH", digit, end | 10, length)
            )
            if self._remote is not None and not self.ended.is_set():
                with contextlib.suppress(OSError):
                    self._sock.sendto(event, self._remote)

    def arrived(self) -> Iterator[bytes]:
        with contextlib.suppress(OSError):
            while not self.ended.is_set():
                yield self._sock.recv(2048)[12:]

    def _reply(self, status: int, reason: str, body: str = "") -> None:
        self._answer = self.company.reply(
            self._invite, status, reason, self._address, tag=self._tag, body=body, contact=True
        )


class Company(asyncio.DatagramProtocol):
    """`ring` is given each call with the name or number that it is for."""

    def __init__(self, ring: Callable[[str, Leg], Awaitable[None]]) -> None:
        self._ring = ring
        self.legs: dict[str, Leg] = {}
        self.done: dict[str, str] = {}
        self.registered = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, ring: Callable[[str, Leg], Awaitable[None]]) -> Company:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        return (await loop.create_datagram_endpoint(lambda: cls(ring), sock=sock))[1]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port: int = transport.get_extra_info("sockname")[1]

    def error_received(self, exc: Exception) -> None:
        """The other end was killed."""

    def send(self, text: str, address: Address) -> None:
        self._transport.sendto(text.encode(), address)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        text = data.decode("utf-8", "replace")
        start = text.partition("\r\n")[0]
        id = field(text, "Call-ID")
        if not id:
            return  # an empty datagram keeps the way open
        leg = self.legs.get(id)
        if start.startswith("SIP/2.0 "):
            if leg is not None and "BYE" in field(text, "CSeq"):
                leg.answered_bye()
            return
        method = start.split()[0]
        if method == "REGISTER":
            self.registered += 1
            self.reply(text, 200, "OK", addr, extra=f"Contact: {field(text, 'Contact')};expires=3600\r\n")
        elif method == "INVITE" and ";tag=" not in field(text, "To"):
            self._invited(text, start, id, addr)
        elif leg is not None:
            leg.take(text, method, addr)
        elif method == "CANCEL" or method == "BYE" or method == "OPTIONS":
            self.reply(text, 481 if method != "OPTIONS" else 200, "No such call", addr)

    def _invited(self, text: str, start: str, id: str, addr: Address) -> None:
        if id in self.legs:
            self.legs[id].again()
        elif id in self.done:
            self.send(self.done[id], addr)
        else:
            leg = self.legs[id] = Leg(self, text, addr)
            task = asyncio.create_task(self._take(_user(start), leg))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _take(self, name: str, leg: Leg) -> None:
        await self._ring(name, leg)

    def reply(
        self, request: str, status: int, reason: str, address: Address, *, tag: str = "x", body: str = "",
        contact: bool = False, extra: str = "",
    ) -> str:  # fmt: skip
        lines = [f"SIP/2.0 {status} {reason}"]
        for line in request.split("\r\n\r\n", 1)[0].split("\r\n")[1:]:
            name = line.partition(":")[0].lower()
            if name in ("via", "from", "call-id", "cseq", "record-route"):
                lines.append(line)
            elif name == "to":
                lines.append(line if ";tag=" in line else f"{line};tag={tag}")
        if contact:
            lines.append(f"Contact: <sip:phone@127.0.0.1:{self.port}>")
        if body:
            lines.append("Content-Type: application/sdp")
        text = "\r\n".join(lines) + f"\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}"
        self.send(text, address)
        return text

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for leg in list(self.legs.values()):
            leg.close()
        self._transport.close()


def field(message: str, name: str) -> str:
    found = re.search(rf"^{name}[ \t]*:[ \t]*([^\r\n]*)", message, re.M | re.I)
    return found[1] if found else ""


def media_of(message: str) -> Address | None:
    found = re.search(r"^m=audio (\d+)", message, re.M)
    return ("127.0.0.1", int(found[1])) if found else None


def _user(text: str) -> str:
    found = re.search(r"sip:([^@>;\s]+)@", text)
    return found[1] if found else ""
