"""One recording: what goes into the file, and what ends it."""

from __future__ import annotations

from typing import Literal

from ivr.channels.leg import FRAME_BYTES
from ivr.channels.sip.media.g711 import Codec
from ivr.channels.sip.media.wav import DiskWriter

Reason = Literal["stopped", "key", "silence", "max", "hangup", "error"]

_CHUNK = 8000
"""Bytes (one second) that are collected before the disk writer gets them."""
RESUME_DELAY = 0.5
"""Seconds that silence goes on after a pause: the last secret key may still be sounding."""
_SPEECH_FRAMES = 3
"""Loud frames in a row that are speech rather than a click."""


class SilenceMeter:
    """Tells how long the talker has been silent, by loudness over the line's own noise."""

    __slots__ = ("_floor", "_loud", "_table", "samples")

    def __init__(self, codec: Codec) -> None:
        self._table = codec.loudness
        self._floor = 4.0
        self._loud = 0
        self.samples = 0

    def hear(self, coded: bytes) -> None:
        """Take the next piece of audio; `samples` then is the length of the silence so far."""
        level = sum(coded.translate(self._table)) / len(coded)
        # the floor follows quieter sound at once and rises slowly, so that speech does not become the floor
        self._floor = min(level, self._floor * 1.005 + 0.002)
        self._loud = self._loud + 1 if level > 4 + 2.5 * self._floor else 0
        self.samples = 0 if self._loud >= _SPEECH_FRAMES else self.samples + len(coded)


class Recording:
    """Takes a stream's received audio in order. Once `ended` is set nothing more goes in."""

    def __init__(
        self,
        number: int,
        stream: int,
        path: str,
        writer: DiskWriter,
        codec: Codec,
        *,
        max_seconds: float,
        finish_on: str,
        silence_seconds: float | None,
    ) -> None:
        self.number, self.stream, self.path = number, stream, path
        self.finish_on = finish_on
        self.ended: Reason | None = None
        self._writer = writer
        self._codec = codec
        self._left = max(0, round(max_seconds * 8000))
        self._silence = None if silence_seconds is None else max(FRAME_BYTES, round(silence_seconds * 8000))
        self._meter = SilenceMeter(codec)
        self._chunk = bytearray()
        self._paused = False
        self._muted_until = 0.0
        writer.open(number, path)

    def use(self, codec: Codec) -> None:
        """The stream's codec changed in the middle."""
        if codec is not self._codec:
            self._flush()
            self._codec, self._meter = codec, SilenceMeter(codec)

    def pause(self, paused: bool, now: float) -> None:
        if self._paused and not paused:
            self._muted_until = now + RESUME_DELAY
        self._paused = paused

    def take(self, coded: bytes, now: float, *, keying: bool) -> bool:
        """Write audio, silence in its place while paused; True if that ended it.

        `keying`: a key is sounding, which prolongs a pause that is about to be over.
        """
        if self.ended:
            return False
        if self._paused or now < self._muted_until:
            if keying:
                self._muted_until = max(self._muted_until, now + 0.1)
            coded = self._codec.silence * len(coded)
            self._meter.samples = 0
        elif self._silence is not None:
            self._meter.hear(coded)
        self._chunk += coded[: self._left]
        self._left -= len(coded)
        if len(self._chunk) >= _CHUNK:
            self._flush()
        if self._left <= 0:
            return self.end("max")
        if self._silence is not None and self._meter.samples >= self._silence:
            return self.end("silence")
        return bool(self.ended)

    def end(self, reason: Reason) -> bool:
        """End it; the file is complete when the disk writer says so. False if it had ended before."""
        if self.ended:
            return False
        self._flush()
        if self.ended is None:
            self.ended = reason
            self._writer.close(self.number)
        return True

    def _flush(self) -> None:
        if self._chunk and not self._writer.append(self.number, self._codec.name, bytes(self._chunk)):
            self.ended = "error"
            self._writer.close(self.number)
        self._chunk.clear()
