"""A PBX of a page: a registrar with digest that relays each caller's messages to the registered phone and back."""

from __future__ import annotations

import asyncio
import hashlib
import re

from tests.channels.sip.raw_client import Message

NONCE, REALM = "n0nce", "pbx"


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Pbx(asyncio.DatagramProtocol):
    """`phone` is where the registered Contact points, None until then and after it left."""

    transport: asyncio.DatagramTransport

    def __init__(self, password: str) -> None:
        self.password = password
        self.phone: tuple[str, int] | None = None
        self.registers: list[Message] = []
        self.from_phone: list[Message] = []
        self.loses = 0
        """The phone's next final answer to an INVITE with this status is lost on the way to the caller."""
        self._callers: dict[str, tuple[str, int]] = {}

    @classmethod
    async def open(cls, password: str = "secret") -> Pbx:
        loop = asyncio.get_running_loop()
        _, pbx = await loop.create_datagram_endpoint(lambda: cls(password), local_addr=("127.0.0.1", 0))
        return pbx

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.address: tuple[str, int] = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = Message(data)
        if message.method == "REGISTER":
            self.registers.append(message)
            self.transport.sendto(self._registered(message), addr)
        elif addr == self.phone:
            self.from_phone.append(message)
            if message.status == self.loses and message.cseq_method == "INVITE":
                self.loses = 0
            else:
                self.transport.sendto(data, self._callers[message["call-id"]])
        else:
            self._callers[message["call-id"] or message["i"]] = addr
            if self.phone:
                self.transport.sendto(data, self.phone)

    def _registered(self, message: Message) -> bytes:
        given = dict(re.findall(r'(\w+)="?([^",]+)', message["authorization"]))
        if not given:
            return self._answer(
                message, "401 Unauthorized", f'WWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}"'
            )
        secret = md5(f"{given['username']}:{REALM}:{self.password}")
        if given["response"] != md5(f"{secret}:{NONCE}:{md5('REGISTER:' + given['uri'])}"):
            return self._answer(message, "403 Forbidden")
        contact = re.search(r"<sip:[^@]+@([^:;>]+):(\d+)", message["contact"])
        assert contact
        self.phone = (contact[1], int(contact[2])) if message["expires"] != "0" else None
        return self._answer(message, "200 OK", "Expires: 120")

    def _answer(self, message: Message, status: str, *extra: str) -> bytes:
        lines = [f"SIP/2.0 {status}", *(f"{name}: {message[name]}" for name in ("Via", "From", "Call-ID", "CSeq"))]
        lines += [f"To: {message['to']};tag=registrar", *extra, "Content-Length: 0"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()
