"""A phone whose packets are SRTP: what it sends is protected, what it is sent has to be authentic."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from pylibsrtp import Policy, Session

from ivr.channels.sip.crypto import SUITES, Keys
from ivr.channels.sip.media.client import Stream
from tests.channels.sip.media.phone import PATIENCE, Phone, Rtp

PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
}


def new_keys(suite: str = "AES_CM_128_HMAC_SHA1_80") -> Keys:
    """As our side has them: `theirs` is what the phone sends with."""
    return Keys(suite, secrets.token_bytes(SUITES[suite]), secrets.token_bytes(SUITES[suite]))


def context(suite: str, key: bytes, kind: int) -> Session:
    return Session(Policy(key=key, ssrc_type=kind, srtp_profile=PROFILES[suite]))


class SecurePhone(Phone):
    """`sent` is what went over the wire, in order."""

    def __init__(self, keys: Keys, *, kind: int = 0, ssrc: int = 4711) -> None:
        super().__init__(kind=kind, ssrc=ssrc)
        self.sent: list[bytes] = []
        self.use(keys)

    def use(self, keys: Keys) -> None:
        self.out = context(keys.suite, keys.theirs, Policy.SSRC_ANY_OUTBOUND)
        self.into = context(keys.suite, keys.ours, Policy.SSRC_ANY_INBOUND)

    def raw(self, stream: Stream, data: bytes) -> None:
        self.sent.append(self.out.protect(data))
        self.wire(stream, self.sent[-1])

    def wire(self, stream: Stream, data: bytes) -> None:
        """Just these bytes."""
        super().raw(stream, data)

    async def hear(self, enough: Callable[[list[Rtp]], bool]) -> list[Rtp]:
        """Raises pylibsrtp's Error for what isn't authentic."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            while not enough(self.packets):
                data = await loop.sock_recv(self.rtp, 4000)
                self.packets.append(Rtp.read(self.into.unprotect(data)))
        return self.packets
