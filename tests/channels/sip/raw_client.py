"""A SIP peer that sends exactly what a test tells it to, over UDP, and keeps all that comes back.

It has no transactions, no retransmissions and no opinions: lost, repeated and crossing messages are the test's to make.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable

SDP_TYPES = {0: "PCMU/8000", 8: "PCMA/8000", 18: "G729/8000", 3: "GSM/8000"}


class Message:
    """A received message; `status` is 0 for a request."""

    def __init__(self, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        self.raw = data
        self.start, *lines = head.decode().split("\r\n")
        self.body = body.decode()
        self.fields = [(name.strip().lower(), value.strip()) for name, _, value in (li.partition(":") for li in lines)]
        found = re.match(r"SIP/2\.0 (\d{3})", self.start)
        self.status = int(found[1]) if found else 0
        self.method = "" if self.status else self.start.split()[0]
        self.cseq, self.cseq_method = self["cseq"].split()

    def __getitem__(self, name: str) -> str:
        return next((value for key, value in self.fields if key == name.lower()), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name.lower()]

    def tag(self, name: str) -> str:
        found = re.search(r";tag=([^;>\s]+)", self[name])
        return found[1] if found else ""

    def __repr__(self) -> str:
        return f"<{self.start} / {self['cseq']}>"


class RawClient(asyncio.DatagramProtocol):
    """One UDP socket and one call's worth of identifiers; `renew()` starts another call."""

    transport: asyncio.DatagramTransport

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self.log: list[Message] = []
        self._queue: asyncio.Queue[Message] = asyncio.Queue()
        self.rtp_port = 40_000
        self.caller, self.called = "+15550100", "ivr"
        self.renew()

    @classmethod
    async def open(cls, server: tuple[str, int]) -> RawClient:
        loop = asyncio.get_running_loop()
        _, client = await loop.create_datagram_endpoint(lambda: cls(server), local_addr=("127.0.0.1", 0))
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.host, self.port = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = Message(data)
        self.log.append(message)
        self._queue.put_nowait(message)

    def error_received(self, exc: Exception) -> None:
        pass

    def close(self) -> None:
        self.transport.close()

    def renew(self) -> None:
        self.call_id = secrets.token_hex(8)
        self.tag = secrets.token_hex(4)
        self.to_tag = ""
        self.cseq = 1
        self.branch = ""
        self.target = ""

    # Making messages

    def sdp(
        self, types: str = "0 101", direction: str = "sendrecv", *, extra: str = "", host: str = "127.0.0.1"
    ) -> str:
        maps = "".join(
            f"a=rtpmap:{kind} {SDP_TYPES.get(int(kind), 'telephone-event/8000')}\r\n" for kind in types.split()
        )
        return (
            f"v=0\r\no=- 7 {self.cseq} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {self.rtp_port} RTP/AVP {types}\r\n{maps}a=ptime:20\r\na={direction}\r\n{extra}"
        )

    def request(
        self,
        method: str,
        body: str = "",
        *,
        kind: str = "application/sdp",
        branch: str = "",
        cseq: int = 0,
        extra: str = "",
        uri: str = "",
        to_tag: str | None = None,
        via: str = "",
        drop: tuple[str, ...] = (),
    ) -> bytes:
        branch = branch or "z9hG4bK" + secrets.token_hex(6)
        tag = self.to_tag if to_tag is None else to_tag
        lines = [
            f"{method} {uri or self.target or f'sip:{self.called}@127.0.0.1:{self.server[1]}'} SIP/2.0",
            f"Via: {via or f'SIP/2.0/UDP 127.0.0.1:{self.port};branch={branch};rport'}",
            "Max-Forwards: 70",
            f'From: "A caller" <sip:{self.caller}@127.0.0.1:{self.port}>;tag={self.tag}',
            f"To: <sip:{self.called}@127.0.0.1>{f';tag={tag}' if tag else ''}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq or self.cseq} {method}",
            f"Contact: <sip:caller@127.0.0.1:{self.port}>",
            *extra.splitlines(),
            *([f"Content-Type: {kind}"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        lines = [line for line in lines if line.partition(":")[0].lower() not in drop]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def invite(self, body: str | None = None, **options: object) -> bytes:
        """An INVITE with a new branch, which `ack` and `cancel` will use."""
        self.branch = "z9hG4bK" + secrets.token_hex(6)
        return self.request("INVITE", self.sdp() if body is None else body, branch=self.branch, **options)  # type: ignore[arg-type]

    def cancel(self) -> bytes:
        return self.request("CANCEL", branch=self.branch, to_tag="")

    def response(self, request: Message, status: int, reason: str = "X", body: str = "", extra: str = "") -> bytes:
        to = request["to"] + ("" if ";tag=" in request["to"] else f";tag={self.tag}")
        lines = [
            f"SIP/2.0 {status} {reason}",
            *(f"Via: {via}" for via in request.all("via")),
            f"From: {request['from']}",
            f"To: {to}",
            f"Call-ID: {request['call-id']}",
            f"CSeq: {request['cseq']}",
            f"Contact: <sip:callee@127.0.0.1:{self.port}>",
            *extra.splitlines(),
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    # Talking

    def send(self, data: bytes) -> None:
        self.transport.sendto(data, self.server)

    def answer(self, request: Message, status: int, reason: str = "X", body: str = "", extra: str = "") -> None:
        self.send(self.response(request, status, reason, body, extra))

    async def next(self, seconds: float = 20.0) -> Message:
        """The next message. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            return await self._queue.get()

    async def until(self, wanted: Callable[[Message], bool], seconds: float = 20.0) -> Message:
        """The next message that is wanted; the others stay in `log`. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while True:
                message = await self._queue.get()
                if wanted(message):
                    return message

    async def final(self, method: str, seconds: float = 20.0) -> Message:
        return await self.until(lambda m: m.status >= 200 and m.cseq_method == method, seconds)

    async def asked(self, method: str, seconds: float = 20.0) -> Message:
        """The next request of this method."""
        return await self.until(lambda m: m.method == method, seconds)

    async def ask(self, method: str, body: str = "", **options: object) -> Message:
        """Send a request of the next CSeq and take its final response."""
        self.cseq += 1
        cseq = options.setdefault("cseq", self.cseq)  # an earlier answer may come again
        self.send(self.request(method, body, **options))  # type: ignore[arg-type]
        return await self.until(lambda m: m.status >= 200 and (m.cseq_method, int(m.cseq)) == (method, cseq))

    def took(self, answer: Message) -> None:
        """Learn the dialog from a 2xx."""
        self.to_tag = answer.tag("to")
        contact = re.search(r"<([^>]+)>", answer["contact"])
        self.target = contact[1] if contact else ""

    def ack(self, answer: Message, body: str = "") -> None:
        if answer.status >= 300:
            self.send(self.request("ACK", branch=self.branch, to_tag=answer.tag("to"), cseq=int(answer.cseq)))
        else:
            self.send(self.request("ACK", body, cseq=int(answer.cseq)))

    async def call(self, body: str | None = None, **options: object) -> Message:
        """INVITE, final response, ACK."""
        self.send(self.invite(body, **options))
        answer = await self.final("INVITE")
        if answer.status < 300:
            self.took(answer)
        self.ack(answer)
        return answer

    async def bye(self) -> Message:
        return await self.ask("BYE")
