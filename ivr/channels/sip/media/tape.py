"""A conversation recorded in two channels: what one stream's party says left, what it is sent right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.channels.leg import FRAME_BYTES
from ivr.channels.sip.media import mixer
from ivr.channels.sip.media.g711 import PCMU
from ivr.channels.sip.media.recording import RESUME_DELAY, Reason
from ivr.channels.sip.media.wav import DiskWriter

if TYPE_CHECKING:
    from ivr.channels.sip.media.stream import RtpStream

_CHUNK = 8000
"""Bytes (one second) of each channel that are collected before the disk writer gets them."""


class Tape:
    """Both channels run on the stream's sending tick, so they never drift apart; silence stands for what is missing.

    Once `ended` is set nothing more goes in.
    """

    def __init__(self, number: int, stream: RtpStream, path: str, writer: DiskWriter, max_seconds: float) -> None:
        self.number, self.stream, self.path = number, stream.id, path
        self.ended: Reason | None = None
        self._writer = writer
        self._left, self._right = bytearray(), bytearray()
        self._remaining = max(0, round(max_seconds * 8000))
        self._paused = False
        self._muted_until = 0.0
        self._lane = mixer.attach(mixer.Lane(stream, None, PCMU))
        writer.open(number, path, channels=2)

    def pause(self, paused: bool, now: float) -> None:
        """While paused, and for `RESUME_DELAY` after, silence goes into both channels."""
        if self._paused and not paused:
            self._muted_until = now + RESUME_DELAY
        self._paused = paused

    def take(self, sent: bytes, now: float) -> bool:
        """One tick: `sent` is 20 ms of mu-law that goes out to the party. True if that ended the recording."""
        said = self._lane.pull()
        if self._paused or now < self._muted_until:
            said, sent = None, PCMU.silent_frame
        size = min(FRAME_BYTES, self._remaining)
        self._left += (said or PCMU.silent_frame)[:size]
        self._right += sent[:size]
        self._remaining -= size
        if len(self._left) >= _CHUNK:
            self._flush()
        if self._remaining <= 0:
            self.end("max")
        return bool(self.ended)

    def end(self, reason: Reason) -> bool:
        """End it; the file is complete when the disk writer says so. False if it had ended before."""
        if self.ended:
            return False
        self._flush()
        self._close(reason)
        return True

    def _flush(self) -> None:
        if self._left and not self._writer.append(self.number, PCMU.name, bytes(self._left + self._right)):
            self._close("error")
        self._left.clear()
        self._right.clear()

    def _close(self, reason: Reason) -> None:
        if self.ended is None:
            self.ended = reason
            self._writer.close(self.number)
            mixer.detach(self._lane)
