"""RTP in the gateway's own process: what `ivr.channels.sip` asks of a media process, for one telephone.

It plays nothing and records nothing: frames come from the browser and go to it. Every 20 ms a packet leaves, with
silence where the browser gave nothing, so that a page that reconnects doesn't look like a dead telephone.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ivr.channels.leg import FRAME_BYTES, Clip, LegEvent
from ivr.channels.sip.media.g711 import CODECS, PCMU, Codec
from ivr.channels.sip.media.rtp import FRAME, MARKER, TIMESTAMP_MASK, VERSION, parse

FRAME_SECONDS = 0.02
WAITING = 6
"""Frames (120 ms) that wait in either direction; beyond that the oldest go."""
FILLING = 2
"""Frames that are gathered before the first is given on: 40 ms of jitter are evened out."""
CATCH_UP = 0.2
"""Seconds of lateness beyond which packets are left out rather than sent in a burst."""


class Frames:
    """A small queue of 20 ms frames of mu-law that evens out jitter."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque(maxlen=WAITING)
        self._filling = True

    def put(self, frame: bytes) -> None:
        self._waiting.append(frame)

    def take(self) -> bytes | None:
        """The next frame; `None` where nothing is there yet."""
        if not self._waiting or (self._filling and len(self._waiting) < FILLING):
            self._filling = True
            return None
        self._filling = False
        return self._waiting.popleft()


class RelayStream(asyncio.DatagramProtocol):
    """A stream as `SipLeg` uses it. `from_browser` is filled by the peer, which also takes from `to_browser`."""

    def __init__(self, on_closed: Callable[[RelayStream], None]) -> None:
        self.ended = asyncio.Event()
        self.on_quiet: Callable[[], None] = lambda: None
        self.from_browser, self.to_browser = Frames(), Frames()
        self.port = 0
        self._on_closed = on_closed
        self._transport: asyncio.DatagramTransport | None = None
        self._remote: tuple[str, int] | None = None
        self._codec: Codec = PCMU
        self._sending = self._receiving = False
        self._ticking: asyncio.Task[None] | None = None

    async def open(self, host: str) -> RelayStream:
        """Bind a port. Raises OSError."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, 0))
        self._transport, self.port = transport, transport.get_extra_info("sockname")[1]
        self._ticking = loop.create_task(self._tick())
        return self

    def connect(
        self, remote: tuple[str, int], *, codec: str, send: bool = True, receive: bool = True, **_: Any
    ) -> None:
        """Take what offer and answer agreed on. Our own engine is at the other end: packets come from `remote`."""
        self._remote, self._codec = remote, CODECS[codec]
        self._sending, self._receiving = send, receive

    def close(self) -> None:
        if self.ended.is_set():
            return
        if self._ticking is not None:
            self._ticking.cancel()
        if self._transport is not None:
            self._transport.close()
        self.ended.set()
        self._on_closed(self)

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        sequence, clock, ssrc = secrets.randbits(15), secrets.randbits(32), secrets.randbits(32)
        kind, due = PCMU.payload_type | MARKER, loop.time()
        while True:
            due += FRAME_SECONDS
            late = loop.time() - due
            if late > CATCH_UP:
                skipped = int(late / FRAME_SECONDS)
                due += skipped * FRAME_SECONDS
                clock += skipped * FRAME_BYTES
            elif late < 0:
                await asyncio.sleep(-late)
            frame = self.from_browser.take() or PCMU.silent_frame
            clock += FRAME_BYTES
            if self._remote is None or not self._sending or self._transport is None:
                continue
            table = self._codec.from_ulaw
            payload = frame if table is None else frame.translate(table)
            sequence += 1
            mark, kind = kind & MARKER, self._codec.payload_type
            self._transport.sendto(
                FRAME.pack(VERSION, kind | mark, sequence & 0xFFFF, clock & TIMESTAMP_MASK, ssrc, payload), self._remote
            )

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if self._remote is None or addr[0] != self._remote[0] or not self._receiving:
            return
        packet = parse(data, len(data))
        if packet is None or packet.payload_type != self._codec.payload_type:
            return
        payload = data[packet.start : packet.end]
        table = self._codec.to_ulaw
        audio = payload if table is None else payload.translate(table)
        for start in range(0, len(audio) - FRAME_BYTES + 1, FRAME_BYTES):
            self.to_browser.put(audio[start : start + FRAME_BYTES])

    # What a telephone doesn't do

    def play(self, clips: Sequence[Clip], *, loop: bool = False) -> int:
        return 0

    def stop(self) -> None:
        return

    def record(self, path: str | Path, **_: Any) -> None:
        return

    def record_both(self, path: str | Path, **_: Any) -> None:
        return

    def stop_recording(self) -> None:
        return

    def pause_recording(self, paused: bool) -> None:
        return

    def digit(self, digit: str) -> None:
        return

    def send_digits(self, digits: str) -> None:
        return

    def listen(self, on_frames: Callable[[bytes], None] | None) -> None:
        return

    def hear(self, talkers: Iterable[Any], *, digits: bool = True) -> None:
        return


class RelayMedia:
    """Stands where `SipEndpoint` has its media process."""

    def __init__(self, host: str) -> None:
        self.died = asyncio.Event()  # never: it is this process
        self._host = host
        self._streams: set[RelayStream] = set()

    async def open(self, on_event: Callable[[LegEvent], None]) -> RelayStream:
        """Raises OSError."""
        stream = await RelayStream(self._streams.discard).open(self._host)
        self._streams.add(stream)
        return stream

    async def close(self) -> None:
        for stream in list(self._streams):
            stream.close()
