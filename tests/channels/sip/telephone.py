"""A telephone that registers by hand, as right or wrong as a test wants it."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from tests.channels.sip.raw_client import Message, RawClient


def h(text: str, algorithm: str = "SHA-256") -> str:
    return hashlib.new("md5" if algorithm == "MD5" else "sha256", text.encode()).hexdigest()


class Telephone:
    """A raw client as one user's telephone; every REGISTER has a CSeq of its own."""

    def __init__(self, client: RawClient, user: str = "ann", password: str = "secret") -> None:
        self.client, self.user, self.password = client, user, password
        self.challenge: Message | None = None
        self.count = 0

    def authorization(self, *, algorithm: str = "MD5", user: str = "", nonce: str = "", count: int = 0) -> str:
        assert self.challenge is not None
        value = next(v for v in self.challenge.all("www-authenticate") if f"algorithm={algorithm}" in v)
        got = dict(re.findall(r'(\w+)="([^"]+)"', value))
        user, nonce, uri = user or self.user, nonce or got["nonce"], "sip:127.0.0.1"
        self.count += 1
        nc = f"{count or self.count:08x}"
        secret = h(f"{user}:{got['realm']}:{self.password}", algorithm)
        response = h(f"{secret}:{nonce}:{nc}:c0:auth:{h(f'REGISTER:{uri}', algorithm)}", algorithm)
        return (
            f'Authorization: Digest username="{user}", realm="{got["realm"]}", nonce="{nonce}", uri="{uri}", '
            f'algorithm={algorithm}, qop=auth, nc={nc}, cnonce="c0", response="{response}"'
        )

    async def send(self, extra: str = "", *, contact: str | None = "", **how: Any) -> Message:
        """REGISTER; `contact` None for none."""
        client = self.client
        client.called = how.pop("of", "") or self.user
        contact = f"<sip:{self.user}@127.0.0.1:{client.port}>" if contact == "" else contact
        lines = extra + (f"\nContact: {contact}" if contact else "")
        client.cseq += 1
        data = client.request("REGISTER", extra=lines, uri="sip:127.0.0.1", to_tag="", drop=(), **how)
        standing = f"Contact: <sip:caller@127.0.0.1:{client.port}>\r\n".encode()
        client.send(data.replace(standing, b""))
        return await client.final("REGISTER")

    async def register(self, *, expires: int = 300, contact: str | None = "", algorithm: str = "MD5") -> Message:
        if self.challenge is None:
            self.challenge = await self.send()
            assert self.challenge.status == 401
        extra = f"Expires: {expires}\n{self.authorization(algorithm=algorithm)}"
        return await self.send(extra, contact=contact)
