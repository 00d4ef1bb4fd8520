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
_SEGMENT = 0xFFFF
"""Longest duration one event can tell; a longer key press goes on under a new timestamp (section 2.5.1.3)."""
_REPEATED = 2.0
"""Seconds for which a packet with a known timestamp repeats that press; later a sender plays a recording again."""
_HELD = 0.2
"""Seconds without a packet for which a press that was not told to have ended is taken as going on."""
_REMEMBERED = 16


class EventReceiver:
    """Turns event packets into digits: each counts once, at the first packet with its SSRC, timestamp and code."""

    __slots__ = ("_at", "_ended", "_press", "_seen")

    def __init__(self) -> None:
        self._press = (-1, -1, -1)
        self._ended = True
        self._at = 0.0
        self._seen: dict[tuple[int, int, int], float] = {}
        """When the last packet of each of the latest presses came."""

    def receive(self, ssrc: int, timestamp: int, payload: bytes, now: float) -> str | None:
        """The digit that begins with this packet, or None (a repetition, a late packet, no digit, nonsense).

        `now` is in seconds of any steady clock: the loop's own, which stands still while it can't read.
        """
        if len(payload) < _EVENT.size:
            return None
        event, flags, _duration = _EVENT.unpack_from(payload)
        if event >= len(DIGITS):
            return None
        press, ended = (ssrc, timestamp, event), bool(flags & _END)
        before = self._seen.pop(press, None)
        self._seen[press] = now
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        if before is not None and now - before < _REPEATED:
            if press == self._press:
                self._ended, self._at = self._ended or ended, now
            return None
        goes_on = not self._ended and self._goes_on(ssrc, timestamp, event, now)
        self._press, self._ended, self._at = press, ended, now
        return None if goes_on else DIGITS[event]

    def _goes_on(self, ssrc: int, timestamp: int, event: int, now: float) -> bool:
        """Whether the key that was held is still held, under another timestamp."""
        last_ssrc, last, held = self._press
        if event != held:
            return False
        if ssrc == last_ssrc:
            return (timestamp - last) & 0xFFFFFFFF == _SEGMENT
        return now - self._at < _HELD


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
