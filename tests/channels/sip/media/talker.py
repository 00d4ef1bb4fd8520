"""Phones that talk by tones, all at once and in real time, and are asked which tones they hear."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import numpy as np
from numpy.typing import NDArray

from ivr.channels.sip.media.client import Media, Stream
from ivr.channels.sip.media.g711 import CODECS, encode_ulaw
from tests.channels.sip.media.phone import PATIENCE, Events, Phone, Rtp

TONES = (300, 450, 700, 950, 1200, 1450, 1700)
"""Hertz; none is a multiple of another, and each fits a whole number of times into a window."""
WINDOW = 20
"""Frames (0.4 s) that a verdict is made of."""
AMPLITUDE = 6000


def tone_frame(hertz: int, index: int, amplitude: float = AMPLITUDE) -> bytes:
    """20 ms of mu-law of a steady tone."""
    at = np.arange(index * 160, index * 160 + 160)
    return encode_ulaw((amplitude * np.sin(2 * math.pi * hertz * at / 8000)).astype(np.int16))


def strength(samples: NDArray[np.int16], hertz: int) -> float:
    """Amplitude of a tone in samples at 8 kHz (one bin of a Fourier transform)."""
    turn = np.exp(-2j * math.pi * hertz * np.arange(len(samples)) / 8000)
    return float(abs(np.dot(samples.astype(float), turn)) * 2 / max(len(samples), 1))


def tones_in(samples: NDArray[np.int16], least: float = AMPLITUDE / 3) -> set[int]:
    """The `TONES` that are heard clearly, and 0 where one is neither clear nor absent."""
    found = {hertz: strength(samples, hertz) for hertz in TONES}
    unclear = any(least / 8 < level <= least for level in found.values())
    return {hertz for hertz, level in found.items() if level > least} | ({0} if unclear else set())


class Talker(Phone):
    """Sends its tone (or silence, where `hertz` is 0) each 20 ms, and keeps what comes."""

    def __init__(self, stream: Stream, events: Events, hertz: int, codec: str) -> None:
        super().__init__(kind=CODECS[codec].payload_type, ssrc=1000 + hertz)
        self.stream, self.events, self.hertz, self.codec = stream, events, hertz, CODECS[codec]
        self._spoken = 0
        self.talking = True

    def speak(self) -> None:
        if not self.talking:
            return
        frame = tone_frame(self.hertz, self._spoken) if self.hertz else b"\xff" * 160
        self._spoken += 1
        self.send(self.stream, frame if self.codec.from_ulaw is None else frame.translate(self.codec.from_ulaw))

    def take(self) -> None:
        while True:
            try:
                self.packets.append(Rtp.read(self.rtp.recv(4000)))
            except BlockingIOError:
                return

    def last(self, frames: int = WINDOW) -> NDArray[np.int16]:
        audio = [packet for packet in self.packets if packet.kind & 0x7F == self.kind][-frames:]
        coded = b"".join(packet.payload for packet in audio)
        return self.codec.linear[np.frombuffer(coded, np.uint8)]

    def pressed(self) -> list[int]:
        """Keys that came as events: each once, by its first packet."""
        return [packet.payload[0] for packet in self.packets if packet.kind == 0x80 | 101]


class Room:
    """Phones on one media process; `run` lets them talk until a condition holds, by each one's last 0.4 s."""

    def __init__(self, media: Media) -> None:
        self.media = media
        self.phones: list[Talker] = []

    async def enter(self, hertz: int, codec: str = "PCMU", event_type: int | None = 101) -> Talker:
        events = Events()
        stream = await self.media.open(events)
        phone = Talker(stream, events, hertz, codec)
        stream.connect(phone.address, codec=codec, event_type=event_type)  # type: ignore[arg-type]
        self.phones.append(phone)
        return phone

    async def run(self, until: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        due, ends = loop.time(), loop.time() + PATIENCE
        while loop.time() < ends:
            for phone in self.phones:
                phone.speak()
            due += 0.02
            await asyncio.sleep(max(0.0, due - loop.time()))
            for phone in self.phones:
                phone.take()
            if until():
                return
        raise TimeoutError([(phone.hertz, tones_in(phone.last())) for phone in self.phones])

    async def hears(self, *expected: Iterable[int]) -> None:
        """Wait until each phone, in order of entering, hears exactly these tones for a whole window."""
        for phone in self.phones:
            phone.packets.clear()
        wanted = [set(tones) for tones in expected]
        assert len(wanted) == len(self.phones)

        def right() -> bool:
            return all(
                len(phone.last()) >= WINDOW * 160 and tones_in(phone.last()) == tones
                for phone, tones in zip(self.phones, wanted, strict=True)
            )

        await self.run(right)

    async def seconds(self, seconds: float) -> None:
        """Let that much be said."""
        left = round(seconds * 50)

        def done() -> bool:
            nonlocal left
            left -= 1
            return left <= 0

        await self.run(done)


@asynccontextmanager
async def room(media: Media) -> AsyncIterator[Room]:
    here = Room(media)
    try:
        yield here
    finally:
        for phone in here.phones:
            phone.close()
