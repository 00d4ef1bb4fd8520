"""What a waiting caller hears: an announcement, once it is rendered, and music."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

from ivr.channels.leg import Clip, PlayEnded
from ivr.channels.voice.line import Line
from ivr.channels.voice.overheard import Overheard


class Said:
    """What a waiting caller hears: an intro, once it is rendered, then music for ever. `overheard` is told of both."""

    def __init__(
        self, line: Line, music: Sequence[Clip], intro: Awaitable[Sequence[Clip]] | None, overheard: Overheard,
        wake: asyncio.Event,
    ) -> None:  # fmt: skip
        self._leg, self._clips = line.leg, music
        self._overheard = overheard
        self._intro = None if intro is None else asyncio.ensure_future(intro)
        self._playing: int | None = None
        if self._intro is not None:
            self._intro.add_done_callback(lambda _: wake.set())
        else:
            self.music()

    def go_on(self) -> None:
        """Say the intro when it is there. Raises SpeechError."""
        if self._intro is not None and self._intro.done():
            clips, self._intro = self._intro.result(), None
            if clips:
                self._overheard.plays(clips, music=False)
                self._playing = self._leg.play(clips)
            else:
                self.music()

    def ended(self, event: PlayEnded) -> None:
        if event.play == self._playing and event.reason == "done":
            self.music()

    def music(self) -> None:
        self._playing = None
        self._overheard.plays(self._clips, music=True)
        self._leg.play(self._clips, loop=True)

    def close(self) -> None:
        if self._intro is not None:
            self._intro.cancel()
        self._overheard.close()
