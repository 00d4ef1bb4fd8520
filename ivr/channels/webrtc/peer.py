"""One page's WebRTC connection: frames of mu-law in and out (RFC 7874 has every browser speak G.711)."""

from __future__ import annotations

import asyncio
import contextlib
import fractions
from collections.abc import Callable

import numpy as np
import structlog
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from ivr.channels.leg import FRAME_BYTES
from ivr.channels.sip.media.g711 import ULAW_LINEAR, encode_ulaw
from ivr.channels.webrtc.guard import guard
from ivr.channels.webrtc.relay import FRAME_SECONDS, Frames

log = structlog.get_logger("callwright.phone")

RATE = 8000
SILENCE = np.zeros(FRAME_BYTES, np.int16)


class Ears(MediaStreamTrack):
    """What the browser hears: a track that takes a frame every 20 ms from `source`, silence where there is none."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.source: Frames | None = None
        self._pts = 0
        self._due: float | None = None

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._due = loop.time() if self._due is None else self._due + FRAME_SECONDS
        await asyncio.sleep(max(0.0, self._due - loop.time()))
        if loop.time() - self._due > 0.2:
            self._due = loop.time()
        taken = self.source.take() if self.source is not None else None
        samples = SILENCE if taken is None else ULAW_LINEAR[np.frombuffer(taken, np.uint8)]
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME_BYTES)
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate = RATE
        frame.pts, frame.time_base = self._pts, fractions.Fraction(1, RATE)
        self._pts += FRAME_BYTES
        return frame


class Peer:
    """`on_state` is called with `connected`, `lost` (it may come back) or `closed`."""

    def __init__(self, page: str, ice_servers: list[RTCIceServer], on_state: Callable[[Peer, str], None]) -> None:
        self.page = page
        self.connected = False
        self.source: Frames | None = None
        """Where to put what the browser says; `None` while there is no call."""
        self._ears = Ears()
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=ice_servers))
        self._on_state = on_state
        self._reading: asyncio.Task[None] | None = None
        self._connection.on("connectionstatechange", self._changed)
        self._connection.on("track", self._track)

    async def answer(self, offer: str) -> str:
        """The answer to a page's offer, all candidates in it. Raises ValueError for an offer without usable audio."""
        try:
            codecs = RTCRtpSender.getCapabilities("audio").codecs
            mine = self._connection.addTransceiver(self._ears)
            mine.setCodecPreferences([codec for codec in codecs if codec.mimeType == "audio/PCMU"])
            await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            if [one.kind for one in self._connection.getTransceivers()] != ["audio"] or not mine.mid:
                raise ValueError("one audio track is expected")
            await self._connection.setLocalDescription(await self._connection.createAnswer())
            guard(self._connection)
        except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:  # aiortc parses without mercy
            await self.close()
            raise ValueError(f"the offer can't be answered: {error}") from None
        return str(self._connection.localDescription.sdp)

    def join(self, from_browser: Frames | None, to_browser: Frames | None) -> None:
        """Connect it with a call's frames; `None` ends that."""
        self.source, self._ears.source = from_browser, to_browser

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self._ears.stop()
        with contextlib.suppress(Exception):  # what is broken already
            await self._connection.close()

    def _changed(self) -> None:
        state = self._connection.connectionState
        self.connected = state == "connected"
        told = {"connected": "connected", "disconnected": "lost", "failed": "closed", "closed": "closed"}.get(state)
        if told is not None:
            self._on_state(self, told)

    def _track(self, track: MediaStreamTrack) -> None:
        self._reading = asyncio.ensure_future(self._read(track))

    async def _read(self, track: MediaStreamTrack) -> None:
        rest = np.zeros(0, np.int16)
        with contextlib.suppress(MediaStreamError, asyncio.CancelledError):
            while True:
                frame = await track.recv()
                if self.source is None or not isinstance(frame, AudioFrame):
                    continue
                samples = frame.to_ndarray().reshape(-1)
                if frame.layout.name != "mono" or frame.sample_rate != RATE:
                    continue  # not what was agreed
                rest = np.concatenate((rest, samples.astype(np.int16)))
                while len(rest) >= FRAME_BYTES:
                    self.source.put(encode_ulaw(rest[:FRAME_BYTES]))
                    rest = rest[FRAME_BYTES:]
