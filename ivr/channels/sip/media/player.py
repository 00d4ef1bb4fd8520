"""What a stream sends: clips one after the other, cut into 20 ms frames as they are due."""

from __future__ import annotations

from collections.abc import Sequence

from ivr.channels.leg import FRAME_BYTES


class Player:
    """The current play. The loop reads `audio`, `position` and `end` itself: one frame is a slice, no call."""

    __slots__ = ("_clips", "_loop", "_next", "audio", "end", "play", "position")

    def __init__(self) -> None:
        self.play: int | None = None
        self._clear()

    def _clear(self) -> None:
        self._clips: Sequence[bytes] = ()
        self._next = 0
        self._loop = False
        self.audio = b""
        self.position = self.end = 0

    def start(self, play: int, clips: Sequence[bytes], loop: bool) -> bool:
        """Begin a play in place of the current one. False if there is nothing in it to be heard."""
        self._clear()
        self._clips = [clip for clip in clips if clip]
        self._loop = loop
        self.play = play
        return self.advance()

    def stop(self) -> int | None:
        """Silence from now on; the number of the play that this ended."""
        play, self.play = self.play, None
        self._clear()
        return play

    def advance(self) -> bool:
        """Go on to the next clip; False at the end of the last one."""
        if self._next >= len(self._clips):
            if not self._loop or not self._clips:
                return False
            self._next = 0
        self.audio = self._clips[self._next]
        self.position, self.end = 0, len(self.audio)
        self._next += 1
        return True


def whole_frames(ulaw: bytes) -> bytes:
    """Mu-law padded with silence to whole frames."""
    return ulaw + b"\xff" * (-len(ulaw) % FRAME_BYTES)
