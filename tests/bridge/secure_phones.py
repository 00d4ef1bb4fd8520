"""A telephone for conversations whose sound is SRTP, with keys in its SDP."""

from __future__ import annotations

import base64
import re
import secrets
import socket
from typing import Any

from pylibsrtp import Policy, Session

from tests.bridge.phones import TonePhone
from tests.channels.sip.media.secure_phone import context
from tests.channels.sip.raw_client import Message, RawClient

SUITE = "AES_CM_128_HMAC_SHA1_80"


class _Sealed:
    """Its socket. What is not authentic raises pylibsrtp's Error."""

    def __init__(self, sock: socket.socket, out: Session) -> None:
        self._sock, self._out = sock, out
        self.into: Session | None = None

    def sendto(self, data: bytes, address: tuple[str, int]) -> int:
        return self._sock.sendto(self._out.protect(data), address)

    def recv(self, size: int) -> bytes:
        data = self._sock.recv(size)
        assert self.into is not None
        return self.into.unprotect(data)

    def close(self) -> None:
        self._sock.close()


class SecureTonePhone(TonePhone):
    """Offers RTP/SAVP; answers an offer that has keys, in its profile."""

    def __init__(self, client: RawClient, hertz: int) -> None:
        super().__init__(client, hertz)
        self.key = secrets.token_bytes(30)
        self._sealed = _Sealed(self.rtp.rtp, context(SUITE, self.key, Policy.SSRC_ANY_OUTBOUND))
        self.rtp.rtp = self._sealed  # type: ignore[assignment]
        self._plain = client.sdp
        client.sdp = self._sdp  # type: ignore[method-assign]

    def _sdp(self, *arguments: Any, **options: Any) -> str:
        offer = self._invite.body if self._invite is not None else ""
        tag = re.search(rf"a=crypto:(\d+) {SUITE} ", offer)
        profile = re.search(r"m=audio \d+ (\S+)", offer)
        line = f"a=crypto:{tag[1] if tag else 1} {SUITE} inline:{base64.b64encode(self.key).decode()}\r\n"
        body = self._plain(*arguments, **options | {"extra": line})
        return body.replace("RTP/AVP", profile[1] if profile else "RTP/SAVP")

    def _talk_to(self, message: Message) -> None:
        theirs = re.search(rf"a=crypto:\d+ {SUITE} inline:(\S+)", message.body)
        assert theirs, message.body
        self._sealed.into = context(SUITE, base64.b64decode(theirs[1]), Policy.SSRC_ANY_INBOUND)
        super()._talk_to(message)
