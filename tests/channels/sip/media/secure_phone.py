"""A phone whose packets are SRTP: what it sends is protected, what it is sent has to be authentic."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Any

from pylibsrtp import Policy, Session

from ivr import metrics
from ivr.channels.leg import Clip
from ivr.channels.sip.crypto import SUITES, Keys
from ivr.channels.sip.media.client import Media, Stream
from tests.channels.sip.media.phone import PATIENCE, Phone, Rtp

HEARD, SPOKEN = bytes([0x31]) * 160, bytes([0x52]) * 160
LOOP = Clip("loop", HEARD * 10)
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


async def connect(stream: Stream, phone: Phone, keys: Keys | None, **options: Any) -> None:
    """And wait until it has been done."""
    stream.connect(phone.address, codec="PCMU", event_type=101, keys=keys, **options)
    await stream._media.stats()


async def hears_loop(phone: SecurePhone, count: int = 5) -> None:
    have = len(phone.packets)
    await phone.hear(lambda packets: sum(p.payload == HEARD for p in packets[have:]) >= count)


def drain(phone: Phone) -> None:
    """Forget what has come by now."""
    with contextlib.suppress(BlockingIOError):
        while True:
            phone.rtp.recv(4000)


class Listener:
    """What a stream takes, frame by frame."""

    def __init__(self, stream: Stream) -> None:
        self.heard = bytearray()
        stream.listen(self.heard.extend)

    async def until(self, stream: Stream, phone: SecurePhone, frame: bytes, count: int = 3) -> None:
        """Let the phone say this frame until it is heard so many times."""
        del self.heard[:]
        async with asyncio.timeout(PATIENCE):
            while self.heard.count(frame) < count:
                phone.send(stream, frame)
                await asyncio.sleep(0.01)


def dropped(why: str) -> float:
    return float(metrics.SRTP_DROPPED.labels(why)._value.get())


async def drops(media: Media, why: str, before: float, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while dropped(why) < before + count:  # noqa: ASYNC110 - the process tells it once a second
            await asyncio.sleep(0.02)
