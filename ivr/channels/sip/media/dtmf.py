"""DTMF as RTP events (RFC 4733): which packets are a new digit, and what to send for digits of our own."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from ivr.channels.leg import FRAME_BYTES
from ivr.channels.sip.media.inband import tone_frames

DIGITS = "0123456789*#ABCD"
"""RFC 4733 section 3.2: the digit of each event code from 0 to 15."""
_EVENT = Struct("!BBH")
_END = 0x80
_VOLUME = 10
_STALE = 40000
"""A timestamp that lies up to 5 s back is a late or repeated packet; one further back is a sender that restarted."""
_SEGMENT = 0xFFFF
"""Longest duration one event can tell; a longer key press goes on under a new timestamp (section 2.5.1.3)."""


class EventReceiver:
    """Turns event packets into digits: each counts once, at the first packet that has its timestamp."""

    __slots__ = ("_ended", "_event", "_timestamp")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """A new source: its timestamps have nothing to do with the old ones."""
        self._timestamp: int | None = None
        self._event = -1
        self._ended = True

    def receive(self, timestamp: int, payload: bytes) -> str | None:
        """The digit that begins with this packet, or None (a repetition, an old packet, no digit, nonsense)."""
        if len(payload) < _EVENT.size:
            return None
        event, flags, _duration = _EVENT.unpack_from(payload)
        if event >= len(DIGITS):
            return None
        last = self._timestamp
        if last is not None:
            if timestamp == last:
                self._ended = self._ended or bool(flags & _END)
                return None
            if (last - timestamp) & 0xFFFFFFFF <= _STALE:
                return None
            if not self._ended and event == self._event and (timestamp - last) & 0xFFFFFFFF == _SEGMENT:
                self._timestamp = timestamp
                return None
        self._timestamp, self._event, self._ended = timestamp, event, bool(flags & _END)
        return DIGITS[event]


class Step(NamedTuple):
    """What to send in one 20 ms tick of a digit; `elapsed` samples lie between the digit's start and now."""

    payload: bytes
    event: bool = False
    marker: bool = False
    elapsed: int = 0


_PRESSED = 8
_REPEATED_ENDS = 3
_PAUSE = 3


def digit_steps(digits: str, silent_frame: bytes, *, events: bool) -> Iterator[Step]:
    """One step per tick for a string of digits: 160 ms a digit, three end packets, a pause.

    Without `events` (the peer never offered them) the digits are tones in mu-law. Other characters are skipped.
    """
    for digit in digits.upper():
        code = DIGITS.find(digit)
        if code < 0:
            continue
        if events:
            for tick in range(_PRESSED + _REPEATED_ENDS):
                duration = min(tick + 1, _PRESSED) * FRAME_BYTES
                flags = _VOLUME if tick < _PRESSED else _END | _VOLUME
                payload = _EVENT.pack(code, flags, duration)
                yield Step(payload, True, tick == 0, tick * FRAME_BYTES)
        else:
            for frame in tone_frames(digit, _PRESSED):
                yield Step(frame)
        for _ in range(_PAUSE):
            yield Step(silent_frame)
