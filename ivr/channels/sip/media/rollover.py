"""The rollover counter of a peer that had been sending for long when we began to listen.

Packets carry the lower half of their index alone; the rest, the rollover counter, both sides count (RFC 3711 section
3.3.1). Whoever begins anew, as the media process does that takes the place of one that died, begins at 0, while a peer
that has sent for more than 22 minutes is further. libsrtp's Python binding can't set the counter, but as we know the
key we can lead a context on by packets of our own making: three a turn, each less than half a turn further.
"""

from __future__ import annotations

from collections.abc import Callable

from pylibsrtp import Error, Session

from ivr.channels.sip.media.rtp import HEADER, VERSION

MOST_TURNS = 64
"""Of 65,536 packets, 22 minutes: nearly a day."""
_STEPS = (21_846, 43_691, 65_536)
_HEADER_BYTES = 12


class Rollover:
    """Tries one turn more with each packet that isn't authentic by then; `make(outbound)` gives contexts of one key."""

    def __init__(self, make: Callable[[bool], Session]) -> None:
        self._make = make
        self._ssrc = self._index = -1
        self._turns = 0
        self._out: Session
        self._into: Session

    def open(self, data: bytes) -> tuple[bytes, Session] | None:
        """The packet and the context that takes all that follow; None where it is not of the next turn either."""
        if len(data) < _HEADER_BYTES or self._turns >= MOST_TURNS:
            return None
        self._turns += 1
        _, _, sequence, _, ssrc = HEADER.unpack_from(data)
        try:
            if ssrc != self._ssrc:
                self._out, self._into, self._ssrc = self._make(True), self._make(False), ssrc
                self._index = max(sequence - 1, 0) % 32_768
                self._lead(self._index)
                if sequence - 1 > self._index:
                    self._index = sequence - 1
                    self._lead(self._index)
            for step in _STEPS:
                self._lead(self._index + step)
            self._index += _STEPS[-1]
            return self._into.unprotect(data), self._into
        except Error:
            return None

    def _lead(self, index: int) -> None:
        packet = HEADER.pack(VERSION, 0, index & 0xFFFF, 0, self._ssrc)
        self._into.unprotect(self._out.protect(packet))
