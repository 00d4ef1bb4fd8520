"""Received audio in the order of its timestamps: late packets are waited for shortly, gaps are filled with silence."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.channels.leg import FRAME_BYTES

WAITING = 3
"""Frames held back for an earlier one (60 ms at the usual packet time); then the gap is given up as lost."""
LONGEST_GAP = 8000 * 5
"""A timestamp further away than this is a source that restarted its clock, not a gap."""
STALLED = 0.2
"""Seconds without a packet after which silence runs on by the clock (the peer is on hold or suppresses silence)."""


class Reorder:
    """Feed it packets and ticks; it gives back contiguous audio. Payloads may have any packet time."""

    __slots__ = ("_held", "_last", "_next", "_padded", "silence")

    def __init__(self, silence: bytes, now: float) -> None:
        self.silence = silence
        self._held: dict[int, bytes] = {}
        self._next: int | None = None
        self._last = now
        self._padded = False

    def reset(self, silence: bytes) -> None:
        """The source or its codec changed: the next packet begins anew."""
        self.silence = silence
        self._held.clear()
        self._next = None

    def push(self, timestamp: int, payload: bytes, now: float) -> Iterator[bytes]:
        """What has become complete with this packet, in order."""
        self._last = now
        if self._next is None or self._padded:
            self._next, self._padded = timestamp, False
        ahead = _difference(timestamp, self._next)
        if abs(ahead) > LONGEST_GAP:
            self._held.clear()
            self._next, ahead = timestamp, 0
        if ahead < 0:
            return
        if ahead == 0 and not self._held:
            self._next = (timestamp + len(payload)) & 0xFFFFFFFF
            yield payload
            return
        self._held.setdefault(timestamp, payload)
        yield from self._release(WAITING)

    def tick(self, now: float) -> bytes:
        """Call it every 20 ms: a frame of silence while the source is stalled, otherwise nothing."""
        if now - self._last < STALLED:
            return b""
        if self._held:
            return b"".join(self._release(0))
        self._padded = True
        return self.silence * FRAME_BYTES

    def drain(self) -> Iterator[bytes]:
        """The frames still held back, at the end."""
        yield from self._release(0)

    def _release(self, waiting: int) -> Iterator[bytes]:
        held = self._held
        while held:
            assert self._next is not None
            expected = self._next
            first = min(held, key=lambda timestamp: _difference(timestamp, expected))
            gap = _difference(first, expected)
            if gap > 0 and len(held) <= waiting:
                return
            payload = held.pop(first)
            if gap < 0:
                continue
            self._next = (first + len(payload)) & 0xFFFFFFFF
            yield self.silence * gap + payload


def _difference(a: int, b: int) -> int:
    """a - b on the circle of 32-bit timestamps."""
    return ((a - b + 0x80000000) & 0xFFFFFFFF) - 0x80000000
