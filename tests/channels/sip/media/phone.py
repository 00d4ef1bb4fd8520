"""A phone's media in a test: a UDP socket pair that sends what it is told and keeps what comes."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, Self, TypeVar

from ivr.channels.leg import LegEvent
from ivr.channels.sip.media.client import Media, Stream

PATIENCE = 20.0
"""Seconds after which a test that waits has failed; nothing is measured by it."""

Kind = TypeVar("Kind", bound=LegEvent)


class Rtp(NamedTuple):
    flags: int
    kind: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    @classmethod
    def read(cls, data: bytes) -> Rtp:
        flags, kind, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", data)
        return cls(flags, kind, sequence, timestamp, ssrc, data[12:])


class Phone:
    """Sends RTP from an address of its own; `packets` is what has come to it, in order."""

    def __init__(self, *, host: str = "127.0.0.1", kind: int = 0, ssrc: int = 4711) -> None:
        for _ in range(100):
            self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.rtp.bind((host, 0))
            self.rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self.rtcp.bind((host, self.rtp.getsockname()[1] + 1))
                break
            except (OSError, OverflowError):
                self.close()
        for sock in (self.rtp, self.rtcp):
            sock.setblocking(False)
        self.address: tuple[str, int] = self.rtp.getsockname()
        self.kind, self.ssrc = kind, ssrc
        self.sequence, self.timestamp = 65530, 0xFFFFF000
        self.packets: list[Rtp] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()

    def raw(self, stream: Stream, data: bytes) -> None:
        self.rtp.sendto(data, ("127.0.0.1", stream.port))

    def send(self, stream: Stream, payload: bytes, *, kind: int | None = None, timestamp: int | None = None) -> None:
        self.sequence = (self.sequence + 1) & 0xFFFF
        if timestamp is None:
            self.timestamp = (self.timestamp + 160) & 0xFFFFFFFF
            timestamp = self.timestamp
        kind = self.kind if kind is None else kind
        self.raw(stream, struct.pack("!BBHII", 0x80, kind, self.sequence, timestamp, self.ssrc) + payload)

    async def talk(self, stream: Stream, audio: bytes) -> None:
        """Send audio frame by frame, faster than in life but never more than the kernel's buffer holds."""
        for start in range(0, len(audio), 160):
            self.send(stream, audio[start : start + 160])
            await asyncio.sleep(0.004)

    def press(self, stream: Stream, event: int, *, kind: int = 101) -> None:
        self.timestamp = start = (self.timestamp + 1600) & 0xFFFFFFFF
        for duration in (160, 320, 480, 480):
            self.send(stream, struct.pack("!BBH", event, 10, duration), kind=kind, timestamp=start)

    async def hear(self, enough: Callable[[list[Rtp]], bool]) -> list[Rtp]:
        """Receive until `enough`; all packets so far."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            while not enough(self.packets):
                self.packets.append(Rtp.read(await loop.sock_recv(self.rtp, 4000)))
        return self.packets


class Events:
    """An `on_event` that can be waited on."""

    def __init__(self) -> None:
        self.seen: list[LegEvent] = []
        self._changed = asyncio.Event()

    def __call__(self, event: LegEvent) -> None:
        self.seen.append(event)
        self._changed.set()

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.seen if isinstance(event, kind)]

    async def until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not enough():
                self._changed.clear()
                await self._changed.wait()

    async def next(self, kind: type[Kind], count: int = 1) -> Kind:
        """The event of this kind with this number."""
        await self.until(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    def digits(self) -> str:
        return "".join(getattr(event, "digit", "") for event in self.seen)


@asynccontextmanager
async def media_process(**how: object) -> AsyncIterator[Media]:
    """A media process for one test; it must end in an orderly way."""
    media = await Media.start(**how)  # type: ignore[arg-type]
    try:
        yield media
    finally:
        await media.close()
