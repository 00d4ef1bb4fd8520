"""What becomes of a stream's received audio: keys heard as tones, recording, a listener."""

from __future__ import annotations

import time

from ivr.channels.leg import FRAME_BYTES
from ivr.channels.sip.media.g711 import PCMU, Codec
from ivr.channels.sip.media.inband import ToneDetector
from ivr.channels.sip.media.recording import Reason, Recording
from ivr.channels.sip.media.reorder import Reorder

_EVENT_LINGERS = 0.2
"""Seconds after the last event packet for which its key is taken as still sounding."""


class Ear:
    """Takes a stream's audio packets while somebody wants them (`wanted`)."""

    def __init__(self, tones: ToneDetector) -> None:
        self.codec: Codec = PCMU
        self.recording: Recording | None = None
        self.listening = False
        self.row = -1
        """The stream's row in the tone detector, or -1."""
        self.key_seen = 0.0
        """When the last event packet came."""
        self._tones = tones
        self._sequence = -1
        self._remainder = bytearray()
        self._reorder: Reorder | None = None
        self._feed = bytearray()

    @property
    def wanted(self) -> bool:
        return self.row >= 0 or self._reorder is not None

    @property
    def timed(self) -> bool:
        """Whether `tick()` is needed every 20 ms."""
        return self._reorder is not None

    def use(self, codec: Codec) -> None:
        """The stream's codec changed."""
        self.codec = codec
        if self._reorder is not None:
            self._reorder.reset(codec.silence)
        if self.recording is not None:
            self.recording.use(codec)

    def new_source(self) -> None:
        """Sequence numbers and timestamps begin anew."""
        self._sequence = -1
        if self._reorder is not None:
            self._reorder.reset(self.codec.silence)

    def detect_tones(self, on: bool) -> None:
        if on and self.row < 0:
            self.row = self._tones.add()
        elif not on and self.row >= 0:
            self._tones.remove(self.row)
            self.row = -1

    def listen(self, on: bool) -> None:
        self.listening = on
        self._feed.clear()
        self._order()

    def record(self, recording: Recording) -> None:
        self.end_recording("stopped")
        self.recording = recording
        self._order()

    def end_recording(self, reason: Reason) -> None:
        recording = self.recording
        if recording is None:
            return
        if self._reorder is not None:
            now = time.monotonic()
            for audio in self._reorder.drain():
                recording.take(audio, now, keying=self._keying(now))
        recording.end(reason)
        self.recording = None
        self._order()

    def _order(self) -> None:
        if not (self.listening or self.recording is not None):
            self._reorder = None
        elif self._reorder is None:
            self._reorder = Reorder(self.codec.silence, time.monotonic())

    def hear(self, sequence: int, timestamp: int, payload: bytes, now: float) -> None:
        """One received packet's audio, in the stream's codec."""
        if self.row >= 0:
            self._detect(sequence, payload)
        if self._reorder is not None:
            for audio in self._reorder.push(timestamp, payload, now):
                self._take(audio, now)

    def _detect(self, sequence: int, payload: bytes) -> None:
        ahead = (sequence - self._sequence) & 0xFFFF
        if self._sequence >= 0 and ahead != 1:
            if ahead == 0 or ahead > 0x8000:
                return  # a repeated or late packet would break the tone
            self._tones.lost(self.row)
        self._sequence = sequence
        self._remainder += payload if self.codec.to_ulaw is None else payload.translate(self.codec.to_ulaw)
        while len(self._remainder) >= FRAME_BYTES:
            self._tones.push(self.row, bytes(self._remainder[:FRAME_BYTES]))
            del self._remainder[:FRAME_BYTES]

    def _keying(self, now: float) -> bool:
        return now - self.key_seen < _EVENT_LINGERS or (self.row >= 0 and self._tones.sounding(self.row))

    def _take(self, audio: bytes, now: float) -> None:
        if self.recording is not None and self.recording.take(audio, now, keying=self._keying(now)):
            self.recording = None
            self._order()
        if self.listening:
            self._feed += audio if self.codec.to_ulaw is None else audio.translate(self.codec.to_ulaw)

    def tick(self, now: float) -> None:
        """Time goes on for a recording when no packets come."""
        if self._reorder is not None and (audio := self._reorder.tick(now)):
            self._take(audio, now)

    def take_feed(self) -> bytes:
        """Whole 20 ms frames of mu-law for the listener."""
        size = len(self._feed) - len(self._feed) % FRAME_BYTES
        feed = bytes(self._feed[:size])
        del self._feed[:size]
        return feed

    def close(self) -> None:
        self.end_recording("hangup")
        self.listen(False)
        self.detect_tones(False)
